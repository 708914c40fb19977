"""What a replay says: what fired, which windows could be judged, and what would have been done."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from monitor.detectors.finding import GRADES
from monitor.events.cloudevents import DRIFT_DETECTED, WINDOW_JUDGED, CloudEvent, to_ms
from monitor.events.types import ActionData, FindingData, WindowData
from monitor.replay.run import Replayed

_DRIFT = "drift-events"
_head = msgspec.json.Decoder(CloudEvent[msgspec.Raw]).decode
_finding = msgspec.json.Decoder(FindingData).decode
_window = msgspec.json.Decoder(WindowData).decode
_action = msgspec.json.Decoder(CloudEvent[ActionData]).decode
#: What the judgements of a window share: version, detector, start and end.
_Judged = tuple[str, str, str, str]


@dataclass(slots=True)
class Windows:
    """Windows of one detector: judged, and not judged by the reason, with an instance of each."""

    judged: int = 0
    unjudged: Counter[str] = field(default_factory=Counter)
    instances: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """The findings that stand, in order of time, the graver first; and what was made of them.

    A finding that a later revision of its window doesn't hold is `withdrawn`. `actions` counts what
    would have been done, in words. `events` are those read by topic, and `refused` those that were
    not counted by what became of them.
    """

    model_id: str
    events: Mapping[str, int]
    refused: Mapping[str, int]
    findings: tuple[FindingData, ...]
    withdrawn: int
    windows: Mapping[str, Windows]
    actions: Mapping[str, int]


def tell(done: Replayed) -> Told:
    """Put together what a replay has published; of a window its last revision tells."""
    windows: dict[_Judged, WindowData] = {}
    findings: dict[str, FindingData] = {}
    for value in done.published.get(_DRIFT, ()):
        event = _head(value)
        if event.type == WINDOW_JUDGED:
            window = _window(event.data)
            held = windows.get(_judged(window))
            if held is None or held.revision <= window.revision:
                windows[_judged(window)] = window
        elif event.type == DRIFT_DETECTED:
            finding = _finding(event.data)
            before = findings.get(finding.event_key)
            if before is None or before.revision <= finding.revision:
                findings[finding.event_key] = finding
    counts = done.accounting.counts
    standing = [one for one in findings.values() if _stands(one, windows.get(_judged(one)))]
    return Told(
        model_id=done.model.spec.id,
        events={topic: n for (topic, what), n in counts.items() if what == "read" and n},
        refused=_refused(done),
        findings=tuple(sorted(standing, key=_in_time)),
        withdrawn=len(findings) - len(standing),
        windows=_count(windows.values()),
        actions=_actions(done),
    )


def rank(finding: FindingData) -> int:
    """How grave a finding is; what is no grade is less than any."""
    return GRADES.index(finding.verdict) if finding.verdict in GRADES else -1


def _judged(one: WindowData | FindingData) -> _Judged:
    return one.model_version, one.detector, one.window.start, one.window.end


def _stands(finding: FindingData, window: WindowData | None) -> bool:
    """Whether the last revision of its window holds a finding; some have no window of their own."""
    return rank(finding) > 0 and (window is None or window.revision == finding.revision)


def _in_time(finding: FindingData) -> tuple[int, int, str, str]:
    return to_ms(finding.window.end), -rank(finding), finding.detector, finding.subject


def _count(windows: Iterable[WindowData]) -> dict[str, Windows]:
    found: dict[str, Windows] = {}
    for window in windows:
        of = found.setdefault(window.detector, Windows())
        if any(result.verdict in GRADES for result in window.results):
            of.judged += 1
            continue
        verdicts = Counter(result.verdict for result in window.results)
        reason = verdicts.most_common(1)[0][0] if verdicts else "no_traffic"
        of.unjudged[reason] += 1
        told = next((r.message for r in window.results if r.verdict == reason), "")
        of.instances.setdefault(reason, told)
    return dict(sorted(found.items()))


def _actions(done: Replayed) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for topic, values in done.published.items():
        if topic in ("alerts", "review-mode", "retraining", "rollbacks"):
            for value in values:
                action = _action(value).data
                detail = action.notify or action.priority
                ended = " that it is over" if action.resolved is True else ""
                counts[f"{action.action}{f' ({detail})' if detail else ''}{ended}"] += 1
    return dict(counts.most_common())


def _refused(done: Replayed) -> dict[str, int]:
    """Events that were not counted, by topic and reason, or by what became of them."""
    found: Counter[str] = Counter()
    for (topic, outcome), n in done.accounting.counts.items():
        if outcome in ("duplicate", "waiting") and n:
            found[f"{outcome} {topic}"] += n
    for (topic, reason), n in done.accounting.reasons.items():
        found[f"{reason} {topic}"] += n
    return dict(found.most_common())
