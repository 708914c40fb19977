"""Half a day of one model's life: a shift at noon, and every kind of blemish that a stream has."""

import json
from typing import Any

import numpy as np

from tests.observe.stream import HOUR, MINUTE, T0, label, prediction
from tests.pipeline import APPEND_MS

#: When the amounts rise.
NOON = T0 + 6 * HOUR
LENGTH = 900
END = {"type": "end_of_stream", "model_id": "m"}
BROKEN = b'{"broken"'


def story(seed: int, n: int = LENGTH) -> tuple[list[Any], list[Any]]:
    """Predictions and labels in the order of the log; what is no JSON is bytes.

    The counts of `blemishes` follow from the numbers here.
    """
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 12 * HOUR, n)) + T0
    predictions: list[Any] = []
    labels: list[tuple[int, Any]] = []
    for i, t in enumerate(times.tolist()):
        shifted = 60 if t > NOON else 0
        features: dict[str, Any] = {
            "amount": "oops" if i % 13 == 0 else float(rng.normal(100 + shifted, 15)),
            "color": None if i % 11 == 0 else "red",
            "age": "young" if i % 37 == 0 else float(rng.integers(18, 80)),
        }
        event = prediction(f"p{i}", t, features=features, prediction="yes" if i % 3 else "no")
        predictions.append(event)
        if i % 17 == 0:
            predictions.append(event)
        if i % 19 == 0:
            predictions.append(event | {"score": 0.9})
        if i % 23 == 0:
            predictions.append(prediction(f"late{i}", t - 3 * HOUR))
        if i % 5 == 0:  # within the lateness
            predictions.append(prediction(f"behind{i}", t - 8 * MINUTE))
        if i % 29 == 0:
            predictions += [BROKEN, prediction(f"future{i}", 2 * APPEND_MS)]
        if i % 10:
            due = t + int(rng.integers(0, 10 * HOUR))
            labels.append((due, label(f"p{i}", due, "yes" if i % 4 else "no")))
            if i % 7 == 0:
                labels.append((due + HOUR, label(f"p{i}", due + HOUR, "no")))
        if i % 31 == 0:
            labels.append((t, label(f"nobody{i}", t, "yes")))
    labels.sort(key=lambda pair: pair[0])
    return predictions, [event for _, event in labels]


def blemishes(n: int = LENGTH) -> dict[str, int]:
    """How many predictions of a story meet each fate, by reason where they are refused."""
    return {
        "duplicate": len(range(0, n, 17)),
        "id_conflict": len(range(0, n, 19)),
        "late": len(range(0, n, 23)),
        "malformed": len(range(0, n, 29)),
        "future_timestamp": len(range(0, n, 29)),
    }


def value_of(event: Any) -> bytes:
    """An event as it stands in the log."""
    return event if isinstance(event, bytes) else json.dumps(event).encode()
