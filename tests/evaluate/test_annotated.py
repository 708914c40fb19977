"""Windows that touch an annotated period: inconclusive, and nothing rests on them.

`#` is a pane with rows, `~` an annotated minute, `>` the watermark.
"""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.evaluate.annotated import annotated, clears, next_clear
from monitor.registry.specs import AnnotationSpec, LabelsSpec, ModelSpec, PredictionDriftSpec
from tests.evaluate.scene import Scene, at, minute, minutes
from tests.evaluate.test_inputs import model
from tests.evaluate.test_outcomes import labelled, looked
from tests.evaluate.test_outcomes import model as performing
from tests.observe.stream import HOUR, T0, monitored, prediction
from tests.pipeline import Pipeline


def period(from_: float, until: float, why: str = "a deploy") -> AnnotationSpec:
    return AnnotationSpec(from_ms=at(from_), until_ms=at(until), why=why)


def verdicts(scene: Scene) -> list[tuple[int, int, str]]:
    """Start, rows and verdicts of each window of data drift."""
    return [(start, rows, said) for _, _, start, _, rows, said in scene.windows()]


def silences(scene: Scene) -> list[int]:
    """When each silence began that people were told of, in minutes."""
    scene.flush()
    return [
        minute(event["data"]["window"]["start"])
        for event in scene.told
        if event["data"]["detector"] == "no_traffic"
    ]


def test_windows_that_touch_one_are_inconclusive_and_their_neighbours_are_not() -> None:
    """
    minute   0   4   8   12  16
             #...#.~~~...#...>
    """
    scene = Scene(model(minutes(4), annotations=(period(6, 9, "the summer sale"),)))
    scene.send(*(scene.pane(start, 99) for start in (0, 4, 8, 12)), scene.progress(16))
    assert [(start, said == "inconclusive") for start, _, said in verdicts(scene)] == [
        (0, False), (4, True), (8, True), (12, False),
    ]  # fmt: skip
    touching = [event["data"] for event in scene.told if ":04:" in event["data"]["window"]["start"]]
    assert {data["detector"] for data in touching} >= {"data_drift", "data_quality", "inputs"}
    assert {result["message"] for data in touching for result in data["results"]} == {
        "2013-05-31T11:06:00Z to 2013-05-31T11:09:00Z is annotated (the summer sale): windows "
        "that touch it are not judged"
    }


@pytest.mark.parametrize(
    ("from_", "until", "touched"),
    [(4, 8, [4]), (3.99, 4, [0]), (8, 8.01, [8]), (0, 12, [0, 4, 8]), (-9, 0, []), (12, 99, [])],
)
def test_a_period_holds_its_beginning_and_not_its_end(
    from_: float, until: float, touched: list[int]
) -> None:
    scene = Scene(model(minutes(4), annotations=(period(from_, until),)))
    scene.send(*(scene.pane(start, 99) for start in (0, 4, 8)), scene.progress(12))
    assert [start for start, _, said in verdicts(scene) if said == "inconclusive"] == touched


def test_every_detector_says_so_and_nobody_is_told() -> None:
    """All rows are null, which would page."""
    outputs = PredictionDriftSpec(windows=(minutes(4),))
    quiet = model(minutes(4), prediction_drift=outputs, annotations=(period(0, 1),))
    scene = Scene(quiet)
    baseline = quiet.baseline
    assert baseline is not None
    nulls = baseline.layout.zeros()
    for column in baseline.layout.columns:
        nulls[baseline.layout.slice(column.subject)][column.grid.NULL] = 99
    scene.send(*(scene.pane(start, 99, counts=nulls) for start in (0, 4)), scene.progress(8))
    scene.flush()
    starts = {
        minute(e["data"]["window"]["start"]) for e in scene.told if e["data"]["kind"] == "drift"
    }
    assert starts == {4}
    for detector in ("data_quality", "data_drift", "prediction_drift"):
        said = {start: said for _, _, start, _, _, said in scene.windows(detector)}
        assert said[0] == "inconclusive"
        assert said[4] != "inconclusive"


def test_a_silence_within_is_no_finding() -> None:
    """
    minute   0   4   8   12  16  20
             #...~~~~~~~~~~~~#...>
    """
    scene = Scene(model(minutes(4), annotations=(period(4, 16),)))
    scene.send(scene.pane(0, 99), scene.progress(16))
    scene.send(scene.pane(16, 99), scene.progress(20))
    assert silences(scene) == []
    assert [start for start, *_ in verdicts(scene)] == [0, 4, 16]


def test_one_that_lasts_is_told_by_the_first_window_that_is_clear() -> None:
    """
    minute   0   4   8   12  16  20
             #...~~~~~~.....         >
                         ^ told
    """
    for steps in ([40], range(0, 41, 1), range(0, 41, 7)):
        scene = Scene(model(minutes(4), annotations=(period(4, 10),)))
        scene.send(scene.pane(0, 99))
        for step in steps:
            scene.send(scene.progress(step))
            scene.flush()
            scene.crash()
        assert silences(scene) == [12]
        assert [start for start, *_ in verdicts(scene)] == [0, 4, 12]


def test_a_silence_from_before_is_told_again_when_the_period_is_over() -> None:
    """
    minute   0   4   8   12  16  20
             #......~~~~~            >
                 ^ told      ^ and again
    """
    scene = Scene(model(minutes(4), annotations=(period(8, 13),)))
    scene.send(scene.pane(0, 99), scene.progress(40))
    assert silences(scene) == [4, 16]


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_how_often_it_is_looked_makes_no_difference(seed: int) -> None:
    """Sliding windows, periods that overlap and touch, and progress in steps of any size."""
    rng = random.Random(seed)
    size = rng.choice([2, 4, 6])
    window = minutes(size, hop=rng.choice([h for h in (1, 2, 3) if size % h == 0]))
    starts = sorted(rng.randrange(60) for _ in range(3))
    periods = tuple(period(a, a + rng.randrange(1, 12)) for a in starts)
    panes = sorted(rng.sample(range(80), rng.randrange(1, 12)))

    def run(steps: list[int], crash: bool) -> tuple[Any, list[int]]:
        scene = Scene(model(window, annotations=periods))
        left = list(panes)
        for step in steps:
            while left and left[0] <= step:
                scene.send(scene.pane(left.pop(0), 99))
            scene.send(scene.progress(step))
            if crash:
                scene.flush()
                scene.crash()
        return verdicts(scene), silences(scene)

    fine = run(list(range(0, 101)), False)
    assert run(sorted({*rng.sample(range(100), 12), 100}), True) == fine
    said, told = fine
    for start, _, verdict in said:
        touched = annotated(model(window, annotations=periods).spec, at(start), at(start + size))
        assert (verdict == "inconclusive") == (touched is not None)
    assert not {start for start, _, verdict in said if verdict == "inconclusive"} & set(told)


def test_performance_in_one_is_not_judged_and_leaves_no_history() -> None:
    scene = Scene(performing(annotations=(period(4 * 60 + 30, 5 * 60 + 1),)))
    for hour in range(7):
        right = 90 if hour < 4 else 10
        scene.send(scene.outcome(60 * hour, 100, labelled(0, 100, right)))
    scene.send(scene.progress(None, labels=None))
    said = [verdict for age, _, _, verdict in looked(scene) if age == 60]
    assert said[4:6] == ["inconclusive", "inconclusive"]
    assert "inconclusive" not in said[:4] + said[6:]
    last = [
        event["data"]
        for event in scene.told
        if (event["data"]["kind"], event["data"]["detector"]) == ("drift", "concept_drift")
        and event["data"]["age_ms"] == HOUR
    ][-1]
    assert last["value"] == pytest.approx(0.8), "against 0.9, before the two that do not count"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=4),
    st.sampled_from([(1, 1), (4, 4), (4, 2), (6, 1)]),
    st.integers(0, 100),
)
def test_the_next_clear_window_is_the_first_of_all(
    periods: list[tuple[int, int]], shape: tuple[int, int], start: int
) -> None:
    """Looked for one by one."""
    window = minutes(*shape)
    spec = ModelSpec(id="m", annotations=tuple(period(a, a + n) for a, n in periods))
    hop = window.hop_ms
    begin = -(-at(start) // hop) * hop
    ends = [end for end in range(begin, at(120), hop) if clears(spec, window, end)]
    assert next_clear(spec, window, begin) == (ends[0] if ends else None)


def test_through_all_stages_nobody_is_called() -> None:
    """A flood of nulls in the second hour, or an announced one; and all of it announced."""

    def alerts(*periods: AnnotationSpec) -> list[str]:
        pipeline = Pipeline(
            [monitored(annotations=periods, performance=None, labels=LabelsSpec(max_delay_ms=HOUR))]
        )
        for hour in range(3):
            made = [prediction(f"p{hour}-{i}", T0 + hour * HOUR + i * 8000) for i in range(400)]
            for event in made if hour == 1 else ():
                event["features"] = dict.fromkeys(event["features"])
            pipeline.produce("predictions", made)
        pipeline.produce("predictions", [{"type": "end_of_stream", "model_id": "m"}])
        pipeline.run(None, 0.0)
        return [event["data"]["reason"] for event in pipeline.published("alerts")]

    assert any("null" in reason for reason in alerts())
    assert not any("null" in reason for reason in alerts(period(60, 120)))
    assert alerts(period(0, 180)) == []
