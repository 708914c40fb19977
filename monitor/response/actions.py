"""What is done about a finding: the article's table, as a pure function (Huwyler, practice 8).

========  ===========  ============  ===========  ===============  ==========================
severity  alert        review mode   retraining   monitor closely  rollback
========  ===========  ============  ===========  ===============  ==========================
critical  page         yes           urgent                        if performance fell > 0.15
high      page                       high         yes
medium    ticket                     normal
low
========  ===========  ============  ===========  ===============  ==========================

What is not a grade (insufficient data, no traffic, ...) is recorded, and nothing is done. A model
that has fallen silent is a finding of its own, `no_traffic`; so is a memory that is full, a source
partition that holds time back, a baseline that has expired, and labels that do not come. Of these
people are told, and nothing is commanded, because what is not seen says nothing about the model.

On a provisional window people are told, and nothing is commanded: what the verdict needs may still
come, and is judged as a revision soon. A rollback, like every command, needs a decidable one.

Where the pipeline was not healthy while the window was filled, a medium finding is a warning that
is not given, and nothing is rolled back; pages come all the same. Commands fail closed and alerts
open: an unknown health rolls nothing back, and holds no warning back.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from monitor.events.types import (
    BLINDNESS,
    STALLED_PARTITION,
    Action,
    ActionData,
    FindingData,
    PipelineHealth,
    Severity,
)

#: The performance degradation above which a rollback is considered.
ROLLBACK_ABOVE = 0.15
#: The detectors whose value is a performance degradation.
PERFORMANCE = ("performance", "concept_drift")

Priority = Literal["urgent", "high", "normal"]
Notify = Literal["page", "ticket"]

_PRIORITY: dict[Severity, Priority] = {"critical": "urgent", "high": "high", "medium": "normal"}
_NOTIFY: dict[Severity, Notify] = {"critical": "page", "high": "page", "medium": "ticket"}


def decide(finding: FindingData) -> tuple[ActionData, ...]:
    """The actions that a finding calls for, in the order of the article; none for a low one.

    Under the authority `observe` these are alerts alone. Under every other one they are commands
    too, each marked `dry_run` and not `actuated`: nothing in this version carries one out. An
    alert is no command: it tells people, whatever the authority. Nothing is done about the past: a
    window that the stream was late for by more than the model's `max_alert_age`. What is part of a
    finding on the whole input is told, and acted upon, with that one.
    """
    verdict = finding.verdict
    if finding.kind != "drift" or finding.past is True or verdict not in _PRIORITY:
        return ()
    if finding.part_of:
        return ()
    severity: Severity = verdict
    if severity == "medium" and inhibited(finding):
        return ()
    actions = [_action(finding, severity, "alert", notify=_NOTIFY[severity])]
    if finding.authority == "observe" or finding.detector in BLINDNESS:
        return tuple(actions)
    if finding.decidable:
        if severity == "critical":
            actions.append(_action(finding, severity, "review_mode"))
        actions.append(_action(finding, severity, "retraining", priority=_PRIORITY[severity]))
        if severity == "critical" and rollback_considered(finding) and _healthy(finding):
            actions.append(_action(finding, severity, "rollback"))
    if severity == "high":
        actions.append(_action(finding, severity, "monitor_closely"))
    return tuple(actions)


def resolution(finding: FindingData, severity: Severity) -> ActionData | None:
    """That what an alert of this severity was about is over; None where nothing says so.

    A standstill that is over is a low revision of the finding that told of it.
    """
    if finding.detector != STALLED_PARTITION or finding.verdict != "low":
        return None
    action = _action(finding, severity, "alert", notify=_NOTIFY[severity])
    reason = f"resolved: {finding.detector} in {finding.model_id}. {finding.message}"
    return msgspec.structs.replace(action, reason=reason, resolved=True)


def inhibited(finding: FindingData) -> bool:
    """Whether the pipeline is known to have been unhealthy; what tells of that is never inhibited.

    A silence makes its own window blind, and so do the others of its kind: it is what is told.
    """
    known = isinstance(finding.health, PipelineHealth)
    return known and not _healthy(finding) and finding.detector not in BLINDNESS


def _healthy(finding: FindingData) -> bool:
    return isinstance(finding.health, PipelineHealth) and finding.health.status == "healthy"


def rollback_considered(finding: FindingData) -> bool:
    """Whether performance fell by more than 0.15, rounded to 1e-9; an unknown fall is no reason."""
    if finding.detector not in PERFORMANCE:
        return False
    value = finding.value
    return value is not None and math.isfinite(value) and round(value, 9) > ROLLBACK_ABOVE


def _action(
    finding: FindingData,
    severity: Severity,
    action: Action,
    *,
    priority: Priority | None = None,
    notify: Notify | None = None,
) -> ActionData:
    return ActionData(
        model_id=finding.model_id,
        model_version=finding.model_version,
        action=action,
        severity=severity,
        priority=priority,
        notify=notify,
        authority=finding.authority,
        dry_run=action != "alert",
        actuated=False,
        reason=_reason(finding, severity, action, priority),
        finding_id=f"{finding.event_key}.{finding.revision}",
        event_key=finding.event_key,
        window=finding.window,
    )


def _reason(
    finding: FindingData, severity: Severity, action: Action, priority: Priority | None
) -> str:
    model = f"{finding.model_id} {finding.model_version}"
    early = " (provisional: late events may change it)" if finding.provisional else ""
    what = {
        "alert": f"{severity} {finding.detector} in {model}{early}",
        "review_mode": f"people review the predictions of {model}",
        "retraining": f"retrain {model}, priority {priority}",
        "rollback": f"consider rolling back {model}: more than {ROLLBACK_ABOVE} was lost",
        "monitor_closely": f"watch {model} more closely",
    }[action]
    marked = " (dry run, nothing is done)" if action != "alert" else ""
    return f"{what}{marked}. {finding.message}"
