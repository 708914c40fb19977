"""Days at equal label age: against a count of the panes, whatever the windows and the crashes.

The baseline's ages are 1, 2, 4 and 8 hours; T0 is a midnight, and days are counted from it.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.detectors.finding import Finding
from monitor.detectors.registry import Detector
from monitor.detectors.window import Day, OutcomeWindow
from monitor.evaluate.days import KEPT, Days, cut
from monitor.observe.model import Monitored
from monitor.registry.specs import DAY_MS, PerformanceSpec
from tests.evaluate.scene import Scene, minutes
from tests.evaluate.test_outcomes import labelled, model
from tests.observe.stream import HOUR, T0

MIDNIGHT = T0 - T0 % DAY_MS + DAY_MS
#: Minutes from T0 to the first midnight.
TO_MIDNIGHT = (MIDNIGHT - T0) // 60_000


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[OutcomeWindow]:
    """The windows that a detector of performance is given."""
    windows: list[OutcomeWindow] = []
    spied(monkeypatch, windows)
    return windows


def spied(monkeypatch: pytest.MonkeyPatch, windows: list[OutcomeWindow]) -> None:
    def question(window: OutcomeWindow) -> list[Finding]:
        windows.append(window)
        return []

    spy = Detector("spy", "performance", question)
    monkeypatch.setattr("monitor.evaluate.outcomes.detectors_for", lambda signal: (spy,))


def told(windows: list[OutcomeWindow], hours: int) -> list[tuple[int, list[Day]]]:
    """At an age: the end of each window to which days were given, and those."""
    return [
        ((w.end_ms - MIDNIGHT) // HOUR, list(w.days))
        for w in windows
        if w.age_ms == hours * HOUR and w.days is not None
    ]


def day(n: int, predictions: int, known: int, right: int) -> Day:
    return Day(MIDNIGHT + n * DAY_MS, predictions, known, (right, known))


def test_each_day_is_told_once_with_what_was_known_at_that_age(seen: list[OutcomeWindow]) -> None:
    """
    hours      0    12   20  24        36   44   48
    labelled        a    b              c    d        half within the first hour, half in eight
    """
    scene = Scene(model())
    for hour, (early, late) in {12: (50, 0), 20: (40, 0), 36: (30, 50), 44: (20, 50)}.items():
        counts = labelled(0, 50, right=early) | labelled(3, 50, right=late)
        scene.send(scene.outcome(TO_MIDNIGHT + 60 * hour, 100, counts))
    scene.send(scene.progress(None, labels=None))
    young = [day(0, 200, 100, 90), day(1, 200, 100, 50)]
    old = [day(0, 200, 200, 90), day(1, 200, 200, 150)]
    assert told(seen, 8) == [(13, []), (37, old[:1])]
    assert told(seen, 4) == [(13, []), (37, young[:1])]


def test_the_first_window_after_midnight_has_the_day_before(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model(minutes(120, hop=60)))
    for hour in range(22, 27):
        scene.send(scene.outcome(TO_MIDNIGHT + 60 * hour, 100, labelled(0, 100, right=90)))
    scene.send(scene.progress(None, labels=None))
    assert told(seen, 8) == [(23, []), (24, [day(0, 200, 200, 180)])]


def test_a_window_of_days_holds_each_of_them(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model(minutes(60 * 24 * 2)))
    for n in range(-1, 4):
        scene.send(scene.outcome(TO_MIDNIGHT + 1440 * n, 100, labelled(0, 100, right=90 + n)))
    scene.send(scene.progress(None, labels=None))
    (last, days) = told(seen, 8)[-1]
    assert days == [day(n, 100, 100, 90 + n) for n in range(-1, 4)][-(last // 24 + 1) :]
    assert len(days) >= 4


def test_no_more_days_are_kept_than_are_looked_at() -> None:
    days = Days(1)
    for n in range(40):
        days.add(0, n * DAY_MS, 10, 5, (1, 5))
        assert len(days.held[0]) == min(n + 1, KEPT)
    days.add(0, 100 * DAY_MS, 10, 5, (1, 5))
    assert [one.start_ms for one in days.held[0]] == [100 * DAY_MS]


def test_panes_that_lie_across_midnight_are_of_the_day_in_which_they_begin() -> None:
    seven = 7 * 60_000
    assert list(cut(DAY_MS - 5, DAY_MS + 9, seven)) == [(DAY_MS - 5, DAY_MS + 9)]
    assert list(cut(0, 2 * DAY_MS, seven)) == [], "whose days nobody can tell"


def test_days_counted_for_another_metric_are_none_of_this_one(seen: list[OutcomeWindow]) -> None:
    def of(metric: Any) -> Monitored:
        signal = PerformanceSpec(windows=(minutes(60),), min_samples=10, metric=metric)
        return model(performance=signal, positive="yes")

    scene = Scene(of("accuracy"))
    scene.send(scene.outcome(TO_MIDNIGHT, 100, labelled(0, 100)))
    scene.send(scene.progress(TO_MIDNIGHT + 600, labels=TO_MIDNIGHT + 600))
    scene.flush()
    scene.list, scene.models = [of("recall")], {"m": of("recall")}
    scene.crash()
    scene.send(scene.outcome(TO_MIDNIGHT + 1440, 100, labelled(0, 100, right=50)))
    scene.send(scene.progress(None, labels=None))
    assert told(seen, 8)[-1] == (25, [])


PANES = st.lists(
    st.tuples(st.integers(0, 70), st.integers(0, 1), st.integers(0, 40), st.integers(0, 3)),
    min_size=1,
    max_size=14,
    unique_by=lambda pane: pane[:2],
)
WINDOWS = st.sampled_from([(60, 60), (120, 60), (360, 180), (1440, 1440), (2880, 720)])


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    PANES, WINDOWS, st.lists(st.integers(0, 90), max_size=6).map(sorted), st.lists(st.booleans())
)
def test_days_depend_on_event_time_alone(
    monkeypatch: pytest.MonkeyPatch,
    panes: list[tuple[int, int, int, int]],
    window: tuple[int, int],
    marks: list[int],
    crashes: list[bool],
) -> None:
    """However the watermarks move and whenever the worker crashes: a count of the panes."""
    windows: list[OutcomeWindow] = []
    spied(monkeypatch, windows)
    scene = Scene(model(minutes(*window)), sources=2)
    for hour, source, right, age in panes:
        counts = labelled(age, 40, right=right)
        scene.send(scene.outcome(TO_MIDNIGHT + 60 * hour, 50, counts, source))
    for n, mark in enumerate([*marks, None]):
        when = None if mark is None else TO_MIDNIGHT + 60 * mark
        scene.send(*(scene.progress(when, source=s, labels=when) for s in (0, 1)))
        if n < len(crashes) and crashes[n]:
            scene.flush()
            scene.crash()
    scene.flush()
    judged: set[tuple[int, int]] = set()
    for w in windows:
        before = w.end_ms - w.end_ms % DAY_MS
        if w.days is None:
            assert (w.age_ms, before) in judged, "a day has ended, and is not told"
            continue
        assert (w.age_ms, before) not in judged, "a day is told twice"
        judged.add((w.age_ms, before))
        age = (1, 2, 4, 8).index(w.age_ms // HOUR)
        assert list(w.days) == expected(panes, age, before, window[1])


def expected(panes: list[tuple[int, int, int, int]], age: int, before: int, hop: int) -> list[Day]:
    found: dict[int, Day] = {}
    for hour, _, right, at in sorted(panes):
        start = MIDNIGHT + hour // 24 * DAY_MS
        if start >= before:
            continue
        known = 40 if at <= age else 0
        one = found.get(start, Day(start, 0, 0, (0, 0)))
        hits, rows = one.tally
        tally = (hits + (right if known else 0), rows + known)
        found[start] = Day(start, one.predictions + 50, one.labelled + known, tally)
    return [found[start] for start in sorted(found)]


def test_a_row_of_before_there_were_days_is_taken_up(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model())
    scene.send(scene.outcome(TO_MIDNIGHT, 100, labelled(0, 100)))
    scene.send(scene.progress(TO_MIDNIGHT + 120, labels=TO_MIDNIGHT + 120))
    scene.flush()
    for key, row in scene.rows.items():
        if msgspec.msgpack.decode(key)[0] == "version":
            fields = msgspec.msgpack.decode(row)
            scene.rows[key] = msgspec.msgpack.encode(fields[:6])
    scene.crash()
    scene.send(scene.progress(None, labels=None))
    assert [w.age_ms // HOUR for w in seen] == [1, 4, 8]


def test_panes_of_seven_minutes_are_counted_once(seen: list[OutcomeWindow]) -> None:
    """No pane ends at midnight: that across it is of the day in which it begins."""
    scene = Scene(model(minutes(7)))
    first = -(T0 // 60_000 + TO_MIDNIGHT) % 7 - 7
    starts = [first + 7 * n for n in range(-2, 3)]
    for start in starts:
        scene.send(scene.outcome(TO_MIDNIGHT + start, 20, labelled(0, 20, right=15)))
    scene.send(scene.outcome(TO_MIDNIGHT + first + 7 * 210, 20, labelled(0, 20)))
    scene.send(scene.progress(None, labels=None))
    assert first < 0
    before = sum(start < 0 for start in starts)
    last = [days for end, days in told(seen, 8)][-1]
    assert last == [day(n, 20 * k, 20 * k, 15 * k) for n, k in ((-1, before), (0, 5 - before))]
