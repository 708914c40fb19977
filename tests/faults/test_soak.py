"""The soak is tested itself: its stream's fates are the product's, and its rule can fail."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from monitor.baselines.baseline import Baseline
from monitor.observe.model import Monitored
from monitor.stream.models import read_config
from tests.e2e.scenario import T0
from tests.faults.flat import LEAST, flatness, linearity
from tests.faults.months import DAY, MODEL, Months
from tests.faults.rig import Invalid
from tests.faults.soak import BOUNDS, accounted, judge
from tests.pipeline import PARTITIONS, Pipeline


def test_the_months_meet_the_fates_that_they_are_drawn_with(tmp_path: Any) -> None:
    months = Months(count=6000, length=4 * DAY, horizon=3 * DAY)
    path = tmp_path / "months.yaml"
    path.write_text(months.config("127.0.0.1:1", "soak", longest_days=2))
    spec = read_config(path).models[0]
    pipeline = Pipeline([Monitored(spec, Baseline.from_json(months.baseline()))])
    for one in months:
        pipeline.append(one.topic, one.key.encode(), one.value, append_ms=T0 + 100 * DAY)
    pipeline.run()
    end = [{"type": "end_of_stream", "model_id": MODEL}]
    pipeline.produce("predictions", end)
    pipeline.produce("labels", end)
    pipeline.run()
    ends = {
        (topic, n): len(pipeline.logs[topic, n])
        for topic in ("predictions", "labels", "reviews")
        for n in range(PARTITIONS)
    }
    rows = {
        n: unit.logic.accounting.to_rows() for n, unit in enumerate(pipeline.units[:PARTITIONS])
    }
    assert accounted(rows, ends, months.sent) == []
    assert set(months.sent) == {
        ("predictions", "counted"), ("predictions", "duplicate"), ("predictions", "late"),
        ("predictions", "dead"), ("labels", "counted"), ("labels", "duplicate"),
        ("labels", "dead"), ("reviews", "counted"), ("reviews", "dead"),
    }  # fmt: skip
    # One event more or less is found, in the log, in a partition's counters and in the sum.
    lost = months.sent - Counter({("labels", "counted"): 1})
    assert accounted(rows, ends, lost) == [
        f"{months.sent['labels', 'counted']} labels counted, {lost['labels', 'counted']} sent"
    ]
    assert accounted(rows, ends | {("reviews", 0): ends["reviews", 0] + 1}, months.sent)


def _series(level: Any, days: float = 40.0) -> list[dict[str, float]]:
    """Samples of which every judged figure takes its level of the day, twice a day."""
    at = np.arange(0.0, days, 0.5)
    return [{"day": float(d)} | dict.fromkeys(BOUNDS, float(level(d))) for d in at]


def test_what_stops_growing_at_the_horizon_is_flat_whatever_a_few_samples_are() -> None:
    rng = np.random.default_rng(1)

    def forgets(day: float) -> float:
        odd = 500.0 if day % 5 == 0 else 0.0
        return 100 + 10 * min(day, 30.0) + rng.normal(0, 1) + odd

    found = judge(_series(forgets), since=30.0, horizon=30.0)
    assert all(one.flat for one in found.values()), found


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_grows_on_as_it_has_grown_is_not_flat_even_if_half_of_it_is_forgotten(
    share: float,
) -> None:
    def leaks(day: float) -> float:
        return min(day, 30.0) + share * max(0.0, day - 30.0)

    found = judge(_series(leaks), since=30.0, horizon=30.0)
    assert not any(one.flat for one in found.values()), found


def test_what_shrinks_is_no_fault() -> None:
    assert flatness(range(20), [100.0 - n for n in range(20)], 0, 20, 0.05).flat


def test_a_run_that_ends_at_the_horizon_says_nothing() -> None:
    with pytest.raises(Invalid, match=f"at least {LEAST}"):
        judge(_series(lambda day: day, days=32.0), since=30.0, horizon=30.0)


def test_topics_that_take_more_and_more_bytes_an_event_are_found() -> None:
    events = np.arange(1.0, 41.0)
    assert linearity(events, 7.0 * events, since=10) == pytest.approx(1.0)
    assert linearity(events, events**2, since=10) > 1.4
