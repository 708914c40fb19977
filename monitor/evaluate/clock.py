"""How far event time has come over all source partitions: nothing here reads a clock of its own.

A window of a model is complete when every source partition has passed it. The number of source
partitions is known: one from which nothing has come is *unheard* and holds time back; one whose
owner has read all that there is stands idle and does not (unless the model replays the past: then
its events alone move time).
"""

from monitor.panes.messages import UNHEARD, Progress
from monitor.registry.specs import ModelSpec

#: How far behind the broker's clock time stands in an idle partition, ms.
IDLE_GRACE_MS = 60_000


class Clock:
    """The last progress of each source partition, and the broker's time when it was appended."""

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self.progress: dict[int, Progress] = {}
        self.heard_ms: dict[int, int] = {}

    def hear(self, progress: Progress, append_ms: int) -> None:
        """Take a progress record; its owner's earlier ones are superseded."""
        self.progress[progress.source] = progress
        self.heard_ms[progress.source] = append_ms

    def inputs(self, spec: ModelSpec) -> int:
        """The model's watermark of predictions over all partitions, in ms."""
        marks = []
        for source in range(self.sources):
            progress = self.progress.get(source)
            if progress is None:
                return UNHEARD
            mark = self._predicted(spec, progress)
            if spec.clock == "append" and "predictions" in progress.idle:
                mark = max(mark, self._idle(spec, source))
            marks.append(mark)
        return min(marks)

    def _idle(self, spec: ModelSpec, source: int) -> int:
        """Where time stands in a partition of which all has been read: behind its last heartbeat.

        If its owner dies the heartbeats stop, and with them this time: a partition that nobody
        reads is not idle.
        """
        return self.heard_ms[source] - spec.disorder_ms - IDLE_GRACE_MS

    def labels(self, spec: ModelSpec) -> int:
        """The time up to which all labels have been read, over all partitions, in ms.

        It never passes the watermark of predictions: a label may come before its prediction.
        """
        marks = [self.inputs(spec)]
        for source in range(self.sources):
            progress = self.progress.get(source)
            if progress is None:
                return UNHEARD
            mark = progress.labels.get(spec.id, UNHEARD)
            if spec.clock == "append" and "labels" in progress.idle:
                mark = max(mark, self._idle(spec, source))
            marks.append(mark)
        return min(marks)

    @staticmethod
    def _predicted(spec: ModelSpec, progress: Progress) -> int:
        mark = progress.inputs.get(spec.id)
        if mark is not None:
            return mark
        return progress.watermark if spec.clock == "append" else UNHEARD

    def offsets(self) -> dict[str, list[int]]:
        """The last applied offset of every source topic by partition, -1 where none was."""
        topics = sorted({topic for p in self.progress.values() for topic in p.offsets})
        return {
            topic: [
                self.progress[n].offsets.get(topic, -1) if n in self.progress else -1
                for n in range(self.sources)
            ]
            for topic in topics
        }
