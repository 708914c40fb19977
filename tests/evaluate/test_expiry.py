"""A baseline that is older than it should be: one ticket, and no verdict changes.

The reference ends 3 days before T0; `!` is the first window that ends beyond its term.
"""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.evaluate.expiry import Expiry
from monitor.events.timestamps import rfc3339
from monitor.observe.model import Monitored
from monitor.registry.specs import (
    DAY_MS,
    BaselineSpec,
    DataDriftSpec,
    PredictionDriftSpec,
    WindowSpec,
    config_hash,
)
from tests.evaluate.scene import Scene, at, minutes
from tests.observe.stream import MINUTE, T0, baseline, spec
from tests.pipeline import Pipeline

END = T0 - 3 * DAY_MS


def learned(until_ms: int | None, id: str = "old") -> Baseline:
    """A baseline whose data ends there."""
    made = baseline()
    return Baseline(id, "m", made.layout, made.reference, made.rows, made.outcomes, 0, until_ms)


def model(
    *windows: WindowSpec, term_ms: int | None = 3 * DAY_MS + 6 * MINUTE, **changes: Any
) -> Monitored:
    """A model whose baseline expires six minutes after T0, unless told otherwise."""
    drift = DataDriftSpec(windows=windows or (minutes(4),), min_samples=50)
    settings_: dict[str, Any] = {
        "data_drift": drift, "prediction_drift": None, "performance": None, "labels": None,
        "baselines": (BaselineSpec(path="b.json", expires_after_ms=term_ms),),
    }  # fmt: skip
    return Monitored(spec("m", **{**settings_, **changes}), learned(END))


def told(scene: Scene) -> list[dict[str, Any]]:
    scene.flush()
    return [e["data"] for e in scene.told if e["data"]["detector"] == "expired_baseline"]


def test_the_first_window_that_ends_beyond_the_term_tells_of_it_and_no_other() -> None:
    """
    minute   0   4   8   12
             ##..|#.!|#...|>
                    6
    """
    scene = Scene(model())
    scene.send(scene.pane(0, 99), scene.progress(4))
    assert told(scene) == []
    scene.send(scene.pane(4, 99), scene.progress(8))
    (one,) = told(scene)
    scene.send(scene.pane(8, 99), scene.progress(12))
    scene.crash()
    scene.send(scene.pane(12, 99), scene.progress(16))
    assert told(scene) == [one]
    assert (one["severity"], one["subject"], one["model_version"]) == ("medium", "baseline", "")
    assert one["window"] == {"start": rfc3339(END), "end": rfc3339(at(6))}
    assert one["baseline_id"] == "old"
    assert one["message"].startswith(
        f"the baseline old of m was learned from data until {rfc3339(END)}, and expired 4326m later"
    )


def test_verdicts_are_what_they_would_have_been() -> None:
    def verdicts(term_ms: int | None) -> list[Any]:
        scene = Scene(model(term_ms=term_ms))
        scene.send(*(scene.pane(start, 99) for start in (0, 4, 8)), scene.progress(12))
        return scene.windows()

    assert verdicts(DAY_MS) == verdicts(None) != []


def test_a_term_that_is_not_over_and_none_at_all_tell_nothing() -> None:
    for term in (None, 4 * DAY_MS, 3 * DAY_MS + 8 * MINUTE):
        scene = Scene(model(term_ms=term))
        scene.send(scene.pane(0, 99), scene.pane(4, 99), scene.progress(8))
        assert told(scene) == []


def test_a_model_of_which_nothing_comes_is_not_told_of() -> None:
    scene = Scene(model())
    scene.send(scene.pane(0, 99), scene.progress(40))
    assert told(scene) == []
    scene.send(scene.pane(40, 9), scene.progress(44))
    assert len(told(scene)) == 1


def test_a_longer_term_is_a_new_one() -> None:
    first, longer = model(), model(term_ms=3 * DAY_MS + 14 * MINUTE)
    scene = Scene(first)
    scene.send(scene.pane(4, 99), scene.progress(8))
    assert len(told(scene)) == 1
    scene.list = [longer]
    scene.crash()
    scene.send(scene.pane(8, 99), scene.progress(12))
    assert len(told(scene)) == 1
    scene.send(scene.pane(12, 99), scene.progress(16))
    assert [one["window"]["end"] for one in told(scene)] == [rfc3339(at(6)), rfc3339(at(14))]


def test_each_baseline_has_its_own_term_and_one_that_comes_too_old_says_so_at_once() -> None:
    """
    minute    0   4   8   12  16
              old.!...new.!       the second holds from minute 8, and was over before it began
    """
    second = Baseline(
        "new", "m", baseline().layout, baseline().reference * 2, 2 * baseline().rows, None, 0, END
    )
    one = model(
        baselines=(
            BaselineSpec(path="a", expires_after_ms=3 * DAY_MS + 2 * MINUTE),
            BaselineSpec(path="b", effective_from_ms=at(8), expires_after_ms=DAY_MS),
        )
    )
    scene = Scene(Monitored(one.spec, one.baseline, ((at(8), second),)))
    scene.send(*(scene.pane(start, 99) for start in (0, 4, 8, 12)), scene.progress(16))
    assert [(found["baseline_id"], found["window"]["end"]) for found in told(scene)] == [
        ("old", rfc3339(at(2))), ("new", rfc3339(at(8))),
    ]  # fmt: skip
    assert len({found["event_key"] for found in told(scene)}) == 2


def test_who_catches_up_is_told_of_the_baseline_that_holds_and_not_of_one_that_is_gone() -> None:
    """All of it was read long after it happened; the second baseline holds to this day."""
    first = BaselineSpec(path="a", expires_after_ms=DAY_MS)
    second = BaselineSpec(path="b", effective_from_ms=at(8), expires_after_ms=DAY_MS)
    one = model(baselines=(first, second), clock="append")
    reference = baseline().reference * 2
    later = Baseline("new", "m", baseline().layout, reference, 2 * baseline().rows, None, 0, END)
    scene = Scene(Monitored(one.spec, one.baseline, ((at(8), later),)))
    scene.send(*(scene.pane(start, 99) for start in (0, 4, 8, 12)))
    scene.send(msgspec.structs.replace(scene.progress(16), past_inputs={"m": at(16)}))
    assert [(found["baseline_id"], found.get("past", False)) for found in told(scene)] == [
        ("old", True), ("new", False),
    ]  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6))
def test_the_event_is_the_same_whichever_window_comes_first(seed: int) -> None:
    """Several lengths and signals, and progress in any steps: one event, of one id."""
    rng = random.Random(seed)
    lengths = [minutes(2), minutes(4, hop=2), minutes(12)]
    rng.shuffle(lengths)
    watched = model(*lengths, prediction_drift=PredictionDriftSpec(windows=(minutes(4),)))
    scene = Scene(watched)
    panes = list(range(0, 48, 2))
    for step in sorted({*rng.sample(range(1, 48), 6), 48}):
        while panes and panes[0] < step:
            scene.send(scene.pane(panes.pop(0), 99))
        scene.send(scene.progress(step))
        if rng.random() < 0.5:
            scene.flush()
            scene.crash()
    (one,) = told(scene)
    plain = Scene(model())
    plain.send(plain.pane(4, 99), plain.progress(8))
    (other,) = told(plain)
    assert one["event_key"] == other["event_key"]


def test_people_are_told_by_a_ticket_and_nothing_is_commanded() -> None:
    from tests.observe.stream import monitored, prediction

    made = monitored(performance=None, labels=None, prediction_drift=None)
    drift = msgspec.structs.replace(made.spec.data_drift, min_samples=10_000)
    terms = (BaselineSpec(path="b", expires_after_ms=DAY_MS),)
    old = msgspec.structs.replace(made.spec, data_drift=drift, baselines=terms)
    pipeline = Pipeline([Monitored(old, learned(END))])
    events = [prediction(f"p{i}", T0 + i * 60_000) for i in range(200)]
    pipeline.produce("predictions", events)
    pipeline.produce("predictions", [{"type": "end_of_stream", "model_id": "m"}])
    pipeline.run(None, 0.0)
    (alert,) = [event["data"] for event in pipeline.published("alerts")]
    assert (alert["notify"], alert["severity"]) == ("ticket", "medium")
    assert "expired_baseline" in alert["reason"]
    for topic in ("rollbacks", "review-mode", "retraining"):
        assert pipeline.published(topic) == []


def test_a_baseline_that_does_not_say_when_its_data_ends_has_no_term() -> None:
    timeless = Monitored(model().spec, learned(None))
    assert Expiry(timeless).terms == {}


@pytest.mark.parametrize("term", [DAY_MS, 2 * DAY_MS])
def test_the_term_is_in_the_hash_and_where_the_file_lies_is_not(term: int) -> None:
    plain = model(term_ms=None).spec
    moved = msgspec.structs.replace(plain, baselines=(BaselineSpec(path="c.json"),))
    assert config_hash(moved) == config_hash(plain)
    assert config_hash(model(term_ms=term).spec) != config_hash(plain)
