"""The pure stages over the whole stream, against numpy; and without incidents."""

import numpy as np
import pytest

from monitor.demo.incidents import DAY_MS, INCIDENTS, Incident
from monitor.demo.rehearsal import Rehearsed, rehearse, rehearse_calm
from monitor.demo.story import ALARMS
from monitor.demo.traffic import MAX_DELAY_MS, Traffic
from monitor.events.timestamps import to_ms
from monitor.observe.accounting import unbalanced
from monitor.observe.model import Monitored
from monitor.stats.grid import NumericGrid
from tests.demo.oracle import days, drop, on, psi_between


def values(rehearsed: Rehearsed, detector: str, subject: str) -> dict[int, float | None]:
    """Return what a detector measured on a subject, by the window's beginning."""
    return {
        start: result.value
        for (name, start), window in rehearsed.story.windows.items()
        for result in window.results
        if (name, result.subject) == (detector, subject)
    }


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_every_incident_is_found_in_time_and_gravely(
    rehearsed: Rehearsed, incident: Incident
) -> None:
    found = rehearsed.story.outcome(incident)
    assert found is not None
    assert found.delay == 1
    assert found.finding.severity == "critical"
    assert {"alert (page)", "retraining (urgent)", "review_mode"} <= set(found.actions)
    assert ("rollback" in found.actions) == (incident.detector == "performance")


def test_without_incidents_nobody_is_found(
    watched: Monitored, clean: Traffic, rehearsed: Rehearsed
) -> None:
    calm = rehearse_calm(watched, clean, INCIDENTS)
    for incident in INCIDENTS:
        assert calm.outcome(incident) is None
        for name, start in calm.windows:
            verdicts = {r.subject: r.verdict for r in calm.windows[name, start].results}
            if incident.start_ms <= start < incident.end_ms and name == incident.detector:
                assert verdicts[incident.subject] == "low"
    assert "concept_drift of performance" in rehearsed.story.alongside(INCIDENTS[1], calm)


def test_every_event_is_counted_once(rehearsed: Rehearsed, disturbed: Traffic) -> None:
    accounting = rehearsed.accounting
    assert not unbalanced(accounting)
    assert accounting.counts == {
        ("predictions", "read"): len(disturbed.flights),
        ("predictions", "counted"): len(disturbed.flights),
        ("labels", "read"): disturbed.flights.labelled.sum(),
        ("labels", "counted"): disturbed.flights.labelled.sum(),
    }


def test_every_day_is_judged_once_by_every_detector_to_the_last(
    rehearsed: Rehearsed, disturbed: Traffic
) -> None:
    windows = rehearsed.story.windows
    for detector in (
        "data_drift",
        "data_quality",
        "prediction_drift",
        "estimated_performance",
        "performance",
        "concept_drift",
    ):
        assert sorted(start for name, start in windows if name == detector) == days(disturbed)
    for (_, start), window in windows.items():
        assert window.predictions == on(disturbed, start).sum()


def test_the_drift_of_the_distance_is_exact_on_every_day(
    rehearsed: Rehearsed, watched: Monitored, disturbed: Traffic, march: Traffic
) -> None:
    measured = values(rehearsed, "data_drift", "feature/distance")
    distance, reference = (t.flights.numeric["distance"] for t in (disturbed, march))
    assert watched.baseline is not None
    grid = watched.baseline.grid("feature/distance")
    assert isinstance(grid, NumericGrid)
    cuts = grid.edges[grid.coarse]
    assert len(cuts) == 9
    judged = 0
    for start in days(disturbed):
        rows = on(disturbed, start)
        if rows.sum() >= 500:
            expected = psi_between(distance[rows], reference, cuts)
            assert measured[start] == pytest.approx(expected, abs=1e-12)
            judged += 1
    assert judged >= 270


def test_the_drop_of_accuracy_is_exact_on_every_day(
    rehearsed: Rehearsed, disturbed: Traffic, march: Traffic
) -> None:
    measured = values(rehearsed, "performance", "performance")
    judged = 0
    for start, value in measured.items():
        if value is None:
            continue
        expected = drop(disturbed, march, on(disturbed, start), MAX_DELAY_MS)
        assert value == pytest.approx(expected, abs=1e-12)
        judged += 1
    assert judged >= 265


def test_the_null_rate_is_exact_where_it_is_the_worst(
    rehearsed: Rehearsed, disturbed: Traffic
) -> None:
    gaps = np.isnan(disturbed.flights.numeric["visib"])
    seen = 0
    for (detector, start), window in rehearsed.story.windows.items():
        for result in window.results:
            worst = (detector, result.subject, result.statistic)
            alarm = result.verdict in ALARMS
            if worst == ("data_quality", "feature/visib", "null_rate") and alarm:
                expected = gaps[on(disturbed, start)].mean()
                assert result.value == pytest.approx(expected, abs=1e-12)
                seen += 1
    assert seen >= 4


def test_a_finding_is_of_a_window_that_was_judged(rehearsed: Rehearsed) -> None:
    for start, finding in rehearsed.story.standing():
        assert to_ms(finding.window.end) - start == DAY_MS
        assert finding.severity in ALARMS


def test_a_rehearsal_is_the_same_every_time(watched: Monitored, clean: Traffic) -> None:
    week = clean.between(INCIDENTS[0].start_ms, INCIDENTS[0].start_ms + 5 * DAY_MS)
    one, two = (rehearse(watched, week) for _ in range(2))
    assert one.story == two.story
    assert one.accounting.counts == two.accounting.counts
