"""A small model, and logs of records as Kafka would hand them over."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.observe.model import Monitored
from monitor.registry.specs import (
    BaselineSpec,
    DataDriftSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    WindowSpec,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
T0 = 1_370_000_000_000 // HOUR * HOUR
WINDOW = WindowSpec(size_ms=HOUR, hop_ms=HOUR, allowed_lateness_ms=10 * MINUTE)


@dataclass(frozen=True)
class Rec:
    """A record of one partition."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None


def baseline(max_delay_ms: int = 8 * HOUR) -> Baseline:
    """500 rows of a numeric and a categorical feature, two classes, labels at known ages."""
    rng = np.random.default_rng(7)
    n = 500
    amount = rng.normal(100, 15, n)
    color = rng.choice(["red", "green", "blue"], n, p=[0.5, 0.3, 0.2])
    late = amount > 110
    return build_baseline(
        "ref",
        "m",
        {"amount": amount, "color": color.tolist()},
        prediction=np.where(late, "yes", "no").tolist(),
        score=(amount / 200).tolist(),
        labels=np.where(late ^ (rng.random(n) < 0.1), "yes", "no").tolist(),
        prediction_ms=np.full(n, T0).tolist(),
        label_ms=(T0 + rng.integers(0, max_delay_ms, n)).tolist(),
        max_delay_ms=max_delay_ms,
    )


def spec(model_id: str = "m", **changes: Any) -> ModelSpec:
    """A model with all signals on, hourly."""
    settings: dict[str, Any] = {
        "id": model_id,
        "clock": "events",
        "disorder_ms": 30_000,
        "baselines": (BaselineSpec(path="ref.json"),),
        "data_drift": DataDriftSpec(windows=(WINDOW,), min_samples=50),
        "prediction_drift": PredictionDriftSpec(windows=(WINDOW,), min_samples=50),
        "performance": PerformanceSpec(windows=(WINDOW,), min_samples=20),
        "labels": LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=0.5),
    }
    return ModelSpec(**{**settings, **changes})


def monitored(**changes: Any) -> Monitored:
    """The model and its baseline."""
    return Monitored(spec(**changes), baseline())


def prediction(key: str, time_ms: int, **fields: Any) -> dict[str, Any]:
    """A valid prediction event."""
    return {
        "prediction_id": key,
        "model_id": "m",
        "model_version": "1",
        "timestamp": time_ms,
        "features": {"amount": 100.0, "color": "red"},
        "prediction": "no",
        "score": 0.5,
    } | fields


def packed(values: Sequence[float | None], encoding: str = "f64le") -> dict[str, str]:
    """A column as base64 of little-endian floats."""
    numbers = np.array(values, dtype=float).astype({"f64le": "<f8", "f32le": "<f4"}[encoding])
    return {"encoding": encoding, "data": base64.b64encode(numbers.tobytes()).decode()}


def columnar(events: Sequence[dict[str, Any]], batch: str = "b", **fields: Any) -> dict[str, Any]:
    """Prediction events of one model and version as one record, all columns JSON arrays."""
    names = sorted({name for event in events for name in event["features"]})
    return {
        "batch_id": batch,
        "model_id": events[0]["model_id"],
        "model_version": events[0]["model_version"],
        "prediction_ids": [event["prediction_id"] for event in events],
        "timestamps": [event["timestamp"] for event in events],
        "features": {name: [event["features"].get(name) for event in events] for name in names},
        "predictions": [event["prediction"] for event in events],
        "scores": [event.get("score") for event in events],
    } | fields


def label(key: str, time_ms: int, value: str, **fields: Any) -> dict[str, Any]:
    """A valid label event."""
    return {"prediction_id": key, "model_id": "m", "label": value, "timestamp": time_ms} | fields


def log(events: list[Any], append_ms: int = T0 + 1000 * HOUR, first: int = 0) -> list[Rec]:
    """Events as records with rising offsets; bytes are taken as they are."""
    return [
        Rec(first + n, append_ms, e if isinstance(e, bytes) else json.dumps(e).encode())
        for n, e in enumerate(events)
    ]


def public(private: bytes) -> bytes:
    """The public key of a private one, both raw."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
