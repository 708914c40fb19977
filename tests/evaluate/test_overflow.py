"""Windows that hold predictions whose ids were not remembered: inconclusive, and told of once."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.types import FindingData
from monitor.observe.model import Monitored
from monitor.observe.state import OTHER_VERSIONS
from monitor.panes.messages import Unremembered
from monitor.registry.specs import LabelsSpec
from tests.evaluate.scene import Scene, at, minutes
from tests.evaluate.test_inputs import model
from tests.evaluate.test_outcomes import labelled, looked
from tests.evaluate.test_outcomes import model as performing
from tests.observe.stream import HOUR, T0, monitored, prediction
from tests.pipeline import Pipeline


def full(minute: int, n: int, source: int = 0, version: str = "1") -> Unremembered:
    return Unremembered("m", version, at(minute), source, n)


def events(scene: Scene, kind: str, detector: str) -> list[dict[str, Any]]:
    scene.flush()
    return [
        e["data"]
        for e in scene.told
        if (e["data"]["kind"], e["data"]["detector"]) == (kind, detector)
    ]


def limited(**changes: Any) -> Monitored:
    return model(minutes(4), max_remembered=1000, **changes)


def test_a_window_over_a_marked_pane_is_inconclusive_and_its_neighbours_are_not() -> None:
    """
    minute   0   4   8   12
             99..|99.|99.|>
                  7 were not remembered
    """
    scene = Scene(limited())
    scene.send(*(scene.pane(minute, 99) for minute in (0, 4, 8)))
    scene.send(full(5, 3), full(5, 7), scene.progress(12))
    first, marked, last = events(scene, "window", "data_drift")
    assert [r["verdict"] for r in marked["results"]] == ["inconclusive"]
    assert marked["results"][0]["message"] == (
        "7 of 99 predictions came while 1,000 ids were remembered in their partition, which is the "
        "limit: whether they were repeated is unknown; raise max_remembered or kafka.partitions, "
        "or shorten labels.max_delay"
    )
    assert (marked["health"]["status"], marked["health"]["reasons"]) == (
        "blind",
        ["dedup_overflow"],
    )
    assert (marked["predictions"], marked["health"]["unremembered"]) == (99, 7)
    for window in (first, last):
        assert "inconclusive" not in {r["verdict"] for r in window["results"]}
        assert window["health"]["status"] == "healthy"
        assert "unremembered" not in window["health"]


def test_a_version_answers_for_its_own() -> None:
    scene = Scene(limited(), sources=2)
    scene.send(scene.pane(0, 99), scene.pane(0, 98, version="2"), full(0, 2), full(0, 3, source=1))
    scene.send(scene.progress(4), scene.progress(4, source=1))
    told = events(scene, "window", "data_drift")
    assert [data["health"].get("unremembered") for data in told] == [5, None]


def test_every_detector_says_so() -> None:
    scene = Scene(limited())
    scene.send(scene.pane(0, 99), full(0, 2), scene.progress(4))
    for detector in ("data_drift", "data_quality"):
        (told,) = events(scene, "window", detector)
        assert [r["verdict"] for r in told["results"]] == ["inconclusive"]


def test_versions_that_are_counted_as_one_are_inconclusive_and_no_other() -> None:
    scene = Scene(limited())
    scene.send(scene.pane(0, 99), scene.pane(0, 98, version=OTHER_VERSIONS), scene.progress(4))
    first, other = events(scene, "window", "data_drift")
    assert "inconclusive" not in {r["verdict"] for r in first["results"]}
    assert (other["model_version"], [r["verdict"] for r in other["results"]]) == (
        OTHER_VERSIONS, ["inconclusive"],
    )  # fmt: skip
    assert "98 predictions are of versions beyond the first 20" in other["results"][0]["message"]
    assert other["health"]["reasons"] == ["overflow"]


def test_performance_is_not_judged_and_leaves_no_history() -> None:
    """The mean of recent periods must not rest on what nobody can vouch for."""
    scene = Scene(performing(max_remembered=1000))
    for hour in range(7):
        right = 90 if hour < 4 else 10
        scene.send(scene.outcome(60 * hour, 100, labelled(0, 100, right)))
    scene.send(*(full(60 * hour, 1) for hour in (4, 5)))
    scene.send(scene.progress(None, labels=None))
    verdicts = [verdict for age, _, _, verdict in looked(scene) if age == 60]
    assert verdicts[4:6] == ["inconclusive", "inconclusive"]
    assert "inconclusive" not in verdicts[:4] + verdicts[6:]
    last = [d for d in events(scene, "drift", "concept_drift") if d["age_ms"] == HOUR][-1]
    assert last["value"] == pytest.approx(0.8), "against 0.9, before the two that do not count"


def test_an_episode_is_told_once_to_people_and_again_when_it_returns() -> None:
    scene = Scene(limited())
    for minute in range(0, 240, 4):
        scene.send(scene.pane(minute, 9))
        if minute < 40 or minute >= 160:
            scene.send(full(minute, 1))
        scene.send(scene.progress(minute + 4))
        if minute % 24 == 0:
            scene.flush()
            scene.crash()
    told = events(scene, "drift", "dedup_overflow")
    assert [(d["window"]["start"][11:16], d["severity"]) for d in told] == [
        ("11:00", "medium"), ("13:40", "medium"),
    ]  # fmt: skip
    assert {d["health"]["status"] for d in told} == {"blind"}
    assert "came while 1,000 ids were remembered in partition 0" in told[0]["message"]


def test_what_a_high_risk_model_does_not_remember_pages() -> None:
    scene = Scene(limited(risk_tier="high"))
    scene.send(scene.pane(0, 9), full(0, 1), scene.progress(4))
    assert [d["severity"] for d in events(scene, "drift", "dedup_overflow")] == ["high"]


def test_marks_go_with_the_last_window_that_needs_them() -> None:
    scene = Scene(limited())
    scene.send(scene.pane(0, 9), full(0, 1), scene.pane(4, 9))
    scene.flush()
    assert any(b"full" in key for key in scene.rows)
    scene.send(scene.progress(8), scene.pane(12, 9), scene.progress(16))
    scene.flush()
    assert not any(b"full" in key for key in scene.rows)


# -- through all stages ----------------------------------------------------------------------------

LIMIT = 40


def run(cap: int | None, schedule: random.Random | None = None) -> Pipeline:
    """In the second hour a flood, every event of it sent twice; then a silence, and all is well."""
    labels = LabelsSpec(max_delay_ms=HOUR, min_coverage=0.5)
    pipeline = Pipeline([monitored(max_remembered=cap, labels=labels, performance=None)])
    made = []
    for hour, n in enumerate((30, 400, 0, 0, 0, 0, 30, 30)):
        one = [prediction(f"p{hour}-{i}", T0 + hour * HOUR + i * 8000) for i in range(n)]
        made += [event for event in one for _ in range(2 if hour == 1 else 1)]
    pipeline.produce("predictions", made)
    pipeline.produce("predictions", [{"type": "end_of_stream", "model_id": "m"}])
    pipeline.run(schedule, 0.1 if schedule else 0.0)
    return pipeline


def verdicts(pipeline: Pipeline) -> dict[str, tuple[int, bool]]:
    """Predictions of each hour, and whether it was conclusive."""
    found = {}
    for event in pipeline.events("drift-events").values():
        data = event["data"]
        if data["kind"] == "window" and data["detector"] == "data_drift":
            sure = "inconclusive" not in {r["verdict"] for r in data["results"]}
            found[data["window"]["start"]] = data["predictions"], sure
    return found


def test_a_flood_makes_its_own_hours_inconclusive_and_commands_nothing() -> None:
    exact, capped = verdicts(run(None)), verdicts(run(LIMIT))
    assert all(sure for _, sure in exact.values())
    doubtful = {start for start, (_, sure) in capped.items() if not sure}
    assert doubtful
    # Where it is sure of itself it says what an unbounded memory says; else it counts too many.
    assert {s: x for s, x in capped.items() if s not in doubtful} == {
        s: x for s, x in exact.items() if s not in doubtful
    }
    assert all(exact[start][0] <= capped[start][0] <= 800 for start in doubtful)
    assert any(exact[start][0] < capped[start][0] for start in doubtful)
    pipeline = run(LIMIT)
    alerts = [e["data"] for e in pipeline.published("alerts")]
    assert [a["severity"] for a in alerts if "max_remembered" in a["reason"]] == ["medium"]
    commands = [json.dumps(e) for t in ("rollbacks", "review-mode") for e in pipeline.published(t)]
    assert commands == []


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_the_verdict_does_not_depend_on_the_schedule(seed: int) -> None:
    assert verdicts(run(LIMIT, random.Random(seed))) == verdicts(run(LIMIT))


def test_the_finding_is_a_finding() -> None:
    """With every field that those who read findings rely on."""
    (event,) = [
        e for e in run(LIMIT).events("drift-events").values()
        if e["data"]["detector"] == "dedup_overflow"
    ]  # fmt: skip
    assert set(event["data"]) - {"source_offsets"} <= set(FindingData.__struct_fields__)
