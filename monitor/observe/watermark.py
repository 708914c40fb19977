"""How far event time has come in one source partition, per model."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from monitor.panes.messages import END, UNHEARD

Times = npt.NDArray[np.int64]


class Watermarks:
    """The greatest valid event time by (topic, model), the model's disorder bound behind it.

    It never regresses. An end of stream moves it past every event.
    """

    def __init__(self, disorder_ms: dict[str, int], replayed: frozenset[str] = frozenset()) -> None:
        self.disorder_ms = disorder_ms
        self.replayed = replayed
        self.greatest: dict[tuple[str, str], int] = {}

    def of(self, topic: str, model_id: str) -> int:
        """The watermark in ms: no event before it is expected any more."""
        greatest = self.greatest.get((topic, model_id), UNHEARD)
        return greatest if greatest in (END, UNHEARD) else greatest - self.disorder_ms[model_id]

    def advance(self, topic: str, model_id: str, times: Times) -> Times:
        """Take event times in offset order; return the watermark as each row found it.

        The answer depends on the order of records alone, not on how they were cut into chunks.
        """
        before = self.greatest.get((topic, model_id), UNHEARD)
        running = np.maximum.accumulate(np.concatenate(([before], times)))
        self.greatest[topic, model_id] = int(running[-1])
        found = running[:-1]
        settled = (found == END) | (found == UNHEARD)
        return np.where(settled, found, found - self.disorder_ms[model_id])

    def end(self, topic: str, model_id: str) -> None:
        """The stream of this model has ended here."""
        self.greatest[topic, model_id] = END

    def by_model(self, topic: str, models: Iterable[str]) -> dict[str, int]:
        """The watermarks of the models that were heard on a topic."""
        return {m: self.of(topic, m) for m in models if (topic, m) in self.greatest}

    def partition(self) -> int:
        """The partition's own watermark: the greatest of its models', for those silent in it.

        Streams that have ended or that replay the past say nothing about other models; nor do
        labels, which are read ahead of the predictions when both are read from their start.
        """
        known = [
            greatest - self.disorder_ms[model]
            for (topic, model), greatest in self.greatest.items()
            if topic == "predictions"
            and greatest not in (END, UNHEARD)
            and model not in self.replayed
        ]
        return max(known, default=UNHEARD)
