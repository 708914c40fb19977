"""A worker restarted with other windows: what straddles the change says so, no more is lost."""

from typing import Any

import pytest

from monitor.observe.model import Monitored
from monitor.registry.specs import DataDriftSpec, PerformanceSpec, WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, label, monitored, prediction
from tests.pipeline import Pipeline, Unit

END = {"type": "end_of_stream", "model_id": "m"}
EVERY_MS = 6_000


def model(minutes: int) -> Monitored:
    size = minutes * MINUTE
    window = WindowSpec(size_ms=size, hop_ms=size, allowed_lateness_ms=0)
    return monitored(
        data_drift=DataDriftSpec(window=window, min_samples=50),
        prediction_drift=None,
        performance=PerformanceSpec(window=window, min_samples=20),
    )


def windows(pipeline: Pipeline, detector: str) -> list[dict[str, Any]]:
    told = [e["data"] for e in pipeline.events("drift-events").values()]
    return [d for d in told if d["kind"] == "window" and d["detector"] == detector]


def reconfigured(pipeline: Pipeline, changed: Monitored) -> None:
    """Restart every worker with another configuration, from what was durable."""
    fresh = Pipeline([changed])
    for old, new in zip(pipeline.units, fresh.units, strict=True):
        assert isinstance(old, Unit)
        old.make = new.make
        old.crash()


@pytest.mark.parametrize(
    ("before", "after"), [(30, 60), (60, 30), (20, 60), (60, 20), (20, 30), (30, 20)]
)
def test_no_window_is_judged_over_a_part_of_its_predictions(before: int, after: int) -> None:
    pipeline = Pipeline([model(before)])
    events = [prediction(f"p{i}", T0 + i * EVERY_MS) for i in range(2400)]
    labels = [label(f"p{i}", T0 + i * EVERY_MS + HOUR // 2, "no") for i in range(2400)]
    pipeline.produce("predictions", events[:1050])
    pipeline.produce("labels", labels[:700])
    pipeline.run()
    reconfigured(pipeline, model(after))
    pipeline.produce("predictions", [*events[1050:], END])
    pipeline.produce("labels", [*labels[700:], END])
    pipeline.run()
    for detector in ("data_drift", "performance"):
        judged = windows(pipeline, detector)
        assert judged
        for data in judged:
            verdicts = {result["verdict"] for result in data["results"]}
            start, end = (_minute(data["window"][key]) for key in ("start", "end"))
            whole = (end - start) * MINUTE // EVERY_MS
            assert verdicts == {"baseline_missing"} or data["predictions"] == whole
        assert {"baseline_missing"} != {
            result["verdict"] for data in judged for result in data["results"]
        }
        assert max(_minute(data["window"]["end"]) for data in judged) == 240


def _minute(time: str) -> int:
    from monitor.events.cloudevents import to_ms

    return (to_ms(time) - T0) // MINUTE
