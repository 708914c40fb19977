"""The shape of a configuration in YAML: keys, types, bounds and defaults, and nothing more.

The reader (`registry.reading`) walks these types, and `schemas/config.schema.json` is generated
from them, so that an editor and `watchkeeper check` know the same keys.
"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field

from monitor.registry.durations import DURATION_PATTERN
from monitor.registry.instants import INSTANT_PATTERN
from monitor.registry.limits import ID_PATTERN, MAX_FEATURES
from monitor.registry.specs import (
    DROP,
    JS_DIVERGENCE,
    PSI,
    RATES,
    FeatureKind,
    Method,
    Metric,
    Tier,
)

Duration = Annotated[
    str, Meta(pattern=DURATION_PATTERN, description="a duration such as 30s, 5m, 1h or 7d")
]
Identifier = Annotated[
    str,
    Meta(pattern=ID_PATTERN, description="1 to 128 letters, digits or any of . _ : / @ -"),
]
Instant = Annotated[
    str,
    Meta(pattern=INSTANT_PATTERN, description="a time such as 2026-03-01T00:00:00Z (RFC 3339)"),
]
Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[float, Meta(ge=0)] | None
Ratio = Annotated[float, Meta(ge=0, le=1)] | None

_LATER = "is not supported yet; remove it"


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping with known keys; `remedies` says what to do about some that aren't."""

    remedies: ClassVar[dict[str, str]] = {}


class PsiLevels(Shape, frozen=True, kw_only=True):
    """Limits of the population stability index; null where a grade isn't wanted."""

    medium: Limit = PSI.medium
    high: Limit = PSI.high
    critical: Limit = PSI.critical


class RateLevels(Shape, frozen=True, kw_only=True):
    """Limits of how far a rate of nulls, type errors and the like exceeds the baseline's."""

    medium: Ratio = RATES.medium
    high: Ratio = RATES.high
    critical: Ratio = RATES.critical


class JsLevels(Shape, frozen=True, kw_only=True):
    """Limits of the Jensen–Shannon divergence, in nats (at most ln 2)."""

    medium: Limit = JS_DIVERGENCE.medium
    high: Limit = JS_DIVERGENCE.high
    critical: Limit = JS_DIVERGENCE.critical


class DropLevels(Shape, frozen=True, kw_only=True):
    """Limits of how far performance drops."""

    medium: Ratio = DROP.medium
    high: Ratio = DROP.high
    critical: Ratio = DROP.critical


class Window(Shape, frozen=True, kw_only=True):
    """Windows of event time; `hop` is `size` unless given.

    A `provisional` one is judged at its end already, and again after its allowed lateness.
    """

    size: Duration = "1h"
    hop: Duration | None = None
    allowed_lateness: Duration = "10m"
    provisional: bool = False


#: One length, or several: each is judged by itself.
Windows = Window | tuple[Window, ...]


class SelectedFeatures(Shape, frozen=True, kw_only=True):
    """Which features are judged: shell patterns of names."""

    include: tuple[Text, ...] = ("*",)
    exclude: tuple[Text, ...] = ()


class DataDriftThresholds(Shape, frozen=True, kw_only=True):
    """Limits by statistic."""

    psi: PsiLevels = PsiLevels()
    rates: RateLevels = RateLevels()


class PredictionDriftThresholds(Shape, frozen=True, kw_only=True):
    """Limits by statistic."""

    psi: PsiLevels = PsiLevels()
    js_divergence: JsLevels = JsLevels()


class PerformanceThresholds(Shape, frozen=True, kw_only=True):
    """Limits of the drop against the baseline, and against the mean of recent periods."""

    drop: DropLevels = DropLevels()
    concept: DropLevels = DropLevels()


_SIGNAL_REMEDIES = dict.fromkeys(("persistence", "clear", "segments"), _LATER)
FalseAlarms = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]+(\.[0-9]+)? per model-(month|week|day)$",
        description="new episodes of a model that may be false, such as 1 per model-month",
    ),
]


class DataDrift(Shape, frozen=True, kw_only=True):
    """Have the inputs moved?"""

    remedies: ClassVar[dict[str, str]] = _SIGNAL_REMEDIES
    features: SelectedFeatures = SelectedFeatures()
    window: Windows = Window()
    min_samples: Count = 500
    method: Method = "calibrated"
    false_alarms: FalseAlarms = "1 per model-month"
    thresholds: DataDriftThresholds = DataDriftThresholds()


class PredictionDrift(Shape, frozen=True, kw_only=True):
    """Has the output moved?"""

    remedies: ClassVar[dict[str, str]] = _SIGNAL_REMEDIES
    window: Windows = Window()
    min_samples: Count = 500
    method: Method = "calibrated"
    false_alarms: FalseAlarms = "1 per model-month"
    thresholds: PredictionDriftThresholds = PredictionDriftThresholds()


class Performance(Shape, frozen=True, kw_only=True):
    """Has the relation between inputs and outcome moved? Needs `labels`."""

    remedies: ClassVar[dict[str, str]] = _SIGNAL_REMEDIES
    window: Windows = Window()
    metric: Metric = "accuracy"
    min_samples: Count = 100
    thresholds: PerformanceThresholds = PerformanceThresholds()
    periods: Count = 4
    method: Method = "calibrated"
    false_alarms: FalseAlarms = "1 per model-month"


class Signals(Shape, frozen=True, kw_only=True):
    """What is judged; a signal that is left out is off."""

    data_drift: DataDrift | None = None
    prediction_drift: PredictionDrift | None = None
    performance: Performance | None = None


class Labels(Shape, frozen=True, kw_only=True):
    """How long labels are waited for, and the share of predictions that must have one."""

    max_delay: Duration = "30d"
    min_coverage: Annotated[float, Meta(gt=0, le=1)] = 0.8


class Reviews(Shape, frozen=True, kw_only=True):
    """How long reviews are waited for: as long as labels unless given, 30d without labels."""

    max_delay: Duration | None = None


_BASELINE_TYPE = "is not supported yet; use type: reference with the path of a built baseline"


class BaselineFile(Shape, frozen=True, kw_only=True):
    """A baseline, made by `watchkeeper baseline build`; its path is relative to this file.

    It holds for event times from `effective_from` on; the first of a list has none. People are told
    when the data that it was learned from ended longer than `expires_after` ago.
    """

    remedies: ClassVar[dict[str, str]] = {
        "id": "is not supported yet; the baseline's file carries its id, so remove it",
        **dict.fromkeys(
            ("size", "offset", "samples"), f"belongs to a baseline that {_BASELINE_TYPE}"
        ),
    }
    type: Annotated[
        Literal["reference"],
        Meta(extra={"later": {"trailing": _BASELINE_TYPE, "first": _BASELINE_TYPE}}),
    ] = "reference"
    path: Text
    effective_from: Instant | None = None
    expires_after: Duration | None = None


#: One for all time, or several, one after the other.
Baselines = BaselineFile | tuple[BaselineFile, ...]


class Annotation(Shape, frozen=True, kw_only=True):
    """A stretch of event time that is neither judged nor learnt from: a deploy, a holiday."""

    from_: Instant = field(name="from")
    until: Instant
    why: Text


class Owners(Shape, frozen=True, kw_only=True):
    """Who answers for the model's outcomes, its performance and its operation."""

    business: Text | None = None
    technical: Text | None = None
    operations: Text | None = None


class Vendor(Shape, frozen=True, kw_only=True):
    """Whose model it is; contracts come later."""

    name: Text


_AUTHORITY = "is not available yet; use dry_run"


class Model(Shape, frozen=True, kw_only=True):
    """One monitored model."""

    remedies: ClassVar[dict[str, str]] = {"columns": _LATER}
    id: Identifier
    task: Literal["classification", "regression"] = "classification"
    risk_tier: Tier = "medium"
    owners: Owners | None = None
    vendor: Vendor | None = None
    clock: Literal["append", "events"] = "append"
    disorder: Duration = "30s"
    max_alert_age: Duration = "15m"
    authority: Annotated[
        Literal["observe", "dry_run"],
        Meta(extra={"later": {"approve": _AUTHORITY, "auto": _AUTHORITY}}),
    ] = "dry_run"
    deduplicate: bool = True
    repartition: bool = False
    expected_rate: Annotated[float, Meta(gt=0)] | None = None
    max_remembered: (
        Annotated[
            int,
            Meta(ge=1, description="ids that a partition remembers; by default from expected_rate"),
        ]
        | None
    ) = None
    features: Annotated[dict[Text, FeatureKind], Meta(max_length=MAX_FEATURES)] = {}
    personal: Annotated[
        tuple[Text, ...],
        Meta(description="features whose values no dead letter may show"),
    ] = ()
    positive: str | int | float | bool | None = None
    baseline: Baselines | None = None
    annotations: tuple[Annotation, ...] = ()
    signals: Signals
    labels: Labels | None = None
    reviews: Reviews | None = None


class Security(Shape, frozen=True, kw_only=True):
    """How to log in to Kafka; secrets come from environment variables that are named here."""

    remedies: ClassVar[dict[str, str]] = {
        "password": "is a secret, and not for a file; put it into an environment variable and "
        "name that in password_env",
    }
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: Text | None = None
    password_env: (
        Annotated[
            str,
            Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the name of a variable"),
        ]
        | None
    ) = None
    cafile: Text | None = None
    certfile: Text | None = None
    keyfile: Text | None = None


class Kafka(Shape, frozen=True, kw_only=True):
    """Where Kafka is, and the shape of the topics that are made there."""

    bootstrap: Annotated[
        str,
        Meta(
            pattern=r"^[^\s,:]+:[0-9]{1,5}(\s*,\s*[^\s,:]+:[0-9]{1,5})*$",
            description="host:port, several with commas between them",
        ),
    ] = "127.0.0.1:19092"
    partitions: Annotated[int, Meta(ge=1, le=1000)] = 4
    replication: Annotated[int, Meta(ge=1, le=10)] = 1
    security: Security | None = None


class Metrics(Shape, frozen=True, kw_only=True):
    """Where a worker answers Prometheus, at /metrics; port 0 is any free one, null turns it off."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] | None = 9464


class Approver(Shape, frozen=True, kw_only=True):
    """Who may approve commands; one who changes keys is there once for each that still holds."""

    remedies: ClassVar[dict[str, str]] = {"roles": _LATER}
    name: Identifier
    key: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9+/]{43}=|.+\.pem)$",
            description="an Ed25519 public key: base64 of its 32 bytes, or the path of a .pem file",
        ),
    ]


Namespace = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="1 to 100 letters, digits or . _ -"),
]


class File(Shape, frozen=True, kw_only=True):
    """A configuration with its models in a list."""

    namespace: Namespace = "watchkeeper"
    kafka: Kafka = Kafka()
    metrics: Metrics = Metrics()
    approvers: tuple[Approver, ...] = ()
    models: tuple[Model, ...] = ()


class Alone(Model, frozen=True, kw_only=True):
    """A configuration of one model, written at the top level."""

    namespace: Namespace = "watchkeeper"
    kafka: Kafka = Kafka()
    metrics: Metrics = Metrics()
    approvers: tuple[Approver, ...] = ()
