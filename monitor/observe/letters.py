"""What is not counted, as dead letters: each with its reason, and where it stood."""

from monitor.events.cloudevents import DEAD_LETTER, cloud_event, event_key
from monitor.observe.accounting import Accounting
from monitor.observe.losses import Losses
from monitor.observe.redaction import Redaction
from monitor.observe.rejection import Rejected, Trace, dead_letter, trace
from monitor.panes.flush import Output, Record


class Letters:
    """Accounts for what is refused, and tells of it; what is told waits for the next flush."""

    def __init__(
        self, source: int, accounting: Accounting, losses: Losses, redaction: Redaction
    ) -> None:
        self.source = source
        self.accounting = accounting
        self.losses = losses
        self.redaction = redaction
        self._rejected: list[Output] = []

    def reject(self, topic: str, record: Record | Trace, rejected: Rejected) -> None:
        """Account for an event or record that is refused, and write its letter."""
        self.accounting.reject(topic, rejected.outcome, rejected.reason, rejected.events)
        left = trace(record, self.redaction)
        if topic == "predictions" and rejected.reason != "unknown_model":
            at = left.offset, rejected.index or 0
            self.losses.lose(topic, at, rejected.model_id, rejected.outcome, rejected.events)
        letter = dead_letter(rejected, left, topic, self.source)
        place = [topic, str(letter.partition), str(letter.offset)]
        if rejected.index is not None:
            place.append(str(rejected.index))
        event = cloud_event(
            type=DEAD_LETTER,
            source="/watchkeeper/observe",
            subject=rejected.reason,
            time_ms=left.append_ms,
            id=event_key("dead-letter", *place),
            data=letter,
            partitionkey=rejected.model_id or topic,
        )
        out = "late" if rejected.outcome == "late" else "dead-letters"
        key = (rejected.model_id or topic).encode(errors="replace")
        self._rejected.append(Output(out, key, event))

    def drain(self) -> list[Output]:
        """The letters that were written since this was last asked."""
        rejected, self._rejected = self._rejected, []
        return rejected
