"""What is to be done about a finding: the article's table (Huwyler, practice 8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.e2e.oracle.setting import GRADES
from tests.e2e.oracle.windows import Finding, Judgement


@dataclass(frozen=True)
class Action:
    """One alert or command, with the topic that it belongs on."""

    topic: str
    action: str
    severity: str
    finding: str
    fields: tuple[tuple[str, Any], ...]


def severe(judged: Iterable[Judgement]) -> list[tuple[Judgement, Finding]]:
    """The findings that are published one by one: medium and graver."""
    return [(j, f) for j in judged for f in j.findings if f.verdict in GRADES]


def actions(judged: Iterable[Judgement]) -> list[Action]:
    """All actions; of a finding's later revisions only those that are graver than all before.

    What tells people is graver than what has told them, a command than what was commanded.
    """
    acted: dict[tuple[str, bool], int] = {}
    found = []
    for judgement, finding in sorted(severe(judged), key=lambda pair: pair[0].revision):
        key, rank = judgement.key(finding.subject), GRADES.index(finding.verdict)
        done = _table(judgement, finding, f"{key}.{judgement.revision}")
        for tells in (True, False):
            some = [action for action in done if (action.topic == "alerts") == tells]
            if some and rank > acted.get((key, tells), -1):
                acted[key, tells] = rank
                found += some
    return found


def _table(judgement: Judgement, finding: Finding, identity: str) -> list[Action]:
    severity = finding.verdict
    if finding.part:
        return []

    def action(topic: str, name: str, **fields: Any) -> Action:
        every = {"priority": None, "notify": None, "dry_run": name != "alert", "actuated": False}
        return Action(topic, name, severity, identity, tuple(sorted((every | fields).items())))

    silence = judgement.detector in ("no_traffic", "label_coverage")
    healthy = judgement.health["status"] == "healthy"
    if severity == "medium" and not (healthy or silence):
        return []
    found = [action("alerts", "alert", notify="ticket" if severity == "medium" else "page")]
    if judgement.model.authority == "observe" or silence:
        return found
    if severity == "high":
        found.append(action("alerts", "monitor_closely"))
    if not judgement.decidable:
        return found
    priority = {"critical": "urgent", "high": "high", "medium": "normal"}[severity]
    found.append(action("retraining", "retraining", priority=priority))
    if severity == "critical":
        found.append(action("review-mode", "review_mode"))
        degraded = judgement.detector in ("performance", "concept_drift")
        if healthy and degraded and finding.value is not None and round(finding.value, 9) > 0.15:
            found.append(action("rollbacks", "rollback"))
    return found
