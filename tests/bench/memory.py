"""What a (model, feature, pane) takes in memory: of all that a worker holds of it, by tracemalloc.

Python's and numpy's bytes are counted, those of stored keys and of what waits for a flush too. The
baseline and the code aren't: what more panes take is divided by their number. Predictions and
scores ride along, and are shared out among the features.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from monitor.observe.model import Monitored
from monitor.observe.store import DictStore
from monitor.panes.messages import InputPane, Progress, decode, encode
from monitor.registry.specs import DAY_MS, HOUR_MS, MINUTE_MS, WindowSpec
from monitor.stream.owner import Owner
from monitor.stream.stages import stages
from monitor.stream.tables import Applied
from tests.bench import workload

FEATURES = len(workload.NUMERIC) + len(workload.CATEGORICAL)
#: Source partitions whose snapshots evaluate holds.
SOURCES = 4
#: Panes that are there before it is measured, and those that are measured.
BEFORE, MEASURED = 5, 40
#: Panes stay open, or settled sums needed, for as long as it is measured.
OPEN = WindowSpec(size_ms=MINUTE_MS, hop_ms=MINUTE_MS, allowed_lateness_ms=6 * HOUR_MS)
SLIDING = WindowSpec(size_ms=6 * HOUR_MS, hop_ms=MINUTE_MS, allowed_lateness_ms=0)


class Kept(NamedTuple):
    """A record as the stages read it."""

    offset: int
    value: bytes
    timestamp: int = workload.START_MS + DAY_MS
    key: bytes | None = None


class Producer:
    """Takes what a flush sends, and keeps what goes to `panes`."""

    def __init__(self) -> None:
        self.panes: list[bytes] = []

    async def begin_transaction(self) -> None: ...

    async def commit_transaction(self) -> None: ...

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[Any]:
        if topic.endswith(".panes"):
            self.panes.append(value)
        delivered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        delivered.set_result(SimpleNamespace(offset=0, timestamp=workload.START_MS))
        return delivered


def _owner(stage: str, model: Monitored, partition: int = 0, sources: int = SOURCES) -> Owner:
    """One partition of a stage, owned as a worker owns it."""
    known = {one.name: one for one in stages([model], sources, lambda _: DictStore())}
    applied = Applied(sources, {})
    return Owner(known[stage], partition, known[stage].logic(partition), applied, Producer(), "b")


async def _take(owner: Owner, topic: str, values: Sequence[bytes]) -> None:
    at = owner.offsets.get(topic, -1) + 1
    records = [Kept(at + n, value) for n, value in enumerate(values)]
    owner.apply(topic, records, SimpleNamespace(ack=lambda: None))
    await owner.flush()


def _predictions(pane: int, rows: int) -> list[bytes]:
    """A pane's predictions, evenly over its minute."""
    start = workload.START_MS + pane * MINUTE_MS
    return list(workload.columnar(start + np.arange(rows) * MINUTE_MS // rows))


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _measured(owner: Owner, topic: str, panes: Sequence[Sequence[bytes]]) -> float:
    """Bytes a feature and pane: what the panes after the first few take, once flushed."""
    tracemalloc.start()
    try:
        for values in panes[:BEFORE]:
            await _take(owner, topic, values)
        before = _held()
        for values in panes[BEFORE:]:
            await _take(owner, topic, values)
        return (_held() - before) / (len(panes) - BEFORE) / FEATURES
    finally:
        tracemalloc.stop()


async def _observe(rows: int) -> float:
    """An open pane of one source partition."""
    owner = _owner("observe", workload.model(OPEN), sources=1)
    panes = [_predictions(n, rows) for n in range(BEFORE + MEASURED)]
    found = await _measured(owner, "predictions", panes)
    assert len(owner.logic.states[workload.MODEL].panes) == len(panes)  # type: ignore[attr-defined]
    return found


async def _snapshots(rows: int, model: Monitored) -> list[list[bytes]]:
    """What evaluate is sent, pane by pane: of each source an equal part of the rows."""
    told: list[list[bytes]] = [[] for _ in range(BEFORE + MEASURED)]
    for source in range(SOURCES):
        owner = _owner("observe", model, source)
        for n in range(len(told) + 2):
            await _take(owner, "predictions", _predictions(n, rows // SOURCES))
        for value in owner.producer.panes:
            message = decode(value)
            if isinstance(message, InputPane):
                pane = (message.start_ms - workload.START_MS) // MINUTE_MS
                if pane < len(told):
                    told[pane].append(value)
    return told


async def _evaluate_waiting(rows: int) -> float:
    """A pane that not every source has passed: the snapshots of all the others."""
    model = workload.model(SLIDING)
    owner = _owner("evaluate", model)
    found = await _measured(owner, "panes", await _snapshots(rows, model))
    sums = owner.logic.windows[workload.MODEL].input_sums  # type: ignore[attr-defined]
    assert len(sums.waiting) == BEFORE + MEASURED
    return found


async def _evaluate_settled(rows: int) -> float:
    """A pane that is settled, and needed by windows to come."""
    model = workload.model(SLIDING)
    owner = _owner("evaluate", model)
    panes = await _snapshots(rows, model)
    for n, values in enumerate(panes):
        values += _progress(workload.START_MS + (n + 1) * MINUTE_MS)
    found = await _measured(owner, "panes", panes)
    sums = owner.logic.windows[workload.MODEL].input_sums  # type: ignore[attr-defined]
    assert not sums.waiting
    assert len(sums.sums[0]) == len(panes)
    return found


def _progress(mark_ms: int) -> Iterator[bytes]:
    for source in range(SOURCES):
        yield encode(Progress(source, {workload.MODEL: mark_ms}, {}, {}))


HOLDERS = {
    "observe, open pane": _observe,
    "evaluate, waiting pane": _evaluate_waiting,
    "evaluate, settled pane": _evaluate_settled,
}


def measure(holder: str, rows: int) -> float:
    """Bytes a (model, feature, pane) of so many predictions."""
    return asyncio.run(HOLDERS[holder](rows))
