"""The types of everything on the wire; `schemas/` is generated from them.

Fields that a later version adds are optional, and unknown ones are accepted, so that producers
and workers can be upgraded in any order within one major version.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from monitor.events.limits import (
    BASE64_PATTERN,
    ID_PATTERN,
    MAX_CLASS,
    MAX_FEATURE_NAME,
    MAX_FEATURES,
    MAX_INDEX,
    MAX_INTEGER,
    MAX_ROWS,
    MIN_INTEGER,
    RFC3339_PATTERN,
    SCHEMA_MAJOR,
    SCHEMA_VERSION,
)

Identifier = Annotated[
    str, Meta(pattern=ID_PATTERN, description="1 to 128 of letters, digits and ._:/@-")
]
Milliseconds = Annotated[int, Meta(ge=0, description="milliseconds since 1970-01-01T00:00:00Z")]
Instant = Annotated[str, Meta(pattern=RFC3339_PATTERN, description="RFC 3339 with an offset")]
Timestamp = Instant | Milliseconds
SchemaVersion = Annotated[
    str,
    Meta(pattern=rf"^{SCHEMA_MAJOR}(\.[0-9]+)*$(?!\n)", description="major.minor of this schema"),
]
Outcome = (
    Annotated[str, Meta(max_length=MAX_CLASS)]
    | Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
    | float
    | bool
)
FeatureValue = float | int | str | bool | None
FeatureName = Annotated[str, Meta(min_length=1, max_length=MAX_FEATURE_NAME)]
Features = Annotated[dict[FeatureName, FeatureValue], Meta(max_length=MAX_FEATURES)]
#: How many predictions a columnar record has.
Rows = Meta(min_length=1, max_length=MAX_ROWS)
Share = Annotated[float, Meta(ge=0, le=1)]

Severity = Literal["low", "medium", "high", "critical"]
Verdict = Literal[
    "low",
    "medium",
    "high",
    "critical",
    "insufficient_data",
    "no_traffic",
    "labels_immature",
    "baseline_missing",
    "inconclusive",
]
#: The detector whose finding says that nothing came from a model.
NO_TRAFFIC = "no_traffic"
#: That more came than can be remembered, and that a source partition holds a model's time back.
DEDUP_OVERFLOW = "dedup_overflow"
STALLED_PARTITION = "stalled_partition"
#: That the baseline is older than it should be.
EXPIRED_BASELINE = "expired_baseline"
#: That fewer predictions have a label than should, so that nobody knows how well the model does.
LABEL_COVERAGE = "label_coverage"
#: What tells that the monitor does not see, or not well: of these people are told, and nothing is
#: commanded.
BLINDNESS = (NO_TRAFFIC, DEDUP_OVERFLOW, STALLED_PARTITION, EXPIRED_BASELINE, LABEL_COVERAGE)
HealthStatus = Literal["healthy", "degraded", "blind"]
HealthReason = Literal[
    "no_traffic",
    "late_rate",
    "dead_rate",
    "quarantine_rate",
    "misplaced",
    "overflow",
    "dedup_overflow",
    "lag",
    "stalled_partition",
]
Authority = Literal["observe", "dry_run", "approve", "auto"]
Decision = Literal["approve", "refuse"]
#: What probably happened to a column.
CauseName = Literal[
    "unit_change",
    "scale",
    "shift",
    "sign_flip",
    "rounding",
    "clipping",
    "truncation",
    "filled_in",
    "foreign_values",
    "constant",
    "swapped_columns",
    "swapped_categories",
    "category_gone",
    "renamed_category",
    "merged_category",
    "new_categories",
    "recoded",
    "null_burst",
]
Action = Literal["alert", "review_mode", "retraining", "rollback", "monitor_closely"]


class Prediction(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One prediction of a model in production, with the features that it was made from."""

    prediction_id: Identifier
    model_id: Identifier
    model_version: Identifier
    timestamp: Timestamp
    features: Features
    prediction: Outcome
    score: float | None = None
    probabilities: dict[str, Share] | None = None
    latency_ms: Annotated[float, Meta(ge=0)] | None = None
    error: str | None = None
    variant: Literal["baseline", "canary", "shadow"] | None = None
    segment: dict[str, str] | None = None
    protected: dict[str, str] | None = None
    confidence: float | None = None
    schema_version: SchemaVersion = SCHEMA_VERSION


class Packed(Struct, frozen=True, kw_only=True):
    """A column of numbers as base64 of little-endian IEEE 754 floats; NaN stands for null.

    `f32le` is half as long, and rounds: a number that the baseline knows exactly may become
    another one.
    """

    encoding: Literal["f64le", "f32le"]
    data: Annotated[str, Meta(pattern=BASE64_PATTERN)]


class ColumnarPredictions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Many predictions of one model version in one record, a column for each of their fields.

    The n-th of every column is one prediction; all columns are equally long. Its prediction_id is
    the n-th of `prediction_ids`, or without them `<batch_id>/<first_index + n>`. The record's key
    is `batch_id`, and so is that of every label and review of its predictions: only so do they
    come to the same partition. A record has `timestamps`, or one `timestamp` for all; and it has no
    `prediction_id`, by which a single prediction is known.
    """

    batch_id: Identifier
    model_id: Identifier
    model_version: Identifier
    features: Annotated[
        dict[FeatureName, Annotated[list[FeatureValue], Rows] | Packed | None],
        Meta(max_length=MAX_FEATURES),
    ]
    predictions: Annotated[list[Outcome], Rows] | Packed
    # No union with a list: msgspec 0.22 frees a text's pattern twice there.
    timestamp: Timestamp | None = None
    timestamps: Annotated[list[Timestamp], Rows] | None = None
    scores: Annotated[list[float | None], Rows] | Packed | None = None
    prediction_ids: Annotated[list[Identifier], Rows] | None = None
    first_index: Annotated[int, Meta(ge=0, le=MAX_INDEX)] = 0
    schema_version: SchemaVersion = SCHEMA_VERSION


class Label(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ground truth of one prediction; with the optional fields it needs no join.

    `batch_id` is that of the columnar record which the prediction came in, and then the key.
    """

    prediction_id: Identifier
    model_id: Identifier
    label: Outcome
    timestamp: Timestamp
    prediction: Outcome | None = None
    score: float | None = None
    prediction_timestamp: Timestamp | None = None
    model_version: Identifier | None = None
    batch_id: Identifier | None = None
    schema_version: SchemaVersion = SCHEMA_VERSION


class Review(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A human's decision about one prediction; `batch_id` as for a label."""

    review_id: Identifier
    prediction_id: Identifier
    model_id: Identifier
    reviewer_id: Identifier
    final_decision: Outcome
    timestamp: Timestamp
    ai_prediction: Outcome | None = None
    human_initial_decision: Outcome | None = None
    human_confidence: float | None = None
    started_at: Timestamp | None = None
    batch_id: Identifier | None = None
    schema_version: SchemaVersion = SCHEMA_VERSION


class Approval(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's decision about one command, signed with Ed25519 by the key named in `key_id`.

    Signed is the canonical JSON of all other fields: keys sorted, no whitespace, UTF-8.
    """

    approval_id: Identifier
    command_id: Identifier
    model_id: Identifier
    decision: Decision
    approver: Identifier
    timestamp: Timestamp
    key_id: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{16}$(?!\n)",
            description="the first 16 hex digits of the SHA-256 of the public key",
        ),
    ]
    signature: Annotated[
        str, Meta(pattern=BASE64_PATTERN, description="base64 of 64 bytes", min_length=88)
    ]
    schema_version: SchemaVersion = SCHEMA_VERSION


class EndOfStream(Struct, frozen=True, kw_only=True, tag_field="type", tag="end_of_stream"):
    """The end of a model's replayed stream: what is open closes, whatever the clock says."""

    model_id: Identifier


class Span(Struct, frozen=True):
    """A stretch of event time, from `start` to before `end`, both RFC 3339."""

    start: str
    end: str


class TopBin(Struct, frozen=True):
    """One bin that moved: its text, and its share of the reference and of the window."""

    bin: str
    reference: float
    current: float


class Cause(Struct, frozen=True):
    """What probably happened, the words for it, and the figures that it rests on by their names.

    Of every cause that explains a change of distribution these are `psi`, `psi_after`, as if it
    had been undone, and `explained`, the part of the former that goes with it.
    """

    cause: CauseName
    detail: str
    evidence: dict[str, float] = {}


class PipelineHealth(Struct, frozen=True, kw_only=True):
    """How well the monitor saw while a window was filled: blind is never healthy.

    `late`, `dead` and `quarantined` are the model's predictions that were read then and not
    counted, those that name no model among them. `partitions` are the source partitions that lag
    or have stalled. `misplaced`, there only where there are any, are predictions, and where labels
    are judged labels too, in other partitions than their key names; `message` says what to do.
    `unremembered`, likewise, are those of the window that were counted while too many ids were
    remembered: nobody can tell whether they are repeats.
    """

    status: HealthStatus
    reasons: list[HealthReason] = []
    late: int = 0
    dead: int = 0
    quarantined: int = 0
    partitions: list[int] = []
    misplaced: int | UnsetType = UNSET
    message: str | UnsetType = UNSET
    unremembered: int | UnsetType = UNSET


class Detection(Struct, frozen=True, kw_only=True):
    """Whether a drift is real, told apart from how large it is.

    `found` within a budget of so many `false_alarms` a model-month, None where that cannot be told;
    by counting `rows`, or by ranking `windows` among the baseline's own; over the last so many
    `windows`. `p_value` is compared with `level`, what the budget leaves this look at this column.
    `gross` says that one window was twice as unlike the reference as any of the baseline's own.
    `corrected` is PSI less what chance adds to it, `lower` a bound below which it lies with a
    probability of 5 %.
    """

    found: bool | None
    path: Literal["rows", "windows"] | None
    p_value: float | None
    level: float
    windows: int
    gross: bool
    false_alarms: float
    corrected: float | None
    lower: float | None


class FindingData(Struct, frozen=True, kw_only=True):
    """The `data` of a drift event: one finding, and all that it rests on.

    `threshold` is the limit that decided the verdict, `expected` the value that chance alone
    gives, `source_offsets` the last applied offset of each partition by source topic; `age_ms`
    is the label age at which performance was judged. A window is `decidable` when all has come
    that its verdict needs, `settled` when no revision follows, and `provisional` while it is
    neither. `past`, there only where it is true, marks a verdict on a window that the stream was
    still catching up with: it is recorded, and nothing is done about it. `severity` is None where
    the verdict is no grade but the reason for having none. Without `health`, an earlier version
    has judged: unknown.

    `causes`, there only where one explains most of it, is what probably happened, the likeliest
    first, and `began` when, where that is known: the change lies in the windows that start in this
    span. A finding on the whole input names its `features`; what is found of one of them is
    `part_of` it, and people are told once.
    """

    model_id: str
    model_version: str
    kind: Literal["drift", "window"]
    detector: str
    subject: str
    segment: str = ""
    statistic: str
    value: float | None
    threshold: float | None
    expected: float | None
    p_value: float | None
    n_reference: int
    n_current: int
    window: Span
    verdict: Verdict
    severity: Severity | None
    revision: int
    event_key: str
    baseline_id: str | None
    config_hash: str
    provisional: bool
    decidable: bool
    settled: bool | UnsetType = UNSET
    past: bool | UnsetType = UNSET
    age_ms: int | None = None
    statistics: dict[str, float | list[float] | None] = {}
    top_bins: list[TopBin] = []
    detection: Detection | UnsetType = UNSET
    source_offsets: dict[str, list[int]] = {}
    authority: Authority
    message: str
    health: PipelineHealth | UnsetType = UNSET
    causes: list[Cause] | UnsetType = UNSET
    began: Span | UnsetType = UNSET
    features: list[str] | UnsetType = UNSET
    part_of: str | UnsetType = UNSET


class Result(Struct, frozen=True, kw_only=True):
    """One detector's verdict on one subject, in the summary of a window.

    `found`, there only where it is known what is usual, says whether its drift is real, None where
    that cannot be told.
    """

    subject: str
    statistic: str
    verdict: Verdict
    value: float | None
    n_current: int
    message: str = ""
    found: bool | UnsetType | None = UNSET


class WindowData(Struct, frozen=True, kw_only=True):
    """The `data` of a window's event: what one detector said of every subject, fine or not.

    `provisional`, `decidable` and `settled` as for a finding; an earlier version has not said.
    """

    model_id: str
    model_version: str
    kind: Literal["window"]
    detector: str
    window: Span
    predictions: int
    revision: int
    event_key: str
    baseline_id: str | None
    config_hash: str
    provisional: bool | UnsetType = UNSET
    decidable: bool | UnsetType = UNSET
    settled: bool | UnsetType = UNSET
    age_ms: int | None = None
    source_offsets: dict[str, list[int]] = {}
    results: list[Result] = []
    health: PipelineHealth | UnsetType = UNSET


class ActionData(Struct, frozen=True, kw_only=True):
    """The `data` of an alert or a command; `actuated` says whether anything has been done.

    `resolved`, there only where it is true, marks the end of what an alert was about: it has the
    same `event_key`, and a later revision in its id.
    """

    model_id: str
    model_version: str
    action: Action
    severity: Severity
    priority: Literal["urgent", "high", "normal"] | None = None
    notify: Literal["page", "ticket"] | None = None
    authority: Authority
    dry_run: bool
    actuated: bool = False
    reason: str
    finding_id: str
    event_key: str
    episode: int | None = None
    resolved: bool | UnsetType = UNSET
    window: Span


class DeadLetterData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `data` of a dead letter: why and where; `head` is base64 of the record's first KiB.

    `events` is how many events it stands for: all of a columnar record that cannot be read. Of one
    that can, `index` is the place of a single prediction, whose `head` is left empty. A `redacted`
    one shows only what is known to be not personal, and nothing of what is no sound JSON; size and
    SHA-256 are always those of the whole record.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    size: int
    sha256: str
    head: str
    model_id: str | None
    append_time: str
    index: int | None = None
    events: int = 1
    redacted: bool = False


class ReplayData(Struct, frozen=True, kw_only=True):
    """The `data` of a replay: the dead letter whose record was published again, and its place."""

    letter_id: str
    topic: str
    partition: int
    offset: int
    sha256: str
