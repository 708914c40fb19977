"""What came out, compared with numpy on the raw values: fast and wrong is of no use."""

import json
import time
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.bench import workload
from tests.bench.setup import Setup

#: A flush of a thousand models takes its time on a busy machine.
QUIET_S = 180.0
#: Of so many models every window is looked at; of the others that all predictions are in some.
LOOKED_AT = 3


async def judged(bootstrap: str, setup: Setup, predictions: int) -> list[dict[str, Any]]:
    """The data of the first window's events, read until they hold every prediction."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = f"{setup.namespace}.drift-events"
        consumer.assign([TopicPartition(topic, n) for n in range(setup.partitions)])
        windows: list[dict[str, Any]] = []
        quiet, held = time.monotonic(), 0
        while held < predictions:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                quiet = time.monotonic()
                data = [json.loads(record.value)["data"] for record in records]
                windows += [one for one in data if _of_first_window(one, setup)]
            held = sum(data["predictions"] for data in windows)
            if time.monotonic() - quiet > QUIET_S:
                raise AssertionError(f"windows hold {held} of {predictions} predictions")
        return windows
    finally:
        await consumer.stop()


def _of_first_window(data: dict[str, Any], setup: Setup) -> bool:
    length = milliseconds(data["window"]["end"]) - milliseconds(data["window"]["start"])
    return (
        data["kind"] == "window" and data["detector"] == "data_drift" and length == setup.window_ms
    )


def milliseconds(time: str) -> int:
    """A time of an event, in ms since 1970."""
    return int(np.datetime64(time.rstrip("Z"), "ms").astype(np.int64))


def check(windows: list[dict[str, Any]], setup: Setup, count: int) -> int:
    """Compare rows and PSI of a feature in every window with numpy; PSIs compared.

    Raises AssertionError where the product's figure and the oracle's differ.
    """
    name = workload.NUMERIC[0]
    reference = np.array(workload.columns(20_000, 1)[name])
    drawn = np.array(workload.columns(workload.DIFFERENT, 4)[name])
    grid = workload.baseline().grid(f"feature/{name}")
    cuts = np.asarray(grid.edges)[np.asarray(grid.coarse)]
    n = np.arange(count)
    times = workload.times(count, setup.pace)
    values, turns = drawn[n % workload.DIFFERENT], workload.turns(count, setup.models)
    models = workload.names(setup.models)[:LOOKED_AT]
    compared = 0
    for data in windows:
        if data["model_id"] not in models:
            continue
        told = next(r for r in data["results"] if r["subject"] == f"feature/{name}")
        start = milliseconds(data["window"]["start"])
        mine = turns == models.index(data["model_id"])
        inside = values[mine & (times >= start) & (times < start + setup.window_ms)]
        if data["predictions"] != inside.size:
            raise AssertionError(f"window {start}: {data['predictions']} != {inside.size}")
        p, q = (
            np.bincount(np.searchsorted(cuts, x, "right"), minlength=cuts.size + 1) / x.size
            for x in (inside, reference)
        )
        p, q = np.where(p == 0, 1e-4, p), np.where(q == 0, 1e-4, q)
        psi = float(np.sum((p - q) * np.log(p / q)))
        if told["value"] is None:
            continue  # too few rows
        if abs(psi - told["value"]) > 1e-12:
            raise AssertionError(f"window {start}: PSI {told['value']} != {psi}")
        compared += 1
    if not compared:
        raise AssertionError(f"no window of {', '.join(models)} was judged: publish more events")
    return compared
