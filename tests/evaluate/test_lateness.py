"""Signals that wait differently long share their panes, and none is judged before these come."""

from typing import Any

from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec, WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, monitored, prediction
from tests.pipeline import Pipeline


def window(lateness_ms: int) -> WindowSpec:
    return WindowSpec(size_ms=HOUR, hop_ms=HOUR, allowed_lateness_ms=lateness_ms)


def counted(events: dict[str, dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {
        (e["data"]["detector"], e["data"]["window"]["start"]): e["data"]["predictions"]
        for e in events.values()
        if e["data"]["kind"] == "window"
    }


def test_a_window_is_not_judged_before_its_panes_have_closed() -> None:
    """Heartbeats tell the watermark at any moment, also between two boundaries of panes."""
    model = monitored(
        data_drift=DataDriftSpec(windows=(window(0),), min_samples=50),
        prediction_drift=PredictionDriftSpec(windows=(window(10 * MINUTE),), min_samples=50),
        performance=None,
        labels=None,
    )
    pipeline = Pipeline([model])
    story = [prediction(f"p{n}", T0 + n * 20_000) for n in range(720)]
    for first in range(0, len(story), 20):
        pipeline.produce("predictions", story[first : first + 20])
        pipeline.run()
        for unit in pipeline.units:
            pipeline.flush(unit, heartbeat=True)
    pipeline.produce("predictions", [{"type": "end_of_stream", "model_id": "m"}])
    pipeline.run()
    assert set(counted(pipeline.events("drift-events")).values()) == {180}
    detectors = {detector for detector, _ in counted(pipeline.events("drift-events"))}
    assert len(counted(pipeline.events("drift-events"))) == 4 * len(detectors)
    assert detectors == {
        "data_drift", "data_quality", "inputs", "prediction_drift", "estimated_performance"
    }  # fmt: skip
