"""How far time has come: every source partition must have passed, unless it stands idle."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluate.clock import IDLE_GRACE_MS, Clock
from monitor.panes.messages import END, UNHEARD, Progress
from monitor.registry.specs import ModelSpec

LIVE = ModelSpec(id="m", clock="append", disorder_ms=30_000)
REPLAYED = ModelSpec(id="m", clock="events", disorder_ms=30_000)
IDLE = ("predictions", "labels", "reviews")


def progress(
    source: int,
    inputs: int | None = None,
    labels: int | None = None,
    watermark: int = UNHEARD,
    idle: tuple[str, ...] = (),
) -> Progress:
    return Progress(
        source,
        {} if inputs is None else {"m": inputs},
        {} if labels is None else {"m": labels},
        watermark,
        {"predictions": 10 * source},
        idle,
    )


def clock(*heard: Progress, sources: int | None = None, append_ms: int = 1_000_000) -> Clock:
    made = Clock(len(heard) if sources is None else sources)
    for message in heard:
        made.hear(message, append_ms + message.source)
    return made


def test_the_slowest_partition_decides() -> None:
    heard = clock(progress(0, 500), progress(1, 300), progress(2, 400))
    assert heard.inputs(LIVE) == heard.inputs(REPLAYED) == 300


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_time_is_the_least_of_all(marks: list[int]) -> None:
    assert clock(*(progress(n, mark) for n, mark in enumerate(marks))).inputs(LIVE) == min(marks)


def test_an_unheard_partition_holds_all_back() -> None:
    """Nothing has come from its owner since the restore: unknown is not idle."""
    heard = clock(progress(0, 500), progress(2, 400), sources=3)
    assert heard.inputs(LIVE) == heard.labels(LIVE) == UNHEARD
    assert heard.inputs(REPLAYED) == heard.labels(REPLAYED) == UNHEARD


def test_a_model_silent_in_a_partition_follows_the_partition_s_own() -> None:
    heard = clock(progress(0, 500), progress(1, None, watermark=450))
    assert heard.inputs(LIVE) == 450
    assert heard.inputs(REPLAYED) == UNHEARD


def test_a_later_progress_supersedes() -> None:
    heard = clock(progress(0, 500), progress(1, 300))
    heard.hear(progress(1, 900), 2_000_000)
    assert heard.inputs(LIVE) == 500


def test_an_idle_partition_does_not_hold_a_live_model_back() -> None:
    heard = clock(progress(0, 500), progress(1, 20, idle=IDLE))
    assert heard.inputs(LIVE) == 500


def test_a_partition_idle_in_labels_alone_holds_back() -> None:
    heard = clock(progress(0, 500), progress(1, 20, idle=("labels",)))
    assert heard.inputs(LIVE) == 20


def test_idleness_says_nothing_of_a_replayed_stream() -> None:
    """Its broker's clock has nothing to do with its events."""
    heard = clock(progress(0, 500), progress(1, 20, idle=IDLE))
    assert heard.inputs(REPLAYED) == 20


def test_where_all_are_idle_the_broker_s_clock_goes_on() -> None:
    """So that a silence is seen: the earliest heartbeat's append time, minus disorder and grace."""
    heard = clock(progress(0, 500, idle=IDLE), progress(1, 20, idle=IDLE), append_ms=9_000_000)
    assert heard.inputs(LIVE) == 9_000_000 - 30_000 - IDLE_GRACE_MS
    assert heard.inputs(REPLAYED) == 20


def test_the_end_of_a_replayed_stream_is_the_end_of_all_its_partitions() -> None:
    assert clock(progress(0, END), progress(1, 300)).inputs(REPLAYED) == 300
    assert clock(progress(0, END), progress(1, END)).inputs(REPLAYED) == END


def test_labels_never_run_ahead_of_predictions() -> None:
    """A label may be read before its prediction: until then it counts for nothing."""
    heard = clock(progress(0, 500, labels=800), progress(1, 300, labels=900))
    assert heard.labels(LIVE) == heard.labels(REPLAYED) == 300


def test_the_slowest_labels_decide() -> None:
    heard = clock(progress(0, 500, labels=200), progress(1, 500, labels=100))
    assert heard.labels(LIVE) == heard.labels(REPLAYED) == 100


def test_labels_never_heard_hold_back_unless_idle() -> None:
    heard = clock(progress(0, 500, labels=200), progress(1, 500))
    assert heard.labels(LIVE) == UNHEARD
    heard = clock(progress(0, 500, labels=200), progress(1, 500, idle=("labels",)))
    assert heard.labels(LIVE) == 200
    assert heard.labels(REPLAYED) == UNHEARD


def test_offsets_are_told_by_partition() -> None:
    assert clock(progress(0, 1), progress(2, 1), sources=4).offsets() == {
        "predictions": [0, -1, 20, -1]
    }
