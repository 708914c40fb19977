"""The whole stream without a broker: logs in memory, a schedule that is drawn, crashes included.

Everything that the runner does to a stage's logic happens here too: records are read in offset
order and applied once, a flush is all or nothing, a crash forgets what was not flushed and restores
what was. So a law can be stated over all schedules.
"""

import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from monitor.evaluate.partition import EvaluatePartition
from monitor.events.signatures import Keyring
from monitor.observe.accounting import Accounting, total
from monitor.observe.decode import Decoder
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.split import REKEYED
from monitor.observe.state import INPUTS
from monitor.observe.store import DictStore, Store
from monitor.panes.flush import Flush, Logic
from monitor.response.partition import RespondPartition
from monitor.stream.replay import Replay
from tests.observe.stream import T0, Rec

PARTITIONS = 3
APPEND_MS = T0 + 10_000 * 3_600_000


@dataclass
class Unit:
    """One partition of one stage, with what it has made durable."""

    make: Callable[[Store], Logic]
    topics: tuple[str, ...]
    partition: int
    logic: Logic = field(init=False)
    offsets: dict[str, int] = field(default_factory=dict)
    durable_offsets: dict[str, int] = field(default_factory=dict)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    store: Store = field(default_factory=DictStore)

    def __post_init__(self) -> None:
        self.logic = self.make(self.store)

    def crash(self, elsewhere: bool = False) -> None:
        """Lose memory; come back with what was committed, `elsewhere` without the local store."""
        if elsewhere:
            self.store = DictStore()
        self.logic = self.make(self.store)
        replay = Replay(self.logic)
        at = replay.begin(0, len(self.log))
        while at < len(self.log):
            upto = min(at + 3, len(self.log))
            again = replay.take([(n, self.log[n]) for n in range(at, upto)])
            at = upto if again is None else again
        self.logic.restore(dict(self.rows))
        self.offsets = dict(self.durable_offsets)


class Pipeline:
    """All stages over logs in memory."""

    def __init__(
        self,
        models: list[Monitored],
        keyring: Keyring | None = None,
        partitions: int = PARTITIONS,
    ) -> None:
        self.partitions = partitions
        self.logs: dict[tuple[str, int], list[Rec]] = defaultdict(list)
        self.partitioner = DefaultPartitioner()
        n, decoder = range(partitions), Decoder(models, keyring)
        # Where nothing is sent on, no draw of a schedule is spent on it.
        split = any(model.spec.repartition for model in models)
        sources = (*INPUTS, REKEYED) if split else INPUTS
        self.units = [
            *(
                Unit(lambda s, p=p: ObservePartition(models, p, partitions, s, decoder), sources, p)
                for p in n
            ),
            *(Unit(lambda s: EvaluatePartition(models, partitions), ("panes",), p) for p in n),
            *(Unit(lambda s: RespondPartition(), ("drift-events",), p) for p in n),
        ]

    def reconfigure(self, models: list[Monitored], only: Unit | None = None) -> None:
        """Restart every worker, or one unit, with other models, from what was durable."""
        for unit, fresh in zip(
            self.units, Pipeline(models, partitions=self.partitions).units, strict=True
        ):
            if only is None or unit is only:
                unit.make = fresh.make
                unit.crash()

    def append(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int | None = None,
        append_ms: int = 0,
    ) -> None:
        """Append a record where Kafka would."""
        if partition is None:
            everywhere = list(range(self.partitions))
            partition = self.partitioner(key, everywhere, everywhere)
        log = self.logs[topic, partition]
        log.append(Rec(len(log), append_ms or APPEND_MS, value, key))

    def produce(self, topic: str, events: list[Any]) -> None:
        """Append input events, keyed by prediction or model; ends of streams go everywhere."""
        for event in events:
            value = event if isinstance(event, bytes) else json.dumps(event).encode()
            if isinstance(event, dict) and event.get("type") == "end_of_stream":
                for n in range(self.partitions):
                    self.append(topic, b"", value, n)
            else:
                by = "model_id" if topic == "approvals" else "prediction_id"
                key = event.get(by, "") if isinstance(event, dict) else "bytes"
                self.append(topic, str(key).encode(), value)

    def read(self, unit: Unit, topic: str, most: int) -> int:
        """Hand the next records of a topic to a unit."""
        first = unit.offsets.get(topic, -1) + 1
        records = self.logs[topic, unit.partition][first : first + most]
        if records:
            unit.logic.apply(topic, records)
            unit.offsets[topic] = records[-1].offset
        return len(records)

    def flush(
        self,
        unit: Unit,
        heartbeat: bool = False,
        idle: tuple[str, ...] = (),
        append_ms: int = 0,
        told: bool = True,
    ) -> Flush:
        """One transaction: all or nothing; a crash may come before the logic is told of it."""
        flush = unit.logic.drain(dict(unit.offsets), heartbeat, idle)
        for key, row in flush.rows.items():
            if row is None:
                unit.rows.pop(key, None)
            else:
                unit.rows[key] = row
        unit.log += flush.log
        unit.durable_offsets = dict(unit.offsets)
        for out in flush.outputs:
            self.append(out.topic, out.key, out.value, out.partition, append_ms)
        if told:
            unit.logic.committed(len(unit.log) - 1 if flush.log else None)
        return flush

    def run(self, schedule: random.Random | None = None, crashes: float = 0.0) -> None:
        """Run until nothing is left; with a schedule, in a drawn order, with drawn crashes."""
        if schedule:
            for _ in range(400):
                unit = schedule.choice(self.units)
                draw = schedule.random()
                if draw < crashes:
                    if schedule.random() < 0.3:
                        self.flush(unit, told=False)
                    unit.crash(elsewhere=schedule.random() < 0.5)
                elif draw < 0.4:
                    self.flush(unit, heartbeat=schedule.random() < 0.3)
                else:
                    self.read(unit, schedule.choice(unit.topics), schedule.randint(1, 200))
        for _ in range(100):
            moved = 0
            for unit in self.units:
                for topic in unit.topics:
                    while n := self.read(unit, topic, 1000):
                        moved += n
                self.flush(unit)
            if not moved:
                return
        raise AssertionError("the pipeline did not come to rest")

    def events(self, topic: str) -> dict[str, dict[str, Any]]:
        """The last revision of each event of an output topic; offsets, which vary, left out."""
        found: dict[str, dict[str, Any]] = {}
        for n in range(self.partitions):
            for record in self.logs[topic, n]:
                event = json.loads(record.value or b"")
                event["data"].pop("source_offsets", None)
                found[event["id"]] = event
        return found

    def published(self, topic: str) -> list[dict[str, Any]]:
        """All events of an output topic, repeated ones and earlier revisions included."""
        records = [record for n in range(self.partitions) for record in self.logs[topic, n]]
        return [json.loads(record.value or b"") for record in records]

    def accounting(self) -> Accounting:
        """The counters of all source partitions."""
        return total(
            u.logic.accounting for u in self.units if isinstance(u.logic, ObservePartition)
        )


__all__ = ["PARTITIONS", "Pipeline", "Unit"]
