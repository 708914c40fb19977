"""How far event time has come over all source partitions: nothing here reads a clock of its own.

A window of a model is complete when every source partition has passed it. The number of source
partitions is known: one from which nothing has come is *unheard* and holds time back, and so does
one whose owner has died. Where nothing comes, the partition's owner lets time go on (observe): it
alone can promise that what still comes from before will be late.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

from monitor.events.types import HealthReason
from monitor.panes.messages import END, UNHEARD, Progress
from monitor.registry.durations import duration_words as _words
from monitor.registry.specs import MINUTE_MS, ModelSpec

#: A partition that is further behind the others, or behind its own log, is told of.
BEHIND_MS = 5 * MINUTE_MS
#: An owner that was not heard for so long, of a heartbeat every five seconds, is away.
SILENT_MS = MINUTE_MS


class Clock:
    """The last progress of each source partition, by number."""

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self.progress: dict[int, Progress] = {}
        #: The broker's time: the latest at which anything was told, ms.
        self.now = 0

    def hear(self, progress: Progress) -> None:
        """Take a progress record; its owner's earlier ones are superseded."""
        self.progress[progress.source] = progress
        self.now = max(self.now, progress.told or 0)

    def past(self, spec: ModelSpec, topic: Literal["predictions", "labels"]) -> int:
        """The watermark over all partitions by records that are too old to call anybody, in ms.

        A partition whose owner is itself further behind the broker's clock has read nothing else:
        as labels follow predictions, neither have its labels.
        """

        def marks(progress: Progress) -> Mapping[str, int]:
            inputs = topic == "predictions"
            topics = ("predictions",) if inputs else ("predictions", "labels")
            read = min((progress.read[t] for t in topics if t in progress.read), default=None)
            told = progress.told
            if read is not None and told is not None and told - read > spec.max_alert_age_ms:
                return progress.inputs if inputs else progress.labels
            return progress.past_inputs if inputs else progress.past_labels

        return self._least(spec.id, marks)

    def inputs(self, spec: ModelSpec) -> int:
        """The model's watermark of predictions over all partitions, in ms."""
        return self._least(spec.id, lambda progress: progress.inputs)

    def labels(self, spec: ModelSpec) -> int:
        """The time up to which all labels have been read, over all partitions, in ms.

        It never passes the watermark of predictions: a label may come before its prediction.
        """
        return min(self.inputs(spec), self._least(spec.id, lambda progress: progress.labels))

    def _least(self, model_id: str, marks: Callable[[Progress], Mapping[str, int]]) -> int:
        if len(self.progress) < self.sources:
            return UNHEARD
        return min(marks(progress).get(model_id, UNHEARD) for progress in self.progress.values())

    def behind(self) -> dict[HealthReason, list[int]]:
        """Source partitions whose records are read late, and whose owners are not heard any more.

        By the broker's time alone: when records and their owners' words were appended. What was
        never told counts as late too.
        """
        late: list[int] = []
        stalled: list[int] = []
        for source, progress in sorted(self.progress.items()):
            told, read = progress.told, progress.read.get("predictions")
            if told is None or self.now - told > BEHIND_MS:
                stalled.append(source)
            elif read is None or told - read > BEHIND_MS:
                late.append(source)
        return {"lag": late, "stalled_partition": stalled}

    def marks(self, spec: ModelSpec) -> dict[int, int]:
        """The model's watermark of predictions in every source partition, in ms."""
        known = self.progress
        return {
            n: known[n].inputs.get(spec.id, UNHEARD) if n in known else UNHEARD
            for n in range(self.sources)
        }

    def holding(self, spec: ModelSpec) -> dict[int, HealthReason]:
        """Source partitions that hold the model's time back, while others have gone on, and why.

        Either nobody speaks for the partition, or it is far behind the others and behind the
        present: an idle one follows that, and whoever dates ahead makes no other stand still. The
        partitions of a stream that replays the past may be far apart while all is well.
        """
        marks = self.marks(spec)
        lead = max(marks.values())
        present = min(lead, self.now - spec.disorder_ms)
        held: dict[int, HealthReason] = {}
        for n, mark in marks.items():
            if mark < lead and self._silent(n):
                held[n] = "stalled_partition"
            elif spec.clock == "append" and lead != END and present - mark > BEHIND_MS:
                held[n] = "lag"
        return held

    def _silent(self, source: int) -> bool:
        told = self.progress[source].told if source in self.progress else None
        return told is None or self.now - told > SILENT_MS

    def told(self, source: int, spec: ModelSpec) -> str:
        """What is known of a source partition that holds a model's time back."""
        progress = self.progress.get(source)
        at = f"partition {source}"
        if progress is None or progress.told is None:
            return f"{at}: nothing was ever heard of it"
        if self._silent(source):
            return f"{at}: its owner has not been heard for {_words(self.now - progress.told)}"
        read = progress.read.get("predictions")
        if read is None:
            return f"{at}: its owner has read nothing yet"
        if progress.told - read > BEHIND_MS:
            return f"{at}: its owner reads {_words(progress.told - read)} late"
        mark = progress.inputs.get(spec.id, UNHEARD)
        if mark == UNHEARD:
            return f"{at}: nothing of {spec.id} was read from it"
        return f"{at}: its latest events are of {_words(self.now - mark)} ago"

    def holdback(self) -> dict[int, float]:
        """By source partition, how far it holds a model's time back behind the others, in seconds.

        Of the model that it holds back most. Infinite where nothing was heard of the partition, or
        of a model in it that another one has heard; a stream that has ended waits for nobody.
        """
        heard = dict(self.progress)
        held = dict.fromkeys(range(self.sources), 0.0)
        for model_id in {model for progress in heard.values() for model in progress.inputs}:
            marks = {
                n: heard[n].inputs.get(model_id, UNHEARD) if n in heard else UNHEARD for n in held
            }
            lead = max(marks.values())
            if lead not in (END, UNHEARD):
                for n, mark in marks.items():
                    behind = math.inf if mark == UNHEARD else (lead - mark) / 1000
                    held[n] = max(held[n], behind)
        return held

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
