import math
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detectors.finding import GRADES, UNJUDGED
from monitor.detectors.registry import every_detector
from monitor.events.types import (
    ActionData,
    Authority,
    FindingData,
    HealthStatus,
    PipelineHealth,
    Span,
    Verdict,
)
from monitor.response.actions import ROLLBACK_ABOVE, decide

DETECTORS = [
    "data_drift", "data_quality", "inputs", "prediction_drift", "estimated_performance",
    "performance", "concept_drift",
]  # fmt: skip
SEVERE = ("medium", "high", "critical")
HEALTHY = PipelineHealth(status="healthy")
COMMANDS = {"review_mode", "retraining", "rollback", "monitor_closely"}


def finding(verdict: str = "critical", **changed: Any) -> FindingData:
    data: dict[str, Any] = {
        "model_id": "credit",
        "model_version": "v7",
        "kind": "drift",
        "detector": "data_drift",
        "subject": "feature/distance",
        "statistic": "psi",
        "value": 0.412,
        "threshold": 0.3,
        "expected": 0.005,
        "p_value": 1e-9,
        "n_reference": 9000,
        "n_current": 1840,
        "window": Span("2026-05-01T00:00:00Z", "2026-05-01T01:00:00Z"),
        "verdict": verdict,
        "severity": verdict if verdict in GRADES else None,
        "revision": 3,
        "event_key": "0123456789abcdef0123456789abcdef",
        "baseline_id": "train-2026-05",
        "config_hash": "feedfeedfeedfeed",
        "provisional": False,
        "decidable": True,
        "authority": "dry_run",
        "message": "distance: PSI 0.412 > 0.300 (n=1,840; 0.005 expected by chance).",
        "health": HEALTHY,
    }
    return FindingData(**(data | changed))


findings = st.builds(
    finding,
    st.sampled_from(get_args(Verdict)),
    detector=st.sampled_from(DETECTORS),
    value=st.none() | st.floats(),
    kind=st.sampled_from(["drift", "window"]),
    authority=st.sampled_from(get_args(Authority)),
    revision=st.integers(0, 9),
)
ill = st.builds(
    lambda status: PipelineHealth(status=status, reasons=["late_rate"]),
    st.sampled_from([status for status in get_args(HealthStatus) if status != "healthy"]),
)
unsure = ill | st.just(msgspec.UNSET)

ALERT, TICKET = ("alert", None, "page"), ("alert", None, "ticket")
TABLE = [
    ("critical", "data_drift", 9.9, [ALERT, "review_mode", ("retraining", "urgent", None)]),
    ("critical", "data_quality", 0.9, [ALERT, "review_mode", ("retraining", "urgent", None)]),
    ("critical", "prediction_drift", 0.9, [ALERT, "review_mode", ("retraining", "urgent", None)]),
    ("critical", "performance", 0.15, [ALERT, "review_mode", ("retraining", "urgent", None)]),
    ("critical", "concept_drift", 0.12, [ALERT, "review_mode", ("retraining", "urgent", None)]),
    ("critical", "performance", 0.1501,
     [ALERT, "review_mode", ("retraining", "urgent", None), "rollback"]),
    ("critical", "concept_drift", 0.4,
     [ALERT, "review_mode", ("retraining", "urgent", None), "rollback"]),
    ("high", "data_drift", 0.25, [ALERT, ("retraining", "high", None), "monitor_closely"]),
    ("high", "performance", 0.9, [ALERT, ("retraining", "high", None), "monitor_closely"]),
    ("medium", "data_drift", 0.15, [TICKET, ("retraining", "normal", None)]),
    ("low", "performance", 0.01, []),
    *((verdict, "data_drift", None, []) for verdict in UNJUDGED),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "detector", "value", "expected"), TABLE)
def test_the_article_s_table(
    verdict: str, detector: str, value: float | None, expected: list[Any]
) -> None:
    actions = decide(finding(verdict, detector=detector, value=value))
    assert [(a.action, a.priority, a.notify) for a in actions] == [
        (row, None, None) if isinstance(row, str) else row for row in expected
    ]
    assert {a.severity for a in actions} <= {verdict}


def test_an_action_says_what_it_rests_on() -> None:
    for action in decide(finding("critical", detector="performance", value=0.3)):
        assert action.finding_id == "0123456789abcdef0123456789abcdef.3"
        assert action.event_key == "0123456789abcdef0123456789abcdef"
        assert (action.model_id, action.model_version) == ("credit", "v7")
        assert action.window == Span("2026-05-01T00:00:00Z", "2026-05-01T01:00:00Z")
        assert action.reason.endswith("PSI 0.412 > 0.300 (n=1,840; 0.005 expected by chance).")
        assert "credit v7" in action.reason
        assert action.authority == "dry_run"
        assert msgspec.json.decode(msgspec.json.encode(action), type=ActionData) == action


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("verdict", SEVERE)
def test_what_is_not_decidable_commands_nothing_and_is_told(verdict: str, detector: str) -> None:
    early = finding(verdict, detector=detector, value=0.9, provisional=True, decidable=False)
    actions = decide(early)
    assert {a.action for a in actions} <= {"alert", "monitor_closely"}
    assert actions[0].action == "alert"
    assert "(provisional: late events may change it)" in actions[0].reason
    decidable = decide(finding(verdict, detector=detector, value=0.9))
    assert {(a.action, a.notify) for a in actions} <= {(a.action, a.notify) for a in decidable}
    assert "provisional" not in decidable[0].reason


def test_a_dry_run_marks_commands_and_alerts_people_all_the_same() -> None:
    marked = {a.action: a.dry_run for a in decide(finding("critical"))}
    assert marked == {"alert": False, "review_mode": True, "retraining": True}


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -0.9])
@pytest.mark.parametrize("detector", ["performance", "concept_drift"])
def test_an_unknown_fall_never_rolls_back(detector: str, value: float | None) -> None:
    actions = decide(finding("critical", detector=detector, value=value))
    assert "rollback" not in {a.action for a in actions}


def test_a_fall_of_exactly_the_limit_never_rolls_back_however_it_is_computed() -> None:
    for value in (0.15, 0.9 - 0.75, 0.85 - 0.7, 0.15 + 1e-12):
        actions = decide(finding("critical", detector="performance", value=value))
        assert "rollback" not in {a.action for a in actions}


def test_a_part_of_a_finding_on_the_whole_input_is_told_with_that_one() -> None:
    part = finding("critical", part_of="inputs")
    whole = finding("critical", detector="inputs", subject="inputs", features=["distance", "temp"])
    assert decide(part) == ()
    assert [action.action for action in decide(whole)] == ["alert", "review_mode", "retraining"]


@given(findings)
def test_nothing_is_done_about_what_is_low_or_unknown_or_a_window(data: FindingData) -> None:
    acted = bool(decide(data))
    assert acted == (data.kind == "drift" and data.verdict in SEVERE)


@pytest.mark.parametrize("verdict", SEVERE)
def test_nothing_is_done_about_the_past(verdict: str) -> None:
    """What a stream reads late after an outage is recorded: no alert, and no command."""
    assert decide(finding(verdict))
    assert decide(finding(verdict, past=True)) == ()


@given(findings)
def test_everyone_is_told_once_before_anything_is_commanded(data: FindingData) -> None:
    actions = [a.action for a in decide(data)]
    assert actions[:1] == ["alert"][: len(actions)]
    assert len(set(actions)) == len(actions)


@given(findings)
def test_who_only_observes_never_commands(data: FindingData) -> None:
    seen = decide(msgspec.structs.replace(data, authority="observe"))
    assert not COMMANDS & {a.action for a in seen}
    assert bool(seen) == bool(decide(data)), "an alert comes all the same"


@given(findings)
def test_no_command_is_ever_actuated(data: FindingData) -> None:
    for action in decide(data):
        assert action.actuated is False
        assert action.dry_run == (action.action in COMMANDS)


@given(findings)
def test_a_rollback_needs_a_known_fall_of_performance(data: FindingData) -> None:
    if "rollback" in {a.action for a in decide(data)}:
        assert data.detector in ("performance", "concept_drift")
        assert data.value is not None
        assert data.value > ROLLBACK_ABOVE
        assert data.verdict == "critical"
        assert data.authority != "observe"


@given(findings)
def test_deciding_again_decides_the_same(data: FindingData) -> None:
    assert decide(data) == decide(data)


def test_the_detectors_here_are_those_that_exist() -> None:
    assert {found.name for found in every_detector()} >= set(DETECTORS)


# -- what the monitor saw itself -------------------------------------------------------------------


@given(findings, unsure)
def test_nothing_is_rolled_back_unless_the_pipeline_is_known_to_be_healthy(
    data: FindingData, health: Any
) -> None:
    seen = decide(msgspec.structs.replace(data, health=health))
    assert "rollback" not in {a.action for a in seen}


@given(findings, ill)
def test_ill_health_holds_warnings_back_and_never_pages(
    data: FindingData, health: PipelineHealth
) -> None:
    seen = decide(msgspec.structs.replace(data, health=health))
    if data.verdict == "medium":
        assert seen == ()
    else:
        assert seen == tuple(a for a in decide(data) if a.action != "rollback")


@given(findings)
def test_a_health_that_was_not_told_holds_no_warning_back(data: FindingData) -> None:
    """An earlier version has judged: alerts fail open."""
    seen = decide(msgspec.structs.replace(data, health=msgspec.UNSET))
    assert seen == tuple(a for a in decide(data) if a.action != "rollback")


@pytest.mark.parametrize(("verdict", "notify"), [("medium", "ticket"), ("high", "page")])
@given(authority=st.sampled_from(get_args(Authority)))
def test_a_silence_is_told_though_it_blinds_us_and_commands_nothing(
    verdict: str, notify: str, authority: str
) -> None:
    blind = PipelineHealth(status="blind", reasons=["no_traffic"])
    silent = finding(verdict, detector="no_traffic", health=blind, authority=authority, value=None)
    (told,) = decide(silent)
    assert (told.action, told.notify, told.dry_run) == ("alert", notify, False)
