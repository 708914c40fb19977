"""Where the incidents lie, by an oracle of numpy and scipy alone: loud with them, calm without."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from scipy import stats

from monitor.demo.flights import NUMERIC, WEATHER, Flights
from monitor.demo.incidents import (
    DAY_MS,
    FEED_OUTAGE,
    IN_TIME,
    INCIDENTS,
    SILENT_SWAP,
    UNIT_CHANGE,
    Announcement,
    Incident,
    announcement,
    disturb,
    during,
    finds,
)
from monitor.demo.traffic import MAX_DELAY_MS, Traffic
from tests.demo.oracle import decile_psi, drop, on

#: Labels no older than this cover four fifths of a day, so it is the first age to be judged.
FIRST_AGE_MS = MAX_DELAY_MS // 4


def day(traffic: Traffic, incident: Incident, window: int) -> np.ndarray:
    """Return the rows of a window, counted from the incident's beginning."""
    return on(traffic, incident.start_ms + window * DAY_MS)


@pytest.mark.parametrize("window", range(IN_TIME))
def test_the_unit_change_moves_the_distance_and_nothing_else_does(
    clean: Traffic, disturbed: Traffic, march: Traffic, window: int
) -> None:
    rows = day(clean, UNIT_CHANGE, window)
    reference = march.flights.numeric["distance"]
    before, after = (t.flights.numeric["distance"][rows] for t in (clean, disturbed))
    assert decile_psi(before, reference) < 0.05
    assert decile_psi(after, reference) > 0.6
    assert stats.ks_2samp(after, reference).statistic > 0.25


@pytest.mark.parametrize("window", range(IN_TIME))
@pytest.mark.parametrize("age_ms", [FIRST_AGE_MS, MAX_DELAY_MS // 2, MAX_DELAY_MS])
def test_the_swap_costs_accuracy_and_those_days_are_good_ones_without_it(
    clean: Traffic, disturbed: Traffic, march: Traffic, window: int, age_ms: int
) -> None:
    rows = day(clean, SILENT_SWAP, window)
    assert drop(clean, march, rows, age_ms) < 0
    assert drop(disturbed, march, rows, age_ms) > 0.13


@pytest.mark.parametrize("window", range(IN_TIME))
def test_the_days_of_the_swap_have_enough_labels_at_the_first_age(
    clean: Traffic, window: int
) -> None:
    rows, flights = day(clean, SILENT_SWAP, window), clean.flights
    known = flights.labelled & (flights.landed_ms - flights.departed_ms <= FIRST_AGE_MS)
    assert known[rows].mean() > 0.85


@pytest.mark.parametrize("window", range(IN_TIME))
def test_the_outage_empties_a_feed_that_has_no_gap_on_those_days(
    clean: Traffic, disturbed: Traffic, march: Traffic, window: int
) -> None:
    rows = day(clean, FEED_OUTAGE, window)
    reference = march.flights.numeric["visib"]
    before, after = (t.flights.numeric["visib"][rows] for t in (clean, disturbed))
    assert not np.isnan(reference).any()
    assert not np.isnan(before).any()
    assert before.min() >= reference.min()
    assert before.max() <= reference.max()
    assert np.isnan(after).all()


def test_every_window_of_an_incident_has_the_samples_to_be_judged(clean: Traffic) -> None:
    for incident in INCIDENTS:
        for window in range(IN_TIME):
            assert day(clean, incident, window).sum() > 700


def test_incidents_begin_and_end_with_windows_and_do_not_overlap() -> None:
    for incident in INCIDENTS:
        assert incident.start_ms % DAY_MS == incident.end_ms % DAY_MS == 0
        assert incident.end_ms - incident.start_ms >= IN_TIME * DAY_MS
    for one, next_one in pairwise(INCIDENTS):
        assert one.end_ms + 30 * DAY_MS < next_one.start_ms


def test_outside_of_incidents_the_flights_are_as_they_were(flights: Flights) -> None:
    untouched = {name: values.copy() for name, values in flights.numeric.items()}
    seen = disturb(flights, INCIDENTS)
    changes = {"distance": UNIT_CHANGE} | dict.fromkeys(WEATHER, FEED_OUTAGE)
    for name in NUMERIC:
        assert np.array_equal(flights.numeric[name], untouched[name], equal_nan=True)
        on = (
            changes[name].covers(flights.departed_ms)
            if name in changes
            else np.zeros(len(flights), dtype=bool)
        )
        same = (seen.numeric[name] == flights.numeric[name]) | np.isnan(flights.numeric[name])
        assert same[~on].all()
        assert not (seen.numeric[name][on] == flights.numeric[name][on]).any()


def test_kilometres_are_whole_ones(flights: Flights) -> None:
    on = UNIT_CHANGE.covers(flights.departed_ms)
    km = disturb(flights, (UNIT_CHANGE,)).numeric["distance"][on]
    assert np.abs(km - 1.609344 * flights.numeric["distance"][on]).max() <= 0.5
    assert (km == np.round(km)).all()


def test_without_incidents_nothing_is_disturbed(flights: Flights) -> None:
    seen = disturb(flights, ())
    assert all(seen.numeric[name] is flights.numeric[name] for name in NUMERIC)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, True),
        ({"severity": "medium"}, True),
        ({"severity": "low"}, False),
        ({"severity": "insufficient_data"}, False),
        ({"subject": "feature/hour"}, False),
        ({"detector": "data_quality"}, False),
        ({"window_start_ms": UNIT_CHANGE.start_ms - 1}, False),
        ({"window_start_ms": UNIT_CHANGE.start_ms + 2 * DAY_MS}, True),
        ({"window_start_ms": UNIT_CHANGE.start_ms + 3 * DAY_MS - 1}, True),
        ({"window_start_ms": UNIT_CHANGE.start_ms + 3 * DAY_MS}, False),
    ],
)
def test_an_incident_is_found_by_its_own_alarm_in_time(
    change: dict[str, object], found: bool
) -> None:
    finding: dict[str, object] = {
        "subject": "feature/distance",
        "detector": "data_drift",
        "severity": "critical",
        "window_start_ms": UNIT_CHANGE.start_ms,
    }
    assert finds(UNIT_CHANGE, **(finding | change)) is found  # type: ignore[arg-type]


def test_a_window_lies_in_the_incident_that_lasts_then() -> None:
    assert during(INCIDENTS, SILENT_SWAP.start_ms) is SILENT_SWAP
    assert during(INCIDENTS, SILENT_SWAP.end_ms - DAY_MS) is SILENT_SWAP
    assert during(INCIDENTS, SILENT_SWAP.end_ms) is None
    assert during((), SILENT_SWAP.start_ms) is None


def test_the_announcement_is_read_back_whole() -> None:
    said = msgspec.json.decode(announcement("flight-delays"), type=Announcement)
    assert said.incidents == INCIDENTS
    assert (said.model_id, said.window_ms, said.in_time_windows) == ("flight-delays", DAY_MS, 3)
