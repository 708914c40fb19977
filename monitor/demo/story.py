"""What came out of the stream, put together: who was found when, what was done, what else fired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

import msgspec

from monitor.demo.incidents import DAY_MS, Incident, during, finds
from monitor.events.cloudevents import ACTION, DRIFT_DETECTED, WINDOW_JUDGED, parse
from monitor.events.timestamps import to_ms
from monitor.events.types import Action, ActionData, FindingData, Result, WindowData

ALARMS = ("medium", "high", "critical")
GRADES = ("low", *ALARMS)
_ACTIONS = frozenset(ACTION.format(action=action) for action in get_args(Action))


@dataclass(frozen=True, slots=True)
class Found:
    """The first finding of an incident that holds, and what was done about it.

    `delay` counts windows: 1 if the incident's first window has found it.
    """

    incident: Incident
    finding: FindingData
    delay: int
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """How often one detector fired on one subject, of how often it could judge."""

    detector: str
    subject: str
    statistic: str
    fired: int
    judged: int
    highest: float
    worst_start_ms: int
    months: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Story:
    """Collects windows, findings and actions in whatever order they come, repeated or revised.

    Of a window that was judged more than once only the last revision tells.
    """

    incidents: tuple[Incident, ...]
    windows: dict[tuple[str, int], WindowData] = field(default_factory=dict)
    findings: dict[tuple[str, str, int], FindingData] = field(default_factory=dict)
    actions: dict[str, dict[tuple[str, str], ActionData]] = field(default_factory=dict)

    def take(self, value: bytes) -> None:
        """Take an event of the topics that the worker writes; raises InvalidEvent for others'."""
        head = parse(value, msgspec.Raw)
        if head.type == WINDOW_JUDGED:
            self.judged(msgspec.json.decode(head.data, type=WindowData))
        elif head.type == DRIFT_DETECTED:
            self.found(msgspec.json.decode(head.data, type=FindingData))
        elif head.type in _ACTIONS:
            self.acted(msgspec.json.decode(head.data, type=ActionData))

    def judged(self, window: WindowData) -> None:
        """Take what a detector said of a window."""
        key = (window.detector, to_ms(window.window.start))
        held = self.windows.get(key)
        if held is None or window.revision >= held.revision:
            self.windows[key] = window

    def found(self, finding: FindingData) -> None:
        """Take a finding."""
        key = (finding.detector, finding.subject, to_ms(finding.window.start))
        held = self.findings.get(key)
        if held is None or finding.revision >= held.revision:
            self.findings[key] = finding

    def acted(self, action: ActionData) -> None:
        """Take an alert or a command; a repeated one is the same."""
        done = self.actions.setdefault(action.event_key, {})
        done[action.action, action.severity] = action

    @property
    def latest_ms(self) -> int:
        """The beginning of the latest window that was judged, 0 before the first."""
        return max((start for _, start in self.windows), default=0)

    def standing(self) -> list[tuple[int, FindingData]]:
        """Return the findings that their window's last revision holds, by time."""
        fired = self._fired()
        kept = [(key[2], finding) for key, finding in self.findings.items() if key in fired]
        return sorted(kept, key=lambda item: (item[0], item[1].detector, item[1].subject))

    def outcome(self, incident: Incident) -> Found | None:
        """Return how an incident was found, None if it wasn't, or too late."""
        for start, finding in self.standing():
            if finds(
                incident,
                subject=finding.subject,
                detector=finding.detector,
                severity=finding.severity or "",
                window_start_ms=start,
            ):
                delay = (start - incident.start_ms) // DAY_MS + 1
                return Found(incident, finding, delay, self._done(finding))
        return None

    def alongside(self, incident: Incident, calm: Story) -> tuple[str, ...]:
        """Return what else an incident has set off, `detector of name`, the most often first.

        That is what fired in a window of it, and not in the same window of `calm`, the story of
        the same days without the incident.
        """
        set_off = Counter(
            (detector, subject)
            for detector, subject, start in self._fired() - calm._fired()
            if during((incident,), start)
            and (detector, subject) != (incident.detector, incident.subject)
        )
        ordered = sorted(set_off.items(), key=lambda item: (-item[1], item[0]))
        return tuple(f"{detector} of {_name(subject)}" for (detector, subject), _ in ordered)

    def highest(self, incident: Incident) -> float | None:
        """Return the highest value of an incident's subject in its first windows, if judged."""
        values = [
            result.value
            for (detector, start), window in self.windows.items()
            for result in window.results
            if (detector, result.subject) == (incident.detector, incident.subject)
            and incident.in_time(start)
            and result.value is not None
        ]
        return max(values, default=None)

    def _fired(self) -> set[tuple[str, str, int]]:
        return {
            (detector, result.subject, start)
            for (detector, start), window in self.windows.items()
            for result in window.results
            if result.verdict in ALARMS
        }

    def elsewhere(self) -> tuple[Fired, ...]:
        """Return what fired outside of all incidents, the most frequent first."""
        results: dict[tuple[str, str], list[tuple[int, Result]]] = {}
        for (detector, start), window in self.windows.items():
            if during(self.incidents, start):
                continue
            for result in window.results:
                if result.verdict in GRADES:
                    results.setdefault((detector, result.subject), []).append((start, result))
        rows = [_fired(*key, judged) for key, judged in results.items()]
        return tuple(
            sorted(
                (row for row in rows if row.fired),
                key=lambda row: (-row.fired, row.detector, row.subject),
            )
        )

    def _done(self, finding: FindingData) -> tuple[str, ...]:
        """Return the actions on a finding in any revision, or on what it is part of, in words."""
        if finding.part_of:
            start = to_ms(finding.window.start)
            finding = self.findings.get((finding.part_of, finding.part_of, start), finding)
        done = self.actions.get(finding.event_key, {}).values()
        return tuple(sorted({_words(action) for action in done}))


def _fired(detector: str, subject: str, judged: list[tuple[int, Result]]) -> Fired:
    alarms = [(start, result) for start, result in judged if result.verdict in ALARMS]
    months = Counter(_month(start) for start, _ in alarms)
    worst = max(alarms, key=lambda item: item[1].value or 0.0, default=judged[0])
    return Fired(
        detector=detector,
        subject=subject,
        statistic=worst[1].statistic,
        fired=len(alarms),
        judged=len(judged),
        highest=worst[1].value or 0.0,
        worst_start_ms=worst[0],
        months=tuple(sorted(months.items())),
    )


def _name(subject: str) -> str:
    return subject.removeprefix("feature/")


def _month(time_ms: int) -> int:
    """Return the month of a time, 1 to 12.

    >>> _month(0), _month(45 * DAY_MS)
    (1, 2)
    """
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).month


def _words(action: ActionData) -> str:
    """Say an action with what tells it from others of its kind."""
    detail = action.notify or action.priority
    return f"{action.action} ({detail})" if detail else action.action
