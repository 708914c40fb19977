"""The records of the `panes` topic: snapshots of panes, and progress of time.

A snapshot is *cumulative*: it replaces an earlier one of the same pane and source partition, so
that a repeated record is harmless. Records of one source partition are ordered: a progress record
comes after every snapshot that its watermarks promise.
"""

import msgspec

from monitor.panes.codec import FORMAT

#: Beyond every event: the watermark of a stream that has ended.
END = 2**62
#: Before every event: nothing has been heard yet.
UNHEARD = -(2**62)


class InputPane(msgspec.Struct, frozen=True, tag="input", array_like=True):
    """Counts over the baseline's grids of one pane of inputs and outputs, final when sent.

    `block` numbers the run of at most 32 columns that `counts` (packed) covers; `rows` is the
    number of predictions. `fingerprint` names the baseline, empty where there is none. One that is
    `on_time` counts only what was read before the watermark had passed the pane's end; the whole
    pane follows.
    """

    model_id: str
    version: str
    start_ms: int
    source: int
    block: int
    rows: int
    fingerprint: str
    counts: bytes
    format: int = FORMAT
    on_time: bool = False


class OutcomePane(msgspec.Struct, frozen=True, tag="outcome", array_like=True):
    """Predictions made in one pane and what their labels said, by label age; replaced when revised.

    `counts` (packed) is ages x classes x classes; one age's cell is the change that labels of
    that age made, so that the sum up to an age is what was known at that age.
    """

    model_id: str
    version: str
    start_ms: int
    source: int
    predictions: int
    fingerprint: str
    counts: bytes
    format: int = FORMAT


class Loss(msgspec.Struct, frozen=True, tag="loss", array_like=True):
    """Events of a model that were read and not counted; replaced when there are more.

    `start_ms` is the pane in which the model's watermark stood when they were read, in the order of
    the log: what a window lost while it was filled doesn't depend on when flushes fell. Events of
    `topic`, and the watermark is that topic's. Those `misplaced` lie in another partition than
    their key names: they are counted, and labels and predictions don't find each other.
    """

    model_id: str
    start_ms: int
    source: int
    late: int
    dead: int
    quarantined: int
    format: int = FORMAT
    topic: str = "predictions"
    misplaced: int = 0


class Unremembered(msgspec.Struct, frozen=True, tag="unremembered", array_like=True):
    """Predictions of one pane whose ids were not remembered; replaced when there are more.

    They are counted in the pane. Whether they were repeated, and what their labels say, is unknown.
    """

    model_id: str
    version: str
    start_ms: int
    source: int
    predictions: int
    format: int = FORMAT


class Progress(msgspec.Struct, frozen=True, tag="progress2", array_like=True):
    """How far a source partition has come: sent to every partition of `panes`, also as heartbeat.

    `inputs` and `labels` are watermarks in ms, of the models whose panes go to that partition.
    `offsets` are the last applied ones by source topic. `read` says up to which append time each
    was read, in ms; `past_inputs` and `past_labels` are the watermarks by records that were
    appended longer before that than the model's `max_alert_age`. `told` is when the broker appended
    this record: its reader notes it.
    """

    source: int
    inputs: dict[str, int]
    labels: dict[str, int]
    offsets: dict[str, int]
    format: int = 2
    read: dict[str, int] = {}
    past_inputs: dict[str, int] = {}
    past_labels: dict[str, int] = {}
    told: int | None = None


class _Progress1(msgspec.Struct, frozen=True, tag="progress", array_like=True):
    """Format 1, which had the partition's own watermark and its idle topics too."""

    source: int
    inputs: dict[str, int]
    labels: dict[str, int]
    watermark: int
    offsets: dict[str, int]
    idle: tuple[str, ...] = ()
    format: int = 1
    read: dict[str, int] = {}
    past_inputs: dict[str, int] = {}
    past_labels: dict[str, int] = {}
    told: int | None = None


Message = InputPane | OutcomePane | Loss | Unremembered | Progress
encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message | _Progress1).decode


def decode(data: bytes) -> Message:
    """A message of this format or the one before; raises msgspec.DecodeError for anything else."""
    message: Message | _Progress1 = _decode(data)
    if not isinstance(message, _Progress1):
        return message
    kept = {name: getattr(message, name) for name in Progress.__struct_fields__}
    return Progress(**kept)
