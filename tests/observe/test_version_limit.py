"""A version is free text: what one a request would do to memory, it does not."""

import random

import pytest

from monitor.observe.state import OTHER_VERSIONS, VERSIONS_LIMIT
from tests.observe.stream import HOUR, T0, label, monitored, prediction
from tests.pipeline import Pipeline

MODEL = monitored()
END = {"type": "end_of_stream", "model_id": "m"}


def run(schedule: random.Random | None = None, crashes: float = 0.0) -> Pipeline:
    pipeline = Pipeline([MODEL])
    made = [prediction(f"p{i}", T0 + i * 10_000, model_version=f"build-{i}") for i in range(1000)]
    said = [label(f"p{i}", T0 + i * 10_000 + HOUR, "no") for i in range(1000)]
    pipeline.produce("predictions", [*made, END])
    pipeline.produce("labels", [*said, END])
    pipeline.run(schedule, crashes)
    return pipeline


def test_beyond_the_first_of_a_pane_versions_count_as_one() -> None:
    pipeline = run()
    told = [e["data"] for e in pipeline.events("drift-events").values()]
    rows: dict[str, int] = {}
    for data in told:
        if data["kind"] == "window" and data["detector"] == "data_drift":
            rows[data["model_version"]] = rows.get(data["model_version"], 0) + data["predictions"]
    assert sum(rows.values()) == 1000
    panes = 3
    hours = 3
    assert len(rows) <= VERSIONS_LIMIT * panes * hours + 1
    assert rows[OTHER_VERSIONS] >= 1000 - VERSIONS_LIMIT * panes * hours


@pytest.mark.parametrize("seed", range(4))
def test_which_they_are_depends_on_the_log_alone(seed: int) -> None:
    assert run(random.Random(seed), 0.2).events("drift-events") == run().events("drift-events")
