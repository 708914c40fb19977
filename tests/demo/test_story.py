"""The demo's verdict on itself: what counts as found, what as elsewhere; revisions tell."""

from typing import Any

import pytest

from monitor.demo.incidents import DAY_MS, FEED_OUTAGE, INCIDENTS, SILENT_SWAP, UNIT_CHANGE
from monitor.demo.story import Story
from monitor.events.cloudevents import ACTION, DRIFT_DETECTED, WINDOW_JUDGED, cloud_event
from monitor.events.timestamps import rfc3339
from monitor.events.types import ActionData, FindingData, Result, Span, WindowData

START = UNIT_CHANGE.start_ms


def span(start: int) -> Span:
    return Span(rfc3339(start), rfc3339(start + DAY_MS))


def window(
    start: int,
    *results: Result,
    detector: str = "data_drift",
    revision: int = 0,
    age_ms: int | None = None,
) -> Any:
    return WindowData(
        model_id="m",
        model_version="1",
        kind="window",
        detector=detector,
        window=span(start),
        predictions=900,
        revision=revision,
        event_key="w",
        baseline_id="b",
        config_hash="c",
        age_ms=age_ms,
        results=list(results),
    )


def result(subject: str = "feature/distance", verdict: Any = "critical", value: float = 0.8) -> Any:
    return Result(subject=subject, statistic="psi", verdict=verdict, value=value, n_current=900)


def finding(
    start: int, subject: str = "feature/distance", severity: Any = "critical", **more: Any
) -> FindingData:
    fields: dict[str, Any] = {
        "model_id": "m",
        "model_version": "1",
        "kind": "drift",
        "detector": "data_drift",
        "subject": subject,
        "statistic": "psi",
        "value": 0.8,
        "threshold": 0.3,
        "expected": 0.01,
        "p_value": None,
        "n_reference": 1,
        "n_current": 1,
        "window": span(start),
        "verdict": severity,
        "severity": severity,
        "revision": 0,
        "event_key": f"{subject}-{start}",
        "baseline_id": "b",
        "config_hash": "c",
        "provisional": False,
        "decidable": True,
        "authority": "dry_run",
        "message": "distance moved",
    }
    return FindingData(**(fields | more))


def action(of: FindingData, name: Any, **more: Any) -> ActionData:
    return ActionData(
        model_id="m",
        model_version="1",
        action=name,
        severity="critical",
        authority="dry_run",
        dry_run=name != "alert",
        reason=of.message,
        finding_id=f"{of.event_key}.{of.revision}",
        event_key=of.event_key,
        window=of.window,
        **more,
    )


def told(*findings: FindingData, incidents: Any = INCIDENTS) -> Story:
    """Return a story in which each finding is its window's whole result."""
    story = Story(incidents)
    for one in findings:
        start = next(s for s in starts() if rfc3339(s) == one.window.start)
        story.judged(
            window(start, result(one.subject), detector=one.detector, revision=one.revision)
        )
        story.found(one)
    return story


def starts() -> list[int]:
    return [i.start_ms + day * DAY_MS for i in INCIDENTS for day in range(-9, 9)]


@pytest.mark.parametrize(("day", "delay"), [(0, 1), (1, 2), (2, 3), (3, None), (-1, None)])
def test_an_incident_is_found_within_three_windows_or_not_at_all(
    day: int, delay: int | None
) -> None:
    found = told(finding(START + day * DAY_MS)).outcome(UNIT_CHANGE)
    assert (found and found.delay) == delay


def test_the_earliest_finding_counts_whatever_comes_first() -> None:
    late, early = finding(START + DAY_MS), finding(START)
    found = told(late, early).outcome(UNIT_CHANGE)
    assert found is not None
    assert (found.finding, found.delay) == (early, 1)


def test_one_incident_is_not_found_by_what_finds_another() -> None:
    story = told(finding(START))
    assert story.outcome(SILENT_SWAP) is None
    assert story.outcome(FEED_OUTAGE) is None


def test_a_finding_that_a_later_revision_takes_back_finds_nothing() -> None:
    story = told(finding(START))
    story.judged(window(START, result(verdict="low", value=0.05), revision=1))
    assert story.outcome(UNIT_CHANGE) is None


def test_an_earlier_revision_that_comes_again_changes_nothing() -> None:
    story = told(finding(START, severity="critical", revision=1))
    story.judged(window(START, result(verdict="low"), revision=0))
    story.found(finding(START, severity="medium", revision=0))
    found = story.outcome(UNIT_CHANGE)
    assert found is not None
    assert found.finding.severity == "critical"


def test_a_finding_whose_window_was_never_told_is_not_believed() -> None:
    story = Story(INCIDENTS)
    story.found(finding(START))
    assert story.outcome(UNIT_CHANGE) is None


def test_what_was_done_is_told_once_in_words() -> None:
    one = finding(START)
    story = told(one)
    for _ in range(2):
        story.acted(action(one, "alert", notify="page"))
        story.acted(action(one, "retraining", priority="urgent"))
        story.acted(action(one, "review_mode"))
    story.acted(action(finding(START + DAY_MS), "rollback"))
    found = story.outcome(UNIT_CHANGE)
    assert found is not None
    assert found.actions == ("alert (page)", "retraining (urgent)", "review_mode")


def test_what_else_fired_is_counted_outside_of_incidents() -> None:
    story = Story((UNIT_CHANGE,))
    for day, verdict, value in (
        (-3, "insufficient_data", 9.9),
        (-2, "high", 0.25),
        (-1, "low", 0.05),
        (0, "critical", 8.0),
        (5, "critical", 0.4),
    ):
        story.judged(window(START + day * DAY_MS, result("feature/temp", verdict, value)))
    (row,) = story.elsewhere()
    assert (row.detector, row.subject, row.statistic) == ("data_drift", "feature/temp", "psi")
    assert (row.fired, row.judged, row.highest) == (2, 3, 0.4)
    assert row.worst_start_ms == START + 5 * DAY_MS
    assert row.months == ((6, 2),)


def test_what_never_fired_is_not_listed_and_the_most_frequent_comes_first() -> None:
    story = Story(())
    for day in range(3):
        story.judged(
            window(
                day * DAY_MS,
                result("feature/a", "critical" if day == 0 else "low"),
                result("feature/b", "medium"),
                result("feature/c", "low"),
            )
        )
    assert [row.subject for row in story.elsewhere()] == ["feature/b", "feature/a"]


def test_what_an_incident_sets_off_is_what_the_calm_days_do_not_show() -> None:
    story, calm = Story(INCIDENTS), Story(())
    first, last = START, UNIT_CHANGE.end_ms - DAY_MS
    for start in (first, last, UNIT_CHANGE.end_ms):
        subjects = ("feature/always", "feature/because", "feature/distance")
        story.judged(window(start, *map(result, subjects)))
        calm.judged(window(start, result("feature/always"), result("feature/because", "low")))
    story.judged(window(first, result("feature/once"), detector="data_quality"))
    assert story.alongside(UNIT_CHANGE, calm) == (
        "data_drift of because",
        "data_quality of once",
    )
    assert story.alongside(SILENT_SWAP, calm) == ()


def test_the_highest_value_is_that_of_the_first_three_windows() -> None:
    story = Story(INCIDENTS)
    for day, value in ((-1, 5.0), (0, 0.01), (2, 0.02), (3, 6.0)):
        story.judged(window(START + day * DAY_MS, result(verdict="low", value=value)))
    assert story.highest(UNIT_CHANGE) == 0.02
    assert story.highest(SILENT_SWAP) is None


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (WINDOW_JUDGED, window(START, result())),
        (DRIFT_DETECTED, finding(START)),
        (ACTION.format(action="rollback"), action(finding(START), "rollback")),
    ],
)
def test_events_are_taken_by_their_type(type_: str, data: Any) -> None:
    story = Story(INCIDENTS)
    story.take(cloud_event(type_, "/watchkeeper/m", "s", START, "k.0", data, "m"))
    held = [*story.windows.values(), *story.findings.values()]
    held += [action for done in story.actions.values() for action in done.values()]
    assert held == [data]
