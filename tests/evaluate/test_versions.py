"""Versions are not bounded: each has a row of its own, and one that is gone has none."""

import random

from tests.observe.stream import HOUR, T0, label, monitored, prediction
from tests.pipeline import Pipeline

MODEL = monitored()
END = {"type": "end_of_stream", "model_id": "m"}


def story(versions: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Every minute a prediction, of one version after the other."""
    made = [
        prediction(f"p{i}", T0 + i * 60_000, model_version=f"v{i % versions}") for i in range(1200)
    ]
    said = [label(f"p{i}", T0 + i * 60_000 + HOUR, "no") for i in range(1200)]
    return [*made, END], [*said, END]


def run(versions: int, schedule: random.Random | None, crashes: float) -> Pipeline:
    pipeline = Pipeline([MODEL])
    predictions, labels = story(versions)
    pipeline.produce("predictions", predictions)
    pipeline.produce("labels", labels)
    pipeline.run(schedule, crashes)
    return pipeline


def test_histories_survive_crashes_version_by_version() -> None:
    plain = run(3, None, 0.0).events("drift-events")
    for seed in range(5):
        assert run(3, random.Random(seed), 0.2).events("drift-events") == plain


def test_no_row_grows_with_the_number_of_versions() -> None:
    few, many = (
        max(len(row) for unit in run(n, None, 0.0).units for row in unit.rows.values())
        for n in (3, 300)
    )
    assert many < 2 * few
