"""Provisional windows: judged at their end by what came on time, and again after their lateness.

Drawn as they lie in time, a character a minute: `#` is a pane with rows, `>` the watermark.
"""

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.model import Monitored
from monitor.panes.messages import Loss
from monitor.registry.specs import PredictionDriftSpec, WindowSpec
from tests.evaluate.scene import Scene, at, minute, minutes
from tests.evaluate.test_inputs import expected, model

#: Start, end, rows, revision; whether provisional, decidable, settled.
Judged = tuple[int, int, int, int, str]


def early(size: int, hop: int | None = None, lateness: int = 3) -> Monitored:
    return model(minutes(size, hop, lateness, provisional=True))


def judged(scene: Scene, detector: str = "data_drift") -> list[Judged]:
    scene.flush()
    return [
        (
            minute(data["window"]["start"]),
            minute(data["window"]["end"]),
            data["predictions"],
            data["revision"],
            " ".join(word for word in ("provisional", "decidable", "settled") if data[word]),
        )
        for event in scene.told
        for data in [event["data"]]
        if data["kind"] == "window" and data["detector"] == detector
    ]


def test_a_window_is_judged_at_its_end_and_again_after_its_lateness() -> None:
    """
    minute   0   4   8
             #..#|  >
    """
    scene = Scene(early(4))
    scene.send(scene.pane(0, 5, on_time=True), scene.progress(3.9))
    assert judged(scene) == []
    scene.send(scene.pane(3, 2, on_time=True), scene.progress(4))
    first = (0, 4, 7, 0, "provisional")
    assert judged(scene) == [first]
    scene.send(scene.pane(0, 6), scene.progress(6.9))
    assert judged(scene) == [first]
    scene.send(scene.pane(3, 2), scene.progress(7))
    assert judged(scene) == [first, (0, 4, 8, 1, "decidable settled")]
    keys = [e["data"]["event_key"] for e in scene.told if e["data"]["detector"] == "data_drift"]
    ids = [e["id"] for e in scene.told if e["data"]["detector"] == "data_drift"]
    assert keys[0] == keys[1]
    assert ids == [f"{keys[0]}.0", f"{keys[0]}.1"]


def test_a_window_that_nothing_has_changed_is_judged_again_all_the_same() -> None:
    """Else nobody would know that it is decidable now."""
    scene = Scene(early(4))
    scene.send(scene.pane(0, 5, on_time=True), scene.progress(4), scene.pane(0, 5))
    scene.send(scene.progress(7))
    assert judged(scene) == [(0, 4, 5, 0, "provisional"), (0, 4, 5, 1, "decidable settled")]


def test_every_source_partition_must_have_passed_the_end() -> None:
    scene = Scene(early(4), sources=2)
    scene.send(scene.pane(0, 5, on_time=True), scene.progress(6))
    assert judged(scene) == []
    scene.send(scene.pane(1, 2, source=1, on_time=True), scene.progress(4, source=1))
    assert judged(scene) == [(0, 4, 7, 0, "provisional")]


def test_what_a_faster_partition_knows_already_has_no_part_in_it() -> None:
    """Source 0 is far ahead: its whole pane, and the next, are here when source 1 comes to 4."""
    scene = Scene(early(4), sources=2)
    scene.send(
        scene.pane(0, 5, on_time=True), scene.pane(0, 9), scene.pane(4, 7, on_time=True),
        scene.progress(8),
    )  # fmt: skip
    scene.send(scene.pane(1, 2, source=1, on_time=True), scene.progress(4, source=1))
    assert judged(scene) == [(0, 4, 7, 0, "provisional")]


def test_a_watermark_that_leaps_judges_each_window_as_it_was_at_its_end() -> None:
    """As after an outage: both verdicts come at once, and are those that would have come.

    In the order of time, too: what is judged for good by then is known to a provisional verdict.
    """
    scene = Scene(early(6, hop=2))
    panes = [(0, 5, 6), (2, 1, 4), (4, 2, 2)]
    for start, on_time, whole in panes:
        scene.send(scene.pane(start, on_time, on_time=True), scene.pane(start, whole))
    scene.send(scene.progress(20))
    assert [told for told in judged(scene) if told[2]] == [
        (-4, 2, 5, 0, "provisional"),
        (-2, 4, 5 + 1, 0, "provisional"),
        (-4, 2, 6, 1, "decidable settled"),
        (0, 6, 6 + 1 + 2, 0, "provisional"),
        (-2, 4, 6 + 4, 1, "decidable settled"),
        (2, 8, 4 + 2, 0, "provisional"),
        (0, 6, 6 + 4 + 2, 1, "decidable settled"),
        (4, 10, 2, 0, "provisional"),
        (2, 8, 4 + 2, 1, "decidable settled"),
        (4, 10, 2, 1, "decidable settled"),
    ]


def test_a_silence_is_never_provisional() -> None:
    """
    minute   0   4   8   12
             #..||...|..#|  >
    """
    scene = Scene(early(4))
    scene.send(scene.pane(0, 5, on_time=True), scene.pane(0, 5), scene.progress(8))
    scene.send(scene.progress(11.9))
    assert judged(scene)[1:] == [
        (0, 4, 5, 1, "decidable settled"),
        (4, 8, 0, 0, "decidable settled"),
    ]
    silences = [e["data"] for e in scene.told if e["data"]["detector"] == "no_traffic"]
    assert [(d["revision"], d["provisional"], d["decidable"]) for d in silences] == [
        (0, False, True)
    ]


def test_a_window_of_which_nothing_came_on_time_is_judged_once_it_is_decidable() -> None:
    scene = Scene(early(4))
    scene.send(scene.pane(0, 5, on_time=True), scene.progress(8), scene.pane(0, 5))
    scene.send(scene.pane(5, 3), scene.progress(11))
    assert judged(scene) == [
        (0, 4, 5, 0, "provisional"),
        (0, 4, 5, 1, "decidable settled"),
        (4, 8, 3, 1, "decidable settled"),
    ]


def test_signals_choose_for_themselves() -> None:
    both = model(
        minutes(4, lateness=3),
        prediction_drift=PredictionDriftSpec(windows=(minutes(4, lateness=1, provisional=True),)),
    )
    scene = Scene(both)
    scene.send(scene.pane(0, 5, on_time=True), scene.pane(0, 5), scene.progress(7))
    assert judged(scene) == [(0, 4, 5, 0, "decidable settled")]
    assert judged(scene, "prediction_drift") == [
        (0, 4, 5, 0, "provisional"),
        (0, 4, 5, 1, "decidable settled"),
    ]


def test_another_baseline_s_counts_are_told_provisionally_too() -> None:
    scene = Scene(early(4))
    foreign = "of another/60000"
    scene.send(scene.pane(0, 5, fingerprint=foreign, on_time=True), scene.pane(1, 7, on_time=True))
    scene.send(scene.progress(4))
    assert judged(scene) == [(0, 4, 12, 0, "provisional")]
    assert [w[5] for w in scene.windows()] == ["baseline_missing"]


def test_without_a_baseline_both_verdicts_say_so() -> None:
    scene = Scene(Monitored(early(4).spec, None))
    scene.send(scene.pane(0, 5, on_time=True), scene.pane(0, 6), scene.progress(7))
    assert [w[4:] for w in scene.windows()] == [(5, "baseline_missing"), (6, "baseline_missing")]


def test_what_came_on_time_is_held_no_longer_than_the_panes() -> None:
    scene = Scene(early(4))
    for start in range(0, 40, 2):
        scene.send(scene.pane(start, 1, on_time=True), scene.progress(start + 1))
        scene.send(*([scene.pane(start - 3, 1)] if start >= 3 else []), scene.progress(start + 2))
        scene.flush()
        assert sum(b"on time" in row for row in scene.rows) <= 4
    scene.send(*(scene.pane(start) for start in (37, 38)), scene.progress(None))
    scene.flush()
    assert not any(b"on time" in row for row in scene.rows)


# -- a changed configuration -----------------------------------------------------------------------


def switched(scene: Scene, provisional: bool) -> None:
    scene.flush()
    scene.list = [model(minutes(4, lateness=3, provisional=provisional))]
    scene.crash()


def test_where_it_is_turned_off_between_two_verdicts_the_second_is_a_revision_still() -> None:
    """It has another id than the first, or whoever knows the first would drop it."""
    scene = Scene(early(4))
    scene.send(scene.pane(0, 5, on_time=True), scene.progress(5))
    switched(scene, provisional=False)
    scene.send(scene.pane(0, 6), scene.pane(4, 2), scene.progress(12))
    assert judged(scene)[:3] == [
        (0, 4, 5, 0, "provisional"),
        (0, 4, 6, 1, "decidable settled"),
        (4, 8, 2, 0, "decidable settled"),
    ]


def test_where_it_is_turned_on_it_begins_with_a_window_that_is_watched_whole() -> None:
    """What was on time of panes that ended before is not known."""
    scene = Scene(model(minutes(4, lateness=3)))
    scene.send(scene.pane(0, 5), scene.progress(9))
    switched(scene, provisional=True)
    for start in range(4, 24, 4):
        # Of the pane that ended at 8 nobody has told what was on time.
        on_time = [scene.pane(start, 2, on_time=True)] if start >= 8 else []
        scene.send(*on_time, scene.progress(max(start + 4, 9)))
        scene.send(scene.pane(start, 3), scene.progress(start + 7))
    told = judged(scene)
    assert [(end, rows) for _, end, rows, _, word in told if word == "provisional"] == [
        (16, 2), (20, 2), (24, 2),
    ]  # fmt: skip
    assert [(end, rows) for _, end, rows, _, word in told if word != "provisional"] == [
        (4, 5), (8, 3), (12, 3), (16, 3), (20, 3), (24, 3),
    ]  # fmt: skip
    assert len({event["id"] for event in scene.told}) == len(scene.told)


# -- laws ------------------------------------------------------------------------------------------

#: By source and minute, the rows that came on time and those that came later.
PANES = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(0, 40)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any),
    min_size=1,
    max_size=14,
)
WINDOWS = st.builds(
    lambda hop, times, late: minutes(hop * times, hop, late, provisional=True),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 7),
)


def by_count(panes: dict[tuple[int, int], tuple[int, int]], window: WindowSpec, mark: int) -> Any:
    """Provisional windows: what was settled at the end, and what was on time of the rest."""
    size, hop = window.size_ms // 60_000, window.hop_ms // 60_000
    late = window.allowed_lateness_ms // 60_000
    found = []
    for end in range(-60, mark + 1):
        rows = sum(
            on_time + (after if start + hop + late <= end else 0)
            for (_, start), (on_time, after) in panes.items()
            if end - size <= start < end
        )
        if end % hop == 0 and rows:
            found.append((end - size, end, rows, 0, "provisional"))
    return found


@settings(max_examples=150, deadline=None)
@given(PANES, WINDOWS, st.integers(20, 70), st.booleans(), st.integers())
def test_both_verdicts_depend_on_event_time_alone(
    panes: dict[tuple[int, int], tuple[int, int]],
    window: WindowSpec,
    last: int,
    ends: bool,
    seed: int,
) -> None:
    """However far the sources are apart, whenever time leaps and the worker crashes."""
    rng = random.Random(seed)
    scene = Scene(model(window), sources=2)
    late, pane = window.allowed_lateness_ms // 60_000, window.hop_ms // 60_000
    panes = {(of, start // pane * pane): n for (of, start), n in panes.items()}
    mark = {0: 0, 1: 0}

    def go(source: int, to: int | None) -> None:
        upto = 10**9 if to is None else to
        due = []
        for (of, start), (on_time, after) in panes.items():
            if of != source:
                continue
            if mark[of] < start + pane <= upto and on_time:
                due.append(scene.pane(start, on_time, of, on_time=True))
            if mark[of] < start + pane + late <= upto:
                due.append(scene.pane(start, on_time + after, of))
        rng.shuffle(due)
        scene.send(*due, scene.progress(to, source))
        mark[source] = upto
        if rng.random() < 0.4:
            scene.flush()
            if rng.random() < 0.5:
                scene.crash()

    while min(mark.values()) < last:
        source = rng.randint(0, 1)
        go(source, min(last, mark[source] + rng.choice([0, 1, 2, 5, 30])))
    if ends:
        go(0, None)
        go(1, None)
    told = judged(scene)
    sent = {at_: n for at_, n in panes.items() if ends or at_[1] + pane + late <= last}
    total: dict[int, int] = {}
    for (_, start), (on_time, after) in sent.items():
        total[start] = total.get(start, 0) + on_time + after
    assert [one for one in told if one[4] != "provisional"] == [
        (start, end, rows, int(rows > 0), "decidable settled")
        for start, end, rows in (expected(total, window, last, ends) if total else [])
    ]
    provisional = sorted(one for one in told if one[4] == "provisional")
    assert provisional == by_count(panes, window, 10**3 if ends else last)
    assert len({event["id"] for event in scene.told}) == len(scene.told)


def test_a_row_of_before_there_were_provisional_windows_is_taken_up() -> None:
    """Rows of one version back have no place for them."""
    scene = Scene(model(minutes(4, lateness=3)))
    scene.send(scene.pane(0, 5), scene.pane(5, 1), scene.progress(8))
    scene.flush()
    key, row = next((k, v) for k, v in scene.rows.items() if b"model" in k)
    fields = msgspec.msgpack.decode(row)
    fields[1] = [cursor[:-1] for cursor in fields[1]]
    scene.rows[key] = msgspec.msgpack.encode(fields)
    scene.crash()
    scene.send(scene.progress(11))
    assert judged(scene) == [
        (0, 4, 5, 0, "decidable settled"),
        (4, 8, 1, 0, "decidable settled"),
    ]


def test_health_of_a_provisional_window_counts_what_it_holds() -> None:
    """Of 12 predictions on time and one lost a twelfth is missing; later, of 24, less."""
    scene = Scene(early(4))
    scene.send(scene.pane(0, 12, on_time=True), Loss("m", at(1), 0, 1, 0, 0), scene.pane(0, 24))
    scene.send(scene.progress(7))
    scene.flush()
    told = [e["data"] for e in scene.told if e["data"]["detector"] == "data_drift"]
    assert [(d["revision"], d["health"]["status"]) for d in told] == [
        (0, "degraded"),
        (1, "healthy"),
    ]
