"""Respond: each finding is decided once, a graver revision again, and a crash changes nothing."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.cloudevents import DRIFT_DETECTED, WINDOW_JUDGED, cloud_event, parse, rfc3339
from monitor.events.types import ActionData, FindingData, PipelineHealth, Span, WindowData
from monitor.panes.flush import Output
from monitor.response.partition import REMEMBERED_MS, TOPICS, RespondPartition
from tests.observe.stream import HOUR, T0, Rec

DAY = 24 * HOUR


def finding(
    severity: str | None = "high",
    key: str = "k1",
    end_ms: int = T0,
    revision: int = 0,
    **fields: Any,
) -> FindingData:
    settings_: dict[str, Any] = {
        "model_id": "m",
        "model_version": "1",
        "kind": "drift",
        "detector": "data_drift",
        "subject": "feature/amount",
        "statistic": "psi",
        "value": 0.25,
        "threshold": 0.2,
        "expected": 0.01,
        "p_value": None,
        "n_reference": 500,
        "n_current": 400,
        "window": Span(rfc3339(end_ms - HOUR), rfc3339(end_ms)),
        "verdict": severity,
        "severity": severity,
        "revision": revision,
        "event_key": key,
        "baseline_id": "ref",
        "config_hash": "c",
        "provisional": False,
        "decidable": True,
        "authority": "dry_run",
        "message": "amount: PSI 0.250 > 0.200",
        "health": PipelineHealth(status="healthy"),
    }
    return FindingData(**{**settings_, **fields})


def event(data: FindingData) -> bytes:
    return cloud_event(
        DRIFT_DETECTED, "/watchkeeper/m", data.subject, T0, f"{data.event_key}.{data.revision}",
        data, data.model_id,
    )  # fmt: skip


def records(*values: bytes, first: int = 0) -> list[Rec]:
    return [Rec(first + n, T0, value) for n, value in enumerate(values)]


def respond(*findings: FindingData) -> list[tuple[str, str, str]]:
    """Topic, action and severity of everything that is published."""
    partition = RespondPartition()
    partition.apply("drift-events", records(*map(event, findings)))
    return told(partition.drain({}, False, ()).outputs)


def told(outputs: list[Output]) -> list[tuple[str, str, str]]:
    found = []
    for out in outputs:
        data = parse(out.value, ActionData).data
        assert out.topic == TOPICS[data.action]
        assert out.key == data.model_id.encode()
        found.append((out.topic, data.action, data.severity))
    return found


def test_each_action_goes_to_its_topic() -> None:
    worst = finding("critical", detector="performance", value=0.2)
    assert respond(worst) == [
        ("alerts", "alert", "critical"),
        ("review-mode", "review_mode", "critical"),
        ("retraining", "retraining", "critical"),
        ("rollbacks", "rollback", "critical"),
    ]
    assert respond(finding("high")) == [
        ("alerts", "alert", "high"),
        ("retraining", "retraining", "high"),
        ("alerts", "monitor_closely", "high"),
    ]
    assert respond(finding("medium")) == [
        ("alerts", "alert", "medium"),
        ("retraining", "retraining", "medium"),
    ]


@pytest.mark.parametrize("verdict", ["no_traffic", "labels_immature", "insufficient_data"])
def test_a_reason_for_no_verdict_is_never_acted_upon(verdict: str) -> None:
    assert respond(finding(verdict=verdict, severity=None)) == []
    assert respond(finding("low")) == []


def test_a_finding_repeated_is_answered_once() -> None:
    """Evaluate's worker died after its flush was read and before it was acknowledged."""
    once = respond(finding("high"))
    assert respond(finding("high"), finding("high"), finding("high", revision=1)) == once


def test_a_revision_acts_again_only_if_it_is_graver() -> None:
    grave = respond(finding("medium"), finding("critical", revision=1))
    assert grave == respond(finding("medium")) + respond(finding("critical"))
    assert respond(finding("critical"), finding("medium", revision=1)) == respond(
        finding("critical")
    )


def provisional(severity: str, **fields: Any) -> FindingData:
    return finding(severity, provisional=True, decidable=False, **fields)


def test_a_provisional_window_tells_people_and_commands_nothing() -> None:
    worst = provisional("critical", detector="performance", value=0.2)
    assert respond(worst) == [("alerts", "alert", "critical")]
    assert respond(provisional("high")) == [
        ("alerts", "alert", "high"),
        ("alerts", "monitor_closely", "high"),
    ]


def test_its_decidable_revision_commands_and_tells_nobody_twice() -> None:
    """A rollback needs a decidable window: it comes with that, and not before."""
    drop: dict[str, Any] = {"detector": "performance", "value": 0.2}
    early = provisional("critical", **drop)
    assert respond(early, finding("critical", revision=1, **drop)) == [
        ("alerts", "alert", "critical"),
        ("review-mode", "review_mode", "critical"),
        ("retraining", "retraining", "critical"),
        ("rollbacks", "rollback", "critical"),
    ]


def test_a_decidable_revision_that_is_less_grave_commands_what_it_is_worth() -> None:
    """People know of worse already; of commands it is the first."""
    assert respond(provisional("critical"), finding("high", revision=1)) == [
        ("alerts", "alert", "critical"),
        ("retraining", "retraining", "high"),
    ]


@pytest.mark.parametrize("grades", [("medium", "critical"), ("critical", "medium")])
def test_both_verdicts_of_a_window_survive_a_crash_between_them(grades: tuple[str, str]) -> None:
    first, second = provisional(grades[0]), finding(grades[1], revision=1)
    rows: dict[bytes, bytes] = {}
    partition = RespondPartition()
    partition.apply("drift-events", records(event(first)))
    outputs = flush(partition, rows)
    partition = RespondPartition()
    partition.restore(rows)
    partition.apply("drift-events", records(event(first), event(second)))
    assert told([*outputs, *flush(partition, rows)]) == respond(first, second)


def test_findings_of_other_subjects_and_windows_stand_alone() -> None:
    two = respond(finding("high", "k1"), finding("high", "k2"))
    assert two == respond(finding("high")) * 2


def test_windows_that_were_judged_are_no_findings() -> None:
    summary = WindowData(
        model_id="m", model_version="1", kind="window", detector="data_drift",
        window=Span(rfc3339(T0 - HOUR), rfc3339(T0)), predictions=5, revision=0, event_key="k",
        baseline_id=None, config_hash="c",
    )  # fmt: skip
    value = cloud_event(WINDOW_JUDGED, "/watchkeeper/m", "window", T0, "k.0", summary, "m")
    partition = RespondPartition()
    partition.apply("drift-events", records(value))
    assert partition.drain({}, False, ()).outputs == []
    assert not partition.urgent


def test_an_action_leads_back_to_its_finding() -> None:
    partition = RespondPartition()
    partition.apply("drift-events", records(event(finding("critical", end_ms=T0 + HOUR))))
    (out, *_) = partition.drain({}, False, ()).outputs
    sent = parse(out.value, ActionData)
    assert sent.type == "dev.watchkeeper.alert.v1"
    assert sent.subject == "feature/amount"
    assert sent.time == rfc3339(T0 + HOUR)
    assert sent.data.event_key == "k1"
    assert sent.data.finding_id.startswith("k1")
    assert sent.data.reason.endswith("amount: PSI 0.250 > 0.200")
    assert sent.data.window == Span(rfc3339(T0), rfc3339(T0 + HOUR))


def test_ids_are_the_same_each_time_and_different_for_each_action() -> None:
    """A redelivered action is known for what it is."""
    runs = []
    for _ in range(2):
        partition = RespondPartition()
        partition.apply(
            "drift-events",
            records(event(finding("medium")), event(finding("critical", revision=1))),
        )
        runs.append([json.loads(o.value)["id"] for o in partition.drain({}, False, ()).outputs])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == len(runs[0]) == 5


def test_it_is_urgent_as_long_as_an_action_waits() -> None:
    partition = RespondPartition()
    assert not partition.urgent
    partition.apply("drift-events", records(event(finding("high"))))
    assert partition.urgent
    partition.drain({}, False, ())
    assert not partition.urgent


def test_what_can_be_revised_no_more_is_forgotten() -> None:
    partition, rows = RespondPartition(), {}
    partition.apply("drift-events", records(event(finding("high", "old", T0))))
    rows |= partition.drain({}, False, ()).rows
    assert rows.keys() == {b"old"}
    just = event(finding("high", "new", T0 + REMEMBERED_MS))
    partition.apply("drift-events", records(just))
    assert partition.drain({}, False, ()).rows.keys() == {b"new"}
    beyond = event(finding("high", "newest", T0 + REMEMBERED_MS + 1000))
    partition.apply("drift-events", records(beyond))
    assert partition.drain({}, False, ()).rows[b"old"] is None
    assert sorted(partition.acted) == ["new", "newest"]


def test_another_model_s_time_makes_nothing_forgotten() -> None:
    partition = RespondPartition()
    late = finding("high", "k2", T0 + 400 * DAY, model_id="n")
    partition.apply("drift-events", records(event(finding("high")), event(late)))
    partition.drain({}, False, ())
    assert sorted(partition.acted) == ["k1", "k2"]


FINDINGS = st.lists(
    st.builds(
        lambda severity, key, days: finding(severity, key, T0 + days * DAY),
        st.sampled_from(["medium", "high", "critical"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 50),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(FINDINGS, st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_crash_at_any_moment_changes_nothing(
    findings: list[FindingData], crashes: list[bool]
) -> None:
    """What was flushed is restored; what was not is read again."""
    plain = respond(*findings)
    partition = RespondPartition()
    rows: dict[bytes, bytes] = {}
    outputs: list[Output] = []
    durable = n = 0
    crashed: set[int] = set()
    while n < len(findings):
        partition.apply("drift-events", records(event(findings[n]), first=n))
        n += 1
        crash = crashes[n % len(crashes)] and n not in crashed
        if crash:
            crashed.add(n)
            partition, n = RespondPartition(), durable
            partition.restore(dict(rows))
        elif n % 2:
            outputs += flush(partition, rows)
            durable = n
    outputs += flush(partition, rows)
    assert told(outputs) == plain


def flush(partition: RespondPartition, rows: dict[bytes, bytes]) -> list[Output]:
    flushed = partition.drain({}, False, ())
    for key, row in flushed.rows.items():
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
    return flushed.outputs
