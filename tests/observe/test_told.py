"""What a flush of many models looks at, and whom it tells of time."""

from collections.abc import Sequence

import pytest
from aiokafka.partitioner import DefaultPartitioner

from monitor.observe.outflow import Outflow
from monitor.observe.partition import ObservePartition
from monitor.observe.state import ModelState
from monitor.panes.flush import Flush
from monitor.panes.messages import Progress, decode
from tests.observe.stream import HOUR, T0, Rec, log, monitored, prediction

NAMES = [f"model-{n}" for n in range(40)]
MODELS = [monitored(model_id=name, clock="append") for name in NAMES]
PARTITIONS = 4


def told(flush: Flush) -> dict[int, Progress]:
    """The progress that each partition of `panes` is told."""
    found = {}
    for out in flush.outputs:
        message = decode(out.value) if out.topic == "panes" else None
        if isinstance(message, Progress):
            assert out.partition is not None
            assert out.partition not in found
            found[out.partition] = message
    return found


def read(partition: ObservePartition, names: Sequence[str], time_ms: int, offset: int = 0) -> None:
    events = [prediction(f"{name}-{time_ms}", time_ms, model_id=name) for name in names]
    records = [Rec(offset + r.offset, time_ms, r.value) for r in log(events)]
    partition.apply("predictions", records)


def test_a_partition_of_panes_is_told_of_the_models_that_live_there() -> None:
    """Kafka's own partitioner says which; also who has none of them hears that we are here."""
    everywhere, partitioner = list(range(PARTITIONS)), DefaultPartitioner()
    lives = {name: partitioner(name.encode(), everywhere, everywhere) for name in NAMES}
    heard = NAMES[:3]
    partition = ObservePartition(MODELS[:3], 1, PARTITIONS)
    read(partition, heard, T0)
    partition.apply("labels", [Rec(0, T0 + HOUR, b"{}")])
    progress = told(partition.drain({"predictions": 2}, True, ()))
    assert sorted(progress) == everywhere
    for n, message in progress.items():
        there = {name for name in heard if lives[name] == n}
        assert message.inputs.keys() == there
        assert message.source == 1
        assert message.offsets == {"predictions": 2}
        assert message.read == {"predictions": T0, "labels": T0 + HOUR}
    read(partition, heard, T0 + 2 * HOUR, 3)
    for n, message in told(partition.drain({"predictions": 5}, True, ())).items():
        assert message.past_inputs.keys() == {name for name in heard if lives[name] == n}


def test_a_flush_looks_at_no_model_of_which_nothing_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []
    expire = Outflow.expire

    def noted(self: Outflow, state: ModelState, flush: Flush) -> None:
        looked.append(state.id)
        expire(self, state, flush)

    monkeypatch.setattr(Outflow, "expire", noted)
    partition = ObservePartition(MODELS, 0, PARTITIONS)
    read(partition, NAMES, T0)
    partition.drain({}, True, ())
    assert looked == NAMES
    looked.clear()
    partition.drain({}, True, ())
    assert looked == []
    read(partition, [NAMES[3], NAMES[7]], T0 + 1, len(NAMES))
    partition.drain({}, False, ())
    assert looked == [NAMES[3], NAMES[7]]
    looked.clear()
    partition.drain({}, True, ())
    assert looked == [NAMES[3], NAMES[7]], "what evaluate had not been told of"
    looked.clear()
    partition.drain({}, False, ())
    assert looked == []
