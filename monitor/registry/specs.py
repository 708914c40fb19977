"""The specification of a monitored model: frozen, resolved, all durations in milliseconds.

`registry.config` makes these from YAML; tests and tools may build them directly.
"""

import hashlib
from fnmatch import fnmatchcase
from math import gcd
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Task = Literal["classification", "regression"]
Tier = Literal["minimal", "low", "limited", "medium", "high", "prohibited"]
Clock = Literal["append", "events"]
Authority = Literal["observe", "dry_run", "approve", "auto"]
FeatureKind = Literal["numeric", "categorical"]
Metric = Literal["accuracy", "precision", "recall", "f1"]
#: How drift is told from chance: within a budget, or by the article's limits alone.
Method = Literal["calibrated", "plain"]


#: How many of a unit make the next one, where panes make neither whole hours nor whole days.
MANY = 24


def units(pane_ms: int) -> tuple[int, ...]:
    """The lengths of panes and of their roll-ups in ms, each a multiple of the one before.

    >>> [unit // 60_000 for unit in units(5 * 60_000)]
    [5, 60, 1440]
    >>> [unit // 60_000 for unit in units(7 * 60_000)]
    [7, 168, 4032]
    """
    found = [pane_ms]
    for natural in (HOUR_MS, DAY_MS):
        if natural > found[-1] and natural % found[-1] == 0:
            found.append(natural)
    return tuple(found) if len(found) > 1 else (pane_ms, pane_ms * MANY, pane_ms * MANY**2)


class Thresholds(Struct, frozen=True):
    """Limits that a value must exceed for a grade; None where there is no such grade."""

    medium: float | None = None
    high: float | None = None
    critical: float | None = None


PSI = Thresholds(0.1, 0.2, 0.3)
RATES = Thresholds(0.01, 0.05, 0.10)
JS_DIVERGENCE = Thresholds(0.1)
DROP = Thresholds(0.03, 0.05, 0.10)


class WindowSpec(Struct, frozen=True, kw_only=True):
    """Windows of event time: `size_ms` long, one every `hop_ms`, open to late events.

    A `provisional` one is judged at its end already, and again when no event can change it.
    """

    size_ms: int
    hop_ms: int
    allowed_lateness_ms: int
    provisional: bool = False


HOURLY = WindowSpec(size_ms=HOUR_MS, hop_ms=HOUR_MS, allowed_lateness_ms=10 * MINUTE_MS)


class DataDriftSpec(Struct, frozen=True, kw_only=True):
    """How the inputs are judged; `include` and `exclude` are patterns of feature names.

    `false_alarms` are new episodes a month, of the whole model; inputs may spend their share.
    """

    windows: tuple[WindowSpec, ...] = (HOURLY,)
    min_samples: int = 500
    method: Method = "calibrated"
    false_alarms: float = 1.0
    thresholds: dict[str, Thresholds] = field(default_factory=lambda: {"psi": PSI, "rates": RATES})
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def judges(self, feature: str) -> bool:
        """Whether a feature is included, and not excluded; patterns as in a shell.

        >>> DataDriftSpec(include=("a*", "b"), exclude=("ab",)).judges("ab")
        False
        """

        def among(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(feature, pattern) for pattern in patterns)

        return among(self.include) and not among(self.exclude)


class PredictionDriftSpec(Struct, frozen=True, kw_only=True):
    """How the outputs are judged: the classes predicted, and their scores."""

    windows: tuple[WindowSpec, ...] = (HOURLY,)
    min_samples: int = 500
    method: Method = "calibrated"
    false_alarms: float = 1.0
    thresholds: dict[str, Thresholds] = field(
        default_factory=lambda: {"psi": PSI, "js_divergence": JS_DIVERGENCE}
    )


class PerformanceSpec(Struct, frozen=True, kw_only=True):
    """How labels against predictions are judged: against the baseline, and recent periods.

    With the method `plain` the article's limits alone decide; else a fall must be real, too.
    """

    windows: tuple[WindowSpec, ...] = (HOURLY,)
    metric: Metric = "accuracy"
    min_samples: int = 100
    thresholds: dict[str, Thresholds] = field(
        default_factory=lambda: {"drop": DROP, "concept": DROP}
    )
    periods: int = 4
    method: Method = "calibrated"
    false_alarms: float = 1.0


class LabelsSpec(Struct, frozen=True, kw_only=True):
    """How long labels are waited for, and the share of predictions that must have one."""

    max_delay_ms: int = 30 * DAY_MS
    min_coverage: float = 0.8


class ReviewsSpec(Struct, frozen=True, kw_only=True):
    """How long after its prediction a human's review may come."""

    max_delay_ms: int = 30 * DAY_MS


class BaselineSpec(Struct, frozen=True, kw_only=True):
    """Where a baseline is; `path` is relative to the configuration's folder.

    It holds for event times from `effective_from_ms` on, None where it is the first. People are
    told once when its data is older than `expires_after_ms`, if that is given.
    """

    type: Literal["reference"] = "reference"
    path: str
    effective_from_ms: int | None = None
    expires_after_ms: int | None = None


class AnnotationSpec(Struct, frozen=True, kw_only=True):
    """A stretch of event time, [from, until) in ms, that is neither judged nor learnt from."""

    from_ms: int
    until_ms: int
    why: str

    def touches(self, start_ms: int, end_ms: int) -> bool:
        """Whether it has any time in common with [start, end)."""
        return self.from_ms < end_ms and start_ms < self.until_ms


class ModelSpec(Struct, frozen=True, kw_only=True):
    """One monitored model: what it is, how it is judged, and what may be done about it.

    `expected_rate` is in predictions a second; disk and recovery are reckoned from it, and how many
    ids are remembered at once in a partition unless `max_remembered` says so.
    """

    id: str
    task: Task = "classification"
    risk_tier: Tier = "medium"
    owners: dict[str, str] = {}
    vendor: str | None = None
    clock: Clock = "append"
    disorder_ms: int = 30 * SECOND_MS
    max_alert_age_ms: int = 15 * MINUTE_MS
    authority: Authority = "dry_run"
    deduplicate: bool = True
    repartition: bool = False
    expected_rate: float | None = None
    max_remembered: int | None = None
    features: dict[str, FeatureKind] = {}
    personal: tuple[str, ...] = ()
    positive: str | None = None
    baselines: tuple[BaselineSpec, ...] = ()
    annotations: tuple[AnnotationSpec, ...] = ()
    data_drift: DataDriftSpec | None = None
    prediction_drift: PredictionDriftSpec | None = None
    performance: PerformanceSpec | None = None
    labels: LabelsSpec | None = None
    reviews: ReviewsSpec | None = None
    config_hash: str = ""

    @property
    def windows(self) -> tuple[WindowSpec, ...]:
        """The windows of all signals that are on."""
        return self.input_windows + (self.performance.windows if self.performance else ())

    @property
    def input_windows(self) -> tuple[WindowSpec, ...]:
        """The windows of inputs and outputs: those of data drift, then of prediction drift."""
        signals = (self.data_drift, self.prediction_drift)
        return tuple(w for signal in signals if signal is not None for w in signal.windows)

    @property
    def review_delay_ms(self) -> int | None:
        """How long after its prediction a review may come; None where reviews are not taken.

        Where labels are joined, so are reviews, and within as long: it costs nothing more.
        """
        declared = self.reviews or self.labels
        return declared.max_delay_ms if declared else None

    @property
    def lateness_ms(self) -> int:
        """How long after a pane's end its events are still taken: the widest of all windows'."""
        return max((window.allowed_lateness_ms for window in self.windows), default=0)

    @property
    def join_ms(self) -> int:
        """How long a prediction is remembered for what may yet be said of it; 0 without joins."""
        return max(self.labels.max_delay_ms if self.labels else 0, self.review_delay_ms or 0)

    @property
    def remembers(self) -> bool:
        """Whether predictions are remembered by their ids."""
        return self.deduplicate or self.labels is not None or self.reviews is not None

    @property
    def provisional(self) -> bool:
        """Whether any window is judged at its end already."""
        return any(window.provisional for window in self.windows)

    @property
    def pane_ms(self) -> int:
        """The length of a pane: the longest up to an hour of which all windows are made."""
        common = gcd(*(length for w in self.windows for length in (w.size_ms, w.hop_ms)))
        if common <= HOUR_MS:
            return common or HOUR_MS
        pieces = -(-common // HOUR_MS)
        while common % pieces:
            pieces += 1
        return common // pieces

    @property
    def boundary_ms(self) -> int:
        """The length of the longest pane or roll-up that its windows are made of.

        At a multiple of it a baseline may change: none of them then holds counts over two.
        """
        longest = max((w.size_ms for w in self.windows), default=0)
        return max((unit for unit in units(self.pane_ms) if unit <= longest), default=self.pane_ms)


class SecuritySpec(Struct, frozen=True, kw_only=True):
    """How to log in to Kafka; secrets stay in the environment variables that are named here."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password_env: str | None = None
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None


class KafkaSpec(Struct, frozen=True, kw_only=True):
    """Where Kafka is, and the shape of the topics that we make there."""

    bootstrap: str = "127.0.0.1:19092"
    partitions: int = 4
    replication: int = 1
    security: SecuritySpec | None = None


class MetricsSpec(Struct, frozen=True, kw_only=True):
    """Where Prometheus may ask; port 0 is any that is free, None turns it off."""

    host: str = "127.0.0.1"
    port: int | None = 9464


class ApproverSpec(Struct, frozen=True, kw_only=True):
    """Who may approve commands, and with which Ed25519 key: base64, or the path of a PEM file."""

    name: str
    key: str


class Config(Struct, frozen=True, kw_only=True):
    """A whole configuration; `path` is the file that it came from."""

    namespace: str = "watchkeeper"
    kafka: KafkaSpec = KafkaSpec()
    metrics: MetricsSpec = MetricsSpec()
    approvers: tuple[ApproverSpec, ...] = ()
    models: tuple[ModelSpec, ...] = ()
    path: str = ""

    def model(self, model_id: str) -> ModelSpec | None:
        """Return the model of that id, None if there is none."""
        return next((model for model in self.models if model.id == model_id), None)


#: What no verdict and no response depends on: who is told of, what is shown, and where baselines
#: are. A verdict names its baseline itself. The expected rate bounds what is remembered.
UNHASHED = frozenset(("baselines", "config_hash", "owners", "personal", "vendor"))


def config_hash(spec: ModelSpec) -> str:
    """Return 16 hex digits that change if and only if what is judged, or answered to, may change.

    >>> config_hash(ModelSpec(id="a")) == config_hash(ModelSpec(id="a", vendor="acme"))
    True
    """
    built: dict[str, Any] = msgspec.to_builtins(spec)
    resolved = {name: value for name, value in built.items() if name not in UNHASHED}
    terms = [one.expires_after_ms for one in spec.baselines]
    if any(term is not None for term in terms):
        resolved["expires_after_ms"] = terms
    canonical = msgspec.json.encode(resolved, order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:16]


def sealed(spec: ModelSpec) -> ModelSpec:
    """Return the specification with its own hash in `config_hash`."""
    return msgspec.structs.replace(spec, config_hash=config_hash(spec))
