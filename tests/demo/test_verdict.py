"""The demo may only say that it succeeded when it did."""

import io
from typing import Any

import pytest
from rich.console import Console

from monitor.demo.incidents import INCIDENTS, UNIT_CHANGE
from monitor.demo.story import Fired, Story
from monitor.demo.verdict import Balance, Report, balances, verdicts
from monitor.demo.view import report
from monitor.observe.accounting import OUTCOMES, Accounting
from tests.demo.test_story import START, action, finding, result, told, window

COUNTED = {"counted": 7, "duplicate": 1, "late": 1, "dead": 1, "quarantined": 0, "waiting": 0}


def balance(**more: Any) -> Balance:
    fields: dict[str, Any] = {"topic": "labels", "sent": 10, "read": 10, "outcomes": COUNTED}
    return Balance(**(fields | more))


def test_found_with_the_incident_and_calm_without_it_is_as_announced() -> None:
    (verdict,) = verdicts(told(finding(START)), Story(()), (UNIT_CHANGE,))
    assert verdict.injected
    assert verdict.failure is None


def test_an_incident_that_nobody_found_is_a_failure() -> None:
    (verdict,) = verdicts(told(), Story(()), (UNIT_CHANGE,))
    assert "didn't fire within 3 windows" in str(verdict.failure)


def test_a_finding_that_fires_without_the_incident_too_proves_nothing() -> None:
    calm = told(finding(START), incidents=())
    (verdict,) = verdicts(told(finding(START)), calm, (UNIT_CHANGE,))
    assert "without the incident too" in str(verdict.failure)


def test_a_finding_where_nothing_was_injected_is_a_failure() -> None:
    (verdict,) = verdicts(told(finding(START), incidents=()), Story(()), (UNIT_CHANGE,))
    assert not verdict.injected
    assert "nothing was injected" in str(verdict.failure)


def test_nothing_found_where_nothing_was_injected_is_fine() -> None:
    assert verdicts(told(incidents=()), Story(()), INCIDENTS)[0].failure is None


def test_an_account_balances_to_the_event() -> None:
    assert balance().failure is None
    assert balance(sent=11).failure == "labels: 11 events sent, 10 read"
    off = balance(sent=11, read=11)
    assert off.failure == "labels: 11 events read, 10 accounted for"


def test_balances_are_of_the_topics_that_carried_something() -> None:
    accounting = Accounting()
    accounting.add("labels", "read", 2)
    accounting.add("labels", "counted", 2)
    accounting.add("reviews", "read", 0)
    made = balances(accounting, {"labels": 2, "predictions": 5, "reviews": 0})
    assert [(b.topic, b.sent, b.read) for b in made] == [("labels", 2, 2), ("predictions", 5, 0)]
    assert [b.failure for b in made] == [None, "predictions: 5 events sent, 0 read"]


def shown(said: Report, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    report(console, said)
    return console.export_text()


def printed(said: Report, width: int = 150) -> str:
    return " ".join(shown(said, width).split())


def test_the_report_says_what_happened() -> None:
    one = finding(START, message="distance: PSI [0.8]")
    story = told(one)
    story.acted(action(one, "alert", notify="page"))
    row = Fired("data_quality", "feature/temp", "null_rate", 2, 9, 0.25, START, ((6, 2),))
    said = Report(
        verdicts(story, Story(()), INCIDENTS), (balance(read=9),), ((row, "1 of 31", "summer"),)
    )
    text = printed(said)
    assert "unit change" in text
    assert "alert (page)" in text
    assert "distance: PSI [0.8]" in text
    assert "2 of 9" in text
    assert "summer" in text
    assert "exclude: ..." in text
    assert text.count("FAILED") == 3
    assert "labels: 10 events sent, 9 read" in text
    assert printed(said, width=60).count("FAILED") == 3


def test_only_a_report_without_failures_ends_well() -> None:
    good = Report(verdicts(told(finding(START)), Story(()), (UNIT_CHANGE,)), (balance(),), ())
    assert good.failures == ()
    assert "every event accounted for" in printed(good)


@pytest.mark.parametrize("width", [80, 100, 119, 120, 150])
def test_no_terminal_is_too_narrow_for_the_evidence(width: int) -> None:
    message = (
        "distance: PSI 0.8 > 0.3 (n=900; 0.01 expected). The share of 1 to 2 fell from 10 % to"
    )
    story = told(finding(START, message=f"{message} 3 %."))
    counts = {name: 256_000 + i for i, name in enumerate(OUTCOMES)}
    sent = sum(counts.values())
    accounts = [
        Balance(topic=topic, sent=sent, read=sent, outcomes=counts)
        for topic in ("predictions", "labels")
    ]
    row = Fired("prediction_drift", "prediction", "psi", 243, 263, 10.25, START, ((6, 2),))
    why = "100% right on 23 Dec, when 88% landed late; 76% and 20% in March"
    calm = Story(())
    calm.judged(window(START, result(verdict="low", value=0.026)))
    said = Report(verdicts(story, calm, (UNIT_CHANGE,)), tuple(accounts), ((row, "31 of 31", why),))
    text = shown(said, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in text
    for count in (sent, *counts.values()):
        assert text.count(f"{count:,}") >= 2
    for name in ("sent", "read", *OUTCOMES, "unaccounted", "why"):
        assert name in text
    for number in ("243 of 263", "31 of 31", "10.25"):
        assert number in text
    if width < 120:
        assert any(line.strip() == why for line in lines)
    assert "the same days without it: highest PSI 0.026, calm" in text
    assert not any(line.lstrip().startswith("%") for line in lines)
    assert "10\N{NO-BREAK SPACE}%" in text
    assert lines[-1].endswith('watchkeeper demo --dir DIR (make demo ARGS="--dir DIR")')
