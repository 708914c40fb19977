"""How far time had come by old records: against a search through all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.observe.past import PARTS, Past
from monitor.panes.messages import UNHEARD

EVENTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 500)), min_size=1, max_size=60)


@given(EVENTS, st.lists(st.integers(1, 20), max_size=8), st.integers(1, 300), st.integers(0, 900))
def test_only_what_was_appended_an_age_ago_is_past(
    events: list[tuple[int, int]], cuts: list[int], age: int, later: int
) -> None:
    """However the records were cut into chunks; and not sooner than the age, a part at most later.

    Event times are drawn; each record is appended a drawn while after the one before.
    """
    appended = np.cumsum([gap for gap, _ in events])
    times = np.array([time for _, time in events])
    past = Past(age)
    at = 0
    for cut in [*cuts, len(events)]:
        past.take(times[at : at + cut], appended[at : at + cut])
        at += cut
    now = int(appended[-1]) + later
    surely = [t for t, a in zip(times, appended, strict=True) if a + past.part_ms <= now - age]
    maybe = [t for t, a in zip(times, appended, strict=True) if a < now - age]
    assert max(surely, default=UNHEARD) <= past.of(now) <= max(maybe, default=UNHEARD)


def test_memory_is_bounded_whatever_is_read() -> None:
    past = Past(15 * 60_000)
    for n in range(2000):
        past.take(np.array([n]), np.array([n * 10_000]))
    assert len(past._known) <= PARTS + 2


def test_time_that_goes_on_without_events_is_remembered_too() -> None:
    past = Past(150)
    past.take(np.array([5]), np.array([0]))
    past.move(1000, 400)
    assert past.of(549) == 850
    assert past.of(560) == 1000
