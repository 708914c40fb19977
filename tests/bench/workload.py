"""The workload: a million predictions of 20 features, 852 bytes each, 20,000 of them different.

A benchmark that repeats a few events lies: the branch predictor learns them.
"""

import json

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
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
WINDOW = WindowSpec(size_ms=300_000, hop_ms=300_000, allowed_lateness_ms=60_000)


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


def baseline(model: str = MODEL) -> Baseline:
    """A reference of 20,000 rows, 256 bins a feature."""
    return build_baseline(
        "bench", model, columns(20_000, 1),
        prediction=np.random.default_rng(2).choice(["yes", "no"], 20_000).tolist(),
        score=np.random.default_rng(3).uniform(size=20_000).tolist(),
    )  # fmt: skip


def model(deduplicate: bool) -> Monitored:
    """The model under test: five-minute windows of inputs and outputs."""
    spec = ModelSpec(
        id=MODEL,
        clock="events",
        deduplicate=deduplicate,
        baseline=BaselineSpec(path="bench.json"),
        data_drift=DataDriftSpec(windows=(WINDOW,)),
        prediction_drift=PredictionDriftSpec(windows=(WINDOW,)),
    )
    return Monitored(sealed(spec), baseline())


def events(count: int, models: int = 1) -> list[bytes]:
    """`count` events of 852 bytes: 20,000 different feature rows, each event with its own id.

    Models take turns in a drawn order. Time runs at 5,000 events a second, so that windows close
    as they would on a busy stream.
    """
    drawn = columns(DIFFERENT, 4)
    features = list(drawn)
    rows = list(zip(*drawn.values(), strict=True))
    bodies = [json.dumps(dict(zip(features, row, strict=True))) for row in rows]
    ids = names(models)
    turns = np.random.default_rng(5).integers(0, models, count).tolist()
    made = []
    for n in range(count):
        head = (
            f'{{"prediction_id":"bench-{n:012d}","model_id":"{ids[turns[n]]}","model_version":"2026.05.1",'
            f'"timestamp":{START_MS + n // 5},"prediction":"{"yes" if n % 3 else "no"}",'
            f'"score":{(n * 7919 % 1000) / 1000},"features":'
        )
        event = head + bodies[n % DIFFERENT]
        # Padding in a field that nobody knows: accepted and passed over, as the schema is open.
        pad = EVENT_BYTES - len(event) - len(',"trace":""}')
        made.append((event + ',"trace":"' + "x" * max(0, pad) + '"}').encode())
    return made
