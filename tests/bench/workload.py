"""The workload: predictions of 20 features, 852 bytes each or as columns, 20,000 of them different.

A benchmark that repeats a few events lies: the branch predictor learns them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.client.columns import encode_columns
from monitor.observe.model import Monitored
from monitor.registry.specs import (
    BaselineSpec,
    DataDriftSpec,
    ModelSpec,
    PredictionDriftSpec,
    WindowSpec,
    sealed,
)

MODEL = "bench"
START_MS = 1_735_689_600_000
NUMERIC = [f"feature_{n:02d}_numeric" for n in range(18)]
CATEGORICAL = ["merchant_category", "customer_region"]
CATEGORIES = [f"category-{n}" for n in range(12)]
EVENT_BYTES = 852
DIFFERENT = 20_000
#: Events in a second of event time: windows close as they would on a busy stream.
PACE = 5_000
#: Predictions in a columnar record.
ROWS = 500
Form = Literal["events", "arrays", "packed"]
Ints = npt.NDArray[np.int64]
WINDOW = WindowSpec(size_ms=300_000, hop_ms=300_000, allowed_lateness_ms=60_000)


@cache
def columns(rows: int, seed: int) -> dict[str, list[float] | list[str]]:
    """Feature columns: 18 log-normal, normal or uniform, two of 12 categories."""
    rng = np.random.default_rng(seed)
    draws = (rng.lognormal, rng.normal, rng.uniform)
    numeric = {name: np.round(draws[n % 3](size=rows), 6) for n, name in enumerate(NUMERIC)}
    categories = {name: rng.choice(CATEGORIES, rows).tolist() for name in CATEGORICAL}
    return {name: values.tolist() for name, values in numeric.items()} | categories


def names(models: int) -> list[str]:
    """The ids of so many models; one alone is MODEL."""
    return [MODEL] if models == 1 else [f"{MODEL}-{n:04d}" for n in range(models)]


@cache
def _baseline() -> Baseline:
    return build_baseline(
        "bench", MODEL, columns(20_000, 1),
        prediction=np.random.default_rng(2).choice(["yes", "no"], 20_000).tolist(),
        score=np.random.default_rng(3).uniform(size=20_000).tolist(),
    )  # fmt: skip


def baseline(model: str = MODEL) -> Baseline:
    """A reference of 20,000 rows, 256 bins a feature: the same for every model."""
    return replace(_baseline(), model_id=model)


def model(window: WindowSpec = WINDOW) -> Monitored:
    """One model of inputs and outputs as a specification, for what runs without Kafka."""
    spec = ModelSpec(
        id=MODEL,
        clock="events",
        deduplicate=False,
        baselines=(BaselineSpec(path="bench.json"),),
        data_drift=DataDriftSpec(windows=(window,)),
        prediction_drift=PredictionDriftSpec(windows=(window,)),
    )
    return Monitored(sealed(spec), baseline())


def times(count: int, pace: int = PACE) -> Ints:
    """The times of so many events in ms."""
    return START_MS + np.arange(count) * 1000 // pace


def turns(count: int, models: int) -> Ints:
    """Which of the models each event is of, in a drawn order."""
    return np.random.default_rng(5).integers(0, models, count)


def records(
    count: int, form: Form = "events", models: int = 1, pace: int = PACE
) -> Iterator[bytes]:
    """So many predictions as records: 20,000 different rows, each with its own id and time."""
    if form == "events":
        return _events(count, models, pace)
    if models != 1:
        raise ValueError(f"{models} models in columnar records; a record is of one")
    return columnar(times(count, pace), form)


def _events(count: int, models: int, pace: int) -> Iterator[bytes]:
    """A record of 852 bytes each."""
    drawn = columns(DIFFERENT, 4)
    features = list(drawn)
    rows = list(zip(*drawn.values(), strict=True))
    bodies = [json.dumps(dict(zip(features, row, strict=True))) for row in rows]
    ids = names(models)
    drawn_times, drawn_turns = times(count, pace).tolist(), turns(count, models).tolist()
    for n in range(count):
        head = (
            f'{{"prediction_id":"bench-{n:012d}","model_id":"{ids[drawn_turns[n]]}",'
            f'"model_version":"2026.05.1","timestamp":{drawn_times[n]},'
            f'"prediction":"{_class(n)}","score":{_score(n)},"features":'
        )
        event = head + bodies[n % DIFFERENT]
        # Padding in a field that nobody knows: accepted and passed over, as the schema is open.
        pad = EVENT_BYTES - len(event) - len(',"trace":""}')
        yield (event + ',"trace":"' + "x" * max(0, pad) + '"}').encode()


def _class(n: int) -> str:
    return "yes" if n % 3 else "no"


def _score(n: int) -> float:
    return (n * 7919 % 1000) / 1000


def columnar(stamps: Ints, form: Form = "packed") -> Iterator[bytes]:
    """Predictions of these times, 500 a record: as lists, or packed as the client does."""
    drawn = {name: np.array(values) for name, values in columns(DIFFERENT, 4).items()}
    for start in range(0, len(stamps), ROWS):
        n = np.arange(start, min(start + ROWS, len(stamps)))
        batch: dict[str, Any] = {
            "batch_id": f"bench-{start:012d}",
            "model_id": MODEL,
            "model_version": "2026.05.1",
            "timestamps": stamps[n],
            "predictions": [_class(one) for one in n.tolist()],
            "scores": np.array([_score(one) for one in n.tolist()]),
            "features": {name: values[n % DIFFERENT] for name, values in drawn.items()},
        }
        if form == "packed":
            found, _ = encode_columns(batch, 0)
            yield from (record.value for record in found)
        else:
            yield msgspec.json.encode(batch, enc_hook=lambda array: array.tolist())
