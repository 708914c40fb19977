"""One upstream fault through all stages: one page, and every feature's finding recorded."""

import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from monitor.baselines.build import build_baseline
from monitor.observe.model import Monitored
from monitor.registry.specs import WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, prediction, spec
from tests.pipeline import Pipeline

FEATURES = [f"f{n:02}" for n in range(18)]
#: From the second hour on the source of fifteen features is out for every other prediction.
LOST = FEATURES[:15]
WINDOW = WindowSpec(size_ms=HOUR, hop_ms=HOUR, allowed_lateness_ms=0)


def quantiles(n: int) -> npt.NDArray[np.float64]:
    """As even as n rows of one distribution can be: nothing in them moves by chance."""
    return np.asarray(norm.ppf((np.arange(n) + 0.5) / n, 50, 10))


def model() -> Monitored:
    columns = {name: quantiles(3000) for name in FEATURES}
    drift = spec().data_drift
    assert drift is not None
    one = spec(
        data_drift=type(drift)(windows=(WINDOW,), min_samples=100),
        prediction_drift=None, performance=None, labels=None,
    )  # fmt: skip
    return Monitored(one, build_baseline("ref", "m", columns))


def events(hours: int = 3, an_hour: int = 120) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    drawn = {
        name: np.concatenate([rng.permutation(quantiles(an_hour)) for _ in range(hours)]).tolist()
        for name in FEATURES
    }
    told = []
    for n in range(hours * an_hour):
        values: dict[str, Any] = {name: rows[n] for name, rows in drawn.items()}
        if n >= an_hour and n % 2:
            values |= dict.fromkeys(LOST)
        time = T0 + n * HOUR // an_hour + MINUTE // 4
        told.append(prediction(f"p{n}", time, features=values))
    return told


def run() -> Pipeline:
    pipeline = Pipeline([model()])
    pipeline.produce("predictions", [*events(), {"type": "end_of_stream", "model_id": "m"}])
    pipeline.run()
    return pipeline


def test_people_are_told_once_a_window_and_each_feature_is_recorded() -> None:
    pipeline = run()
    findings = [
        event["data"]
        for event in pipeline.events("drift-events").values()
        if event["data"]["kind"] == "drift"
    ]
    told = Counter((f["detector"], f["window"]["start"]) for f in findings)
    assert sorted(told.values()) == [1, 1, 15, 15]
    for finding in findings:
        if finding["detector"] == "inputs":
            assert "part_of" not in finding
            assert sorted(finding["features"]) == LOST
            (cause,) = finding["causes"]
            assert cause["cause"] == "null_burst"
            assert cause["evidence"]["columns"] == 15
            assert cause["evidence"]["nulls"] == 60
        else:
            assert finding["part_of"] == "inputs"
            assert finding["subject"].removeprefix("feature/") in LOST
    for topic in ("alerts", "review-mode", "retraining"):
        actions = list(pipeline.events(topic).values())
        assert [a["subject"] for a in actions] == ["inputs"] * 2
        assert all("15 of 18 features moved" in a["data"]["reason"] for a in actions)


def test_the_windows_say_so_too_and_before_the_fault_nothing() -> None:
    results = {
        event["data"]["window"]["start"]: event["data"]["results"]
        for event in run().events("drift-events").values()
        if event["data"]["kind"] == "window" and event["data"]["detector"] == "inputs"
    }
    values = [result["value"] for _, (result,) in sorted(results.items())]
    assert values == [0.0, 15.0, 15.0]


def test_an_event_without_causes_has_no_such_fields() -> None:
    for event in run().events("drift-events").values():
        assert "began" not in event["data"]
        assert json.dumps(event).count("UNSET") == 0
