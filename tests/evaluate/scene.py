"""Panes and progress as evaluate hears them, and what it says: times are minutes after T0."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from monitor.evaluate.partition import EvaluatePartition
from monitor.events.timestamps import to_ms
from monitor.observe.model import Monitored
from monitor.panes.codec import pack
from monitor.panes.flush import Flush
from monitor.panes.messages import END, InputPane, OutcomePane, Progress, encode
from monitor.registry.specs import WindowSpec
from tests.observe.stream import MINUTE, T0, Rec

#: What a test reads of a judged window: detector, version, start, end (minutes), rows, verdicts.
Told = tuple[str, str, int, int, int, str]


def minutes(
    size: int, hop: int | None = None, lateness: int = 0, provisional: bool = False
) -> WindowSpec:
    """A window in minutes; it tumbles where no hop is given."""
    return WindowSpec(
        size_ms=size * MINUTE,
        hop_ms=(hop or size) * MINUTE,
        allowed_lateness_ms=lateness * MINUTE,
        provisional=provisional,
    )


def at(minute: float | None) -> int:
    """Minutes after T0 in ms; None is the end of the stream."""
    return END if minute is None else T0 + int(minute * MINUTE)


class Scene:
    """One partition of `panes`, fed by `sources` source partitions."""

    def __init__(self, *models: Monitored, sources: int = 1) -> None:
        self.models = {model.spec.id: model for model in models}
        self.list = list(models)
        self.sources = sources
        self.partition = EvaluatePartition(self.list, sources)
        self.offset = 0
        self.rows: dict[bytes, bytes] = {}
        self.told: list[dict[str, Any]] = []
        self.append_ms = at(100_000)

    def send(self, *messages: InputPane | OutcomePane | Progress) -> None:
        """Append messages to the partition and let it read them."""
        records = [Rec(self.offset + n, self.append_ms, encode(m)) for n, m in enumerate(messages)]
        self.offset += len(records)
        self.partition.apply("panes", records)

    def pane(
        self,
        minute: int,
        rows: int = 1,
        source: int = 0,
        version: str = "1",
        model: str = "m",
        fingerprint: str | None = None,
        counts: Any = None,
        on_time: bool = False,
    ) -> InputPane:
        """A pane of inputs; without counts of a baseline's width all its slots are empty."""
        known = self.models.get(model)
        period = known.at(at(minute)) if known else None
        width = period.width if period else 0
        packed = pack(np.zeros(width, dtype=np.int64) if counts is None else counts)
        mark = period.fingerprint if period and fingerprint is None else fingerprint or ""
        return InputPane(model, version, at(minute), source, 0, rows, mark, packed, on_time=on_time)

    def outcome(
        self,
        minute: int,
        predictions: int,
        labels: Mapping[tuple[int, str, str], int] | None = None,
        source: int = 0,
        version: str = "1",
        fingerprint: str | None = None,
    ) -> OutcomePane:
        """A pane of outcomes of model m; `labels` is age, label, prediction to a change."""
        period = self.models["m"].at(at(minute))
        assert period.baseline
        outcomes = period.baseline.outcomes
        assert outcomes
        counts = np.zeros_like(outcomes.counts)
        for (age, label, prediction), n in (labels or {}).items():
            counts[age, outcomes.index(label), outcomes.index(prediction)] += n
        mark = period.fingerprint if fingerprint is None else fingerprint
        return OutcomePane("m", version, at(minute), source, predictions, mark, pack(counts))

    def progress(
        self,
        minute: float | None,
        source: int = 0,
        labels: float | None = -1,
        model: str = "m",
    ) -> Progress:
        """How far a source has come; `labels` -1 is nothing heard, None the end."""
        return Progress(
            source=source,
            inputs={model: at(minute)},
            labels={} if labels == -1 else {model: at(labels)},
            offsets={"predictions": self.offset},
            read={"predictions": self.append_ms},
        )

    def flush(self) -> Flush:
        """Drain into the durable rows; remember the events."""
        flush = self.partition.drain({}, False, ())
        for key, row in flush.rows.items():
            if row is None:
                assert key in self.rows, "a row is deleted that never was"
                del self.rows[key]
            else:
                self.rows[key] = row
        self.told += [json.loads(output.value) for output in flush.outputs]
        return flush

    def crash(self) -> None:
        """Lose memory, and take up what was flushed."""
        self.partition = EvaluatePartition(self.list, self.sources)
        self.partition.restore(dict(self.rows))

    def windows(self, detector: str | None = "data_drift") -> list[Told]:
        """Windows judged so far by one detector, in the order of their events."""
        self.flush()
        return [
            (
                data["detector"],
                data["model_version"],
                minute(data["window"]["start"]),
                minute(data["window"]["end"]),
                data["predictions"],
                " ".join(sorted({result["verdict"] for result in data["results"]})),
            )
            for event in self.told
            for data in [event["data"]]
            if data["kind"] == "window" and detector in (None, data["detector"])
        ]

    def spans(self) -> list[tuple[int, int, int]]:
        """Start, end and rows of each window of data drift that was judged."""
        return [(start, end, rows) for _, _, start, end, rows, _ in self.windows()]


def minute(text: str) -> int:
    """RFC 3339 as whole minutes after T0."""
    minutes_, rest = divmod(to_ms(text) - T0, MINUTE)
    assert rest == 0
    return minutes_
