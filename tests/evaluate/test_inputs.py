"""Windows of inputs: drawn as they lie in time, a character a minute.

`#` is a pane with rows, `.` one without; `>` the watermark.
"""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.model import Monitored
from monitor.panes.messages import UNHEARD
from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec, WindowSpec
from tests.evaluate.scene import Scene, minutes
from tests.observe.stream import baseline, spec

BASELINE = baseline()


def model(window: WindowSpec, id: str = "m", **changes: Any) -> Monitored:
    """A model with drift of data alone."""
    settings_: dict[str, Any] = {
        "data_drift": DataDriftSpec(windows=(window,), min_samples=50),
        "prediction_drift": None,
        "performance": None,
        "labels": None,
    }
    return Monitored(spec(id, **{**settings_, **changes}), BASELINE)


def test_tumbling_windows_close_when_the_watermark_passes() -> None:
    """
    minute   0   4   8   12
             #.#.|.#..|>
    """
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 5), scene.pane(2, 3), scene.pane(5, 2), scene.progress(7))
    assert scene.spans() == [(0, 4, 8)]
    scene.send(scene.progress(8))
    assert scene.spans() == [(0, 4, 8), (4, 8, 2)]


def test_a_window_waits_for_its_lateness() -> None:
    """
    minute   0   4   8
             ##..|  >
    """
    scene = Scene(model(minutes(4, lateness=3)))
    scene.send(scene.pane(0), scene.pane(1), scene.progress(6.99))
    assert scene.spans() == []
    scene.send(scene.progress(7))
    assert scene.spans() == [(0, 4, 2)]


def test_sliding_windows_share_panes() -> None:
    """
    minute   -2  0   2   4   6   8
                 #   .   #
             [-------)
                 [-------)
                     [-------)
                         [-------)
    """
    scene = Scene(model(minutes(4, hop=2)))
    scene.send(scene.pane(0, 5), scene.pane(4, 3), scene.progress(8))
    assert scene.spans() == [(-2, 2, 5), (0, 4, 5), (2, 6, 3), (4, 8, 3)]


def test_a_silence_is_told_once_at_its_beginning() -> None:
    """
    minute   0   4   8   12  16  20
             #..||...|...|...|.#.|>
                  ^ told          ^ and traffic again
    """
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 5), scene.progress(8))
    scene.send(scene.progress(12), scene.progress(16))
    scene.send(scene.pane(17, 2), scene.progress(20), scene.progress(24))
    assert [(w[1], *w[2:]) for w in scene.windows()] == [
        ("1", 0, 4, 5, "insufficient_data"),
        ("", 4, 8, 0, "no_traffic"),
        ("1", 16, 20, 2, "insufficient_data"),
        ("", 20, 24, 0, "no_traffic"),
    ]


def test_a_silence_of_years_is_passed_over_in_one_step() -> None:
    """Minute windows over ten years are five million: a step each would stall the worker."""
    scene = Scene(model(minutes(1)))
    years = 10 * 365 * 24 * 60
    scene.send(scene.pane(0), scene.progress(years))
    scene.send(scene.pane(years), scene.progress(years + 1))
    assert scene.spans() == [(0, 1, 1), (1, 2, 0), (years, years + 1, 1)]


def test_before_the_first_event_there_is_no_silence() -> None:
    """A model that has never been heard is not one that fell silent."""
    scene = Scene(model(minutes(4)))
    scene.send(scene.progress(100), scene.progress(1000))
    assert scene.spans() == []


def test_a_slower_partition_may_bring_an_earlier_window() -> None:
    """
    source 0     ....|#...|>
    source 1     #...|>          comes later
    """
    scene = Scene(model(minutes(4)), sources=2)
    scene.send(scene.pane(4, 5, source=0), scene.progress(8, source=0))
    scene.send(scene.pane(0, 3, source=1), scene.progress(4, source=1))
    assert scene.spans() == [(0, 4, 3)]
    scene.send(scene.progress(8, source=1))
    assert scene.spans() == [(0, 4, 3), (4, 8, 5)]


def test_an_unheard_partition_holds_every_window_back() -> None:
    scene = Scene(model(minutes(4)), sources=2)
    scene.send(scene.pane(0), scene.progress(1000, source=0))
    assert scene.spans() == []


def test_the_end_closes_what_is_open_and_tells_no_silence_after_it() -> None:
    """
    minute   0   4   8   12  16
             #...|...|.#.|            ends
    """
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 5), scene.pane(9, 2), scene.progress(None))
    assert scene.spans() == [(0, 4, 5), (4, 8, 0), (8, 12, 2)]
    scene.send(scene.progress(None))
    assert len(scene.spans()) == 3


def test_the_end_closes_every_sliding_window_that_holds_the_last_event() -> None:
    scene = Scene(model(minutes(4, hop=1)))
    scene.send(scene.pane(0), scene.progress(None))
    assert scene.spans() == [(-3, 1, 1), (-2, 2, 1), (-1, 3, 1), (0, 4, 1)]


def test_versions_are_judged_apart() -> None:
    scene = Scene(model(minutes(4)))
    scene.send(
        scene.pane(0, 5, version="1"), scene.pane(1, 2, version="2"), scene.pane(2, 3, version="1"),
        scene.pane(4, 9, version="2"), scene.progress(8),
    )  # fmt: skip
    assert [(w[1], w[2], w[4]) for w in scene.windows()] == [("1", 0, 8), ("2", 0, 2), ("2", 4, 9)]


def test_a_repeated_snapshot_replaces_and_never_adds() -> None:
    scene = Scene(model(minutes(4)), sources=2)
    for _ in range(3):
        scene.send(scene.pane(0, 5, source=0), scene.pane(0, 7, source=1))
    scene.send(scene.progress(4, source=0), scene.progress(4, source=1))
    assert scene.spans() == [(0, 4, 12)]


def test_a_snapshot_of_a_window_that_is_gone_is_ignored() -> None:
    """A producer's retry, read after the window was judged and its panes were dropped."""
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 5), scene.pane(5), scene.progress(8))
    assert len(scene.spans()) == 2
    scene.send(scene.pane(0, 5), scene.progress(12), scene.progress(16))
    assert [span for span in scene.spans() if span[2]] == [(0, 4, 5), (4, 8, 1)]
    assert not [row for row in scene.rows if b"pane" in row]


def test_another_baseline_s_counts_never_merge() -> None:
    """The baseline changed within the window: it says so, and no detector sees a mixture."""
    scene = Scene(model(minutes(4)))
    scene.send(
        scene.pane(0, 5, fingerprint="of another/60000"), scene.pane(1, 7), scene.pane(4, 2),
        scene.progress(8),
    )  # fmt: skip
    assert [w[2:] for w in scene.windows()] == [
        (0, 4, 12, "baseline_missing"),
        (4, 8, 2, "insufficient_data"),
    ]
    (result,) = scene.told[0]["data"]["results"]
    assert "5 of 12 predictions" in result["message"]
    assert BASELINE.fingerprint in result["message"]


def test_without_a_baseline_windows_say_so() -> None:
    bare = model(minutes(4))
    scene = Scene(Monitored(bare.spec, None))
    scene.send(scene.pane(0, 5), scene.progress(4))
    assert [w[2:] for w in scene.windows()] == [(0, 4, 5, "baseline_missing")]


def test_signals_have_windows_of_their_own() -> None:
    """
    data         [---)[---)[---)
    predictions  [-------------)
    """
    both = model(minutes(4), prediction_drift=PredictionDriftSpec(windows=(minutes(12),)))
    scene = Scene(both)
    scene.send(scene.pane(0, 1), scene.pane(4, 2), scene.pane(8, 4), scene.progress(12))
    assert scene.spans() == [(0, 4, 1), (4, 8, 2), (8, 12, 4)]
    assert [w[2:5] for w in scene.windows("prediction_drift")] == [(0, 12, 7)]


def test_every_signal_waits_for_the_latest_event_that_is_taken() -> None:
    """Panes are sent when no event can change them, by the widest lateness of all signals."""
    both = model(
        minutes(4), prediction_drift=PredictionDriftSpec(windows=(minutes(4, lateness=6),))
    )
    scene = Scene(both)
    scene.send(scene.pane(-1, 3), scene.progress(6))
    scene.send(scene.progress(9.9))  # observe holds the pane of minute 3 until minute 10
    scene.send(scene.pane(3, 5), scene.progress(10))
    assert scene.spans() == [(-4, 0, 3), (0, 4, 5)]
    assert [w[2:5] for w in scene.windows("prediction_drift")] == [(-4, 0, 3), (0, 4, 5)]


def test_models_do_not_mix() -> None:
    scene = Scene(model(minutes(4), "a"), model(minutes(4), "b"))
    scene.send(scene.pane(0, 5, model="a"), scene.pane(0, 7, model="b"))
    scene.send(scene.pane(0, 9, model="unregistered"))
    mark = scene.progress(4, model="a")
    scene.send(type(mark)(0, {"a": mark.inputs["a"], "b": UNHEARD}, {}, {}))
    assert [(e["partitionkey"], e["data"]["predictions"]) for e in told(scene)] == [
        ("a", 5)
    ] * 3  # data drift, data quality, and the input as a whole
    scene.send(scene.progress(4, model="b"))
    assert [e["data"]["predictions"] for e in told(scene)[3:]] == [7, 7, 7]


def told(scene: Scene) -> list[dict[str, Any]]:
    scene.flush()
    return scene.told


# -- laws ---------------------------------------------------------------------------------------

PANES = st.dictionaries(st.integers(0, 60), st.integers(1, 9), min_size=1, max_size=12)
WINDOWS = st.builds(
    lambda hop, times, late: minutes(hop * times, hop, late),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 5),
)


def expected(panes: dict[int, int], window: WindowSpec, mark: int, ends: bool) -> list[Any]:
    """Every window in turn, from the first that holds a pane: full, or empty after a full one."""
    size, hop = window.size_ms // 60_000, window.hop_ms // 60_000
    late = window.allowed_lateness_ms // 60_000
    spans: list[tuple[int, int, int]] = []
    silent = False
    for end in range(-60, 200):
        rows = sum(n for start, n in panes.items() if end - size <= start < end)
        begun = any(start < end for start in panes)
        ahead = any(start >= end - size for start in panes)
        if end % hop or not begun or not (end + late <= mark or (ends and ahead)):
            continue
        if rows:
            spans.append((end - size, end, rows))
        elif not silent:
            spans.append((end - size, end, 0))
        silent = not rows
    return spans


@settings(max_examples=150, deadline=None)
@given(PANES, WINDOWS, st.lists(st.integers(0, 80), max_size=8), st.booleans(), st.integers())
def test_windows_depend_on_event_time_alone(
    panes: dict[int, int], window: WindowSpec, marks: list[int], ends: bool, seed: int
) -> None:
    """However the watermark moves and whenever the worker crashes, the same windows are judged.

    Observe's side of the contract: a pane comes before the watermark that completes it.
    """
    rng = random.Random(seed)
    scene = Scene(model(window))
    late = window.allowed_lateness_ms // 60_000
    unsent = sorted(panes)
    for mark in sorted(marks):
        due = [start for start in unsent if start + 1 + late <= mark]
        unsent = [start for start in unsent if start not in due]
        rng.shuffle(due)
        scene.send(*(scene.pane(start, panes[start]) for start in due), scene.progress(mark))
        if rng.random() < 0.4:
            scene.flush()
            scene.crash()
    final = max([*marks, 0])
    if ends:
        scene.send(*(scene.pane(start, panes[start]) for start in unsent), scene.progress(None))
        assert scene.spans() == expected(panes, window, final, ends)
    else:
        sent = {start: rows for start, rows in panes.items() if start not in unsent}
        assert scene.spans() == expected(sent, window, final, ends)


@pytest.mark.parametrize("hop", [1, 3, 5, 10, 15])
def test_windows_are_aligned_anew_where_the_hop_has_changed(hop: int) -> None:
    """A worker restarted with another configuration: ends stay multiples of the hop."""
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0), scene.pane(5), scene.progress(8))
    scene.flush()
    scene.list = [model(minutes(30, hop))]
    scene.crash()
    scene.send(*(scene.pane(start) for start in range(8, 90)), scene.progress(90))
    later = [end for _, end, rows in scene.spans() if end > 8 and rows]
    assert later
    assert all(end % hop == 0 for end in later)
    assert all(b - a == hop for a, b in pairwise(later))
