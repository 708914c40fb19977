"""Respond, one partition of `drift-events`: findings in, alerts and commands out."""

from collections.abc import Mapping, Sequence

import msgspec

from monitor.events.cloudevents import (
    ACTION,
    DRIFT_DETECTED,
    CloudEvent,
    cloud_event,
    event_key,
    to_ms,
)
from monitor.events.types import ActionData, FindingData, Severity
from monitor.panes.flush import Flush, Output, Record, Unlogged
from monitor.response.actions import decide, resolution

#: Where each action is published; closer monitoring is advice to people, so it goes with alerts.
TOPICS = {
    "alert": "alerts",
    "monitor_closely": "alerts",
    "review_mode": "review-mode",
    "retraining": "retraining",
    "rollback": "rollbacks",
}
_RANK = {"medium": 1, "high": 2, "critical": 3}
_SEVERITY: dict[int, Severity] = {1: "medium", 2: "high", 3: "critical"}
#: A window may be judged again until its label horizon (30 days) and its size (30) have passed.
REMEMBERED_MS = 60 * 86_400_000
FORMAT = 1

_row = msgspec.msgpack.Encoder().encode


class Acted(msgspec.Struct, array_like=True):
    """The gravest severity and the actions that one event key has had, and its window's end.

    `rank` is what a worker of the version before decides by.
    """

    model_id: str
    end_ms: int
    rank: int
    actions: tuple[str, ...]
    format: int = FORMAT


_decode_acted = msgspec.msgpack.Decoder(Acted).decode
_decode = msgspec.json.Decoder(CloudEvent[FindingData]).decode
_type_of = msgspec.json.Decoder(CloudEvent[msgspec.Raw]).decode


def model_of(row: bytes) -> str:
    """The model that a row is of."""
    return _decode_acted(row).model_id


class RespondPartition(Unlogged):
    """Decides on every finding once; a revision adds only what a graver finding asks for.

    People and commands are served apart, because a provisional window commands nothing: after its
    critical finding, one that is decidable and high tells people nothing new, and yet commands.
    """

    def __init__(self) -> None:
        self.acted: dict[str, Acted] = {}
        self.newest: dict[str, int] = {}
        self._flush = Flush()

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of `drift-events` in offset order."""
        for record in records:
            value = record.value or b"{}"
            if _type_of(value).type == DRIFT_DETECTED:
                self._respond(_decode(value))

    def _respond(self, event: CloudEvent[FindingData]) -> None:
        finding = event.data
        end_ms = to_ms(finding.window.end)
        before = self.acted.get(finding.event_key)
        taken = before.actions if before else ()
        over = resolution(finding, _SEVERITY[before.rank]) if before else None
        rank = _RANK.get(over.severity if over else finding.severity or "", 0)
        new = {
            name: action
            for action in ((over,) if over else decide(finding))
            if (name := _name(action)) not in taken and rank >= _gravest(taken, of=action.action)
        }
        if not new:
            return
        rank = max(rank, before.rank) if before else rank
        acted = Acted(finding.model_id, end_ms, rank, (*taken, *new))
        self.acted[finding.event_key] = acted
        self._flush.rows[finding.event_key.encode()] = _row(acted)
        for action in new.values():
            self._flush.outputs.append(_output(action, finding, end_ms))
        if end_ms > self.newest.get(finding.model_id, end_ms - 1):
            self.newest[finding.model_id] = end_ms

    @property
    def urgent(self) -> bool:
        """Whether actions wait to be published."""
        return bool(self._flush.outputs)

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """Hand out actions, and what has been acted upon; forget what can come no more."""
        flush, self._flush = self._flush, Flush()
        old = [
            key
            for key, acted in self.acted.items()
            if acted.end_ms < self.newest.get(acted.model_id, acted.end_ms) - REMEMBERED_MS
        ]
        for key in old:
            del self.acted[key]
            flush.rows[key.encode()] = None
        return flush

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Take up the committed rows."""
        for key, value in rows.items():
            acted = self.acted[key.decode()] = _decode_acted(value)
            newest = self.newest.get(acted.model_id, acted.end_ms)
            self.newest[acted.model_id] = max(newest, acted.end_ms)


def _name(action: ActionData) -> str:
    """What tells an action from the others that a finding has had."""
    ended = "/resolved" if action.resolved is True else ""
    return f"{action.action}/{action.severity}{ended}"


def _gravest(taken: Sequence[str], of: str) -> int:
    """The rank of the gravest that people were told, or of the gravest command, as `of` is one."""
    tells = TOPICS[of] == "alerts"
    names = (name.split("/")[:2] for name in taken)
    ranks = (_RANK[severity] for name, severity in names if (TOPICS[name] == "alerts") == tells)
    return max(ranks, default=0)


def _output(action: ActionData, finding: FindingData, end_ms: int) -> Output:
    key = event_key(finding.event_key, action.action, action.severity)
    event = cloud_event(
        type=ACTION.format(action=action.action),
        source=f"/watchkeeper/{action.model_id}",
        subject=finding.subject,
        time_ms=end_ms,
        id=f"{key}.{int(action.resolved is True)}",
        data=action,
        partitionkey=action.model_id,
    )
    return Output(TOPICS[action.action], action.model_id.encode(), event)
