"""How far time has come: every source partition must have passed."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluate.clock import Clock
from monitor.panes.messages import END, UNHEARD, Progress
from monitor.registry.specs import ModelSpec

LIVE = ModelSpec(id="m", clock="append", disorder_ms=30_000)
REPLAYED = ModelSpec(id="m", clock="events", disorder_ms=30_000)


def progress(
    source: int,
    inputs: int | None = None,
    labels: int | None = None,
) -> Progress:
    return Progress(
        source,
        {} if inputs is None else {"m": inputs},
        {} if labels is None else {"m": labels},
        {"predictions": 10 * source},
    )


def clock(*heard: Progress, sources: int | None = None) -> Clock:
    made = Clock(len(heard) if sources is None else sources)
    for message in heard:
        made.hear(message)
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


def test_a_model_unheard_in_a_partition_holds_back() -> None:
    """Its owner lets time go on for it where it is silent; until then nothing is known."""
    assert clock(progress(0, 500), progress(1, None)).inputs(LIVE) == UNHEARD
    assert clock(progress(0, 500, labels=200), progress(1, 500)).labels(LIVE) == UNHEARD


def test_a_later_progress_supersedes() -> None:
    heard = clock(progress(0, 500), progress(1, 300))
    heard.hear(progress(1, 900))
    assert heard.inputs(LIVE) == 500


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


def test_offsets_are_told_by_partition() -> None:
    assert clock(progress(0, 1), progress(2, 1), sources=4).offsets() == {
        "predictions": [0, -1, 20, -1]
    }
