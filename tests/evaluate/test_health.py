"""How well the monitor saw while a window was filled: what was lost then, and who is behind."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluate.clock import BEHIND_MS, Clock
from monitor.evaluate.health import BLIND_ABOVE, DEGRADED_ABOVE, assess
from monitor.evaluate.judged import Judged
from monitor.events.timestamps import rfc3339
from monitor.events.types import PipelineHealth
from monitor.observe.model import Monitored
from monitor.observe.state import OTHER_VERSIONS
from monitor.panes.messages import UNHEARD, Loss, Progress
from monitor.registry.specs import ModelSpec
from tests.evaluate.scene import Scene, at, minutes
from tests.evaluate.test_inputs import model
from tests.evaluate.test_outcomes import model as hourly
from tests.observe.stream import MINUTE, T0, spec

REPLAYED, LIVE = spec(clock="events"), spec(clock="append")
COUNTS = st.integers(0, 200)


def health(
    rows: int,
    lost: tuple[int, int, int] = (0, 0, 0),
    version: str = "1",
    of: ModelSpec = REPLAYED,
    clock: Clock | None = None,
    misplaced: int = 0,
    age_ms: int | None = None,
) -> PipelineHealth:
    judged = Judged("data_drift", version, 0, 1, (), rows, age_ms=age_ms)
    return assess(judged, rows, lost, misplaced, of, clock or Clock(1))


@pytest.mark.parametrize(
    ("rows", "lost", "status", "reasons"),
    [
        (100, (0, 0, 0), "healthy", []),
        (95, (5, 0, 0), "healthy", []),
        (94, (6, 0, 0), "degraded", ["late_rate"]),
        (94, (0, 6, 0), "degraded", ["dead_rate"]),
        (94, (0, 0, 6), "degraded", ["quarantine_rate"]),
        (94, (2, 2, 2), "degraded", ["late_rate", "dead_rate", "quarantine_rate"]),
        (90, (9, 1, 0), "degraded", ["late_rate"]),
        (50, (50, 0, 0), "degraded", ["late_rate"]),
        (49, (0, 51, 0), "blind", ["dead_rate"]),
        (0, (0, 0, 0), "blind", ["no_traffic"]),
        (0, (0, 1, 0), "blind", ["no_traffic", "dead_rate"]),
    ],
)
def test_what_is_lost_decides(
    rows: int, lost: tuple[int, int, int], status: str, reasons: list[str]
) -> None:
    found = health(rows, lost)
    assert (found.status, found.reasons) == (status, reasons)
    assert (found.late, found.dead, found.quarantined) == lost


@given(COUNTS, st.tuples(COUNTS, COUNTS, COUNTS))
def test_more_losses_never_look_healthier(rows: int, lost: tuple[int, int, int]) -> None:
    rank = ["healthy", "degraded", "blind"].index
    found, total = health(rows, lost), rows + sum(lost)
    for n in range(3):
        more = health(rows, tuple(x + (i == n) for i, x in enumerate(lost)))  # type: ignore[arg-type]
        assert rank(more.status) >= rank(found.status)
    assert (found.status == "healthy") == (rows > 0 and sum(lost) <= DEGRADED_ABOVE * total)
    assert (found.status == "blind") == (rows == 0 or sum(lost) > BLIND_ABOVE * total)
    assert bool(found.reasons) == (found.status != "healthy")


def test_versions_that_were_not_told_apart_are_an_overflow() -> None:
    assert health(100, version=OTHER_VERSIONS).reasons == ["overflow"]


@pytest.mark.parametrize(
    ("age_ms", "misplaced", "reasons"),
    [(60, 5, []), (60, 6, ["misplaced"]), (None, 6, []), (None, 100, [])],
)
def test_what_lies_in_wrong_partitions_spoils_what_labels_say_and_nothing_else(
    age_ms: int | None, misplaced: int, reasons: list[str]
) -> None:
    found = health(100, misplaced=misplaced, age_ms=age_ms)
    assert (found.status, found.reasons) == ("degraded" if reasons else "healthy", reasons)
    assert found.misplaced == misplaced
    assert "partitioner=murmur2_random" in str(found.message)


# -- who is behind, by the broker's time -----------------------------------------------------------


def clock(*heard: tuple[int | None, int | None], sources: int | None = None) -> Clock:
    """One partition for each (told, read), ms of append time."""
    made = Clock(sources or len(heard))
    for n, (told, read) in enumerate(heard):
        known = {} if read is None else {"predictions": read}
        made.hear(Progress(n, {"m": 0}, {}, {}, read=known, told=told))
    return made


NOW = 10**12


@pytest.mark.parametrize(
    ("heard", "reasons", "partitions"),
    [
        ([(NOW, NOW), (NOW, NOW - BEHIND_MS)], [], []),
        ([(NOW, NOW), (NOW, NOW - BEHIND_MS - 1)], ["lag"], [1]),
        ([(NOW, NOW), (NOW, None)], ["lag"], [1]),
        ([(NOW, NOW), (NOW - BEHIND_MS, NOW - BEHIND_MS)], [], []),
        ([(NOW, NOW), (NOW - BEHIND_MS - 1, NOW)], ["stalled_partition"], [1]),
        ([(None, NOW), (NOW, NOW)], ["stalled_partition"], [0]),
        ([(NOW, 0), (0, 0)], ["lag", "stalled_partition"], [0, 1]),
    ],
)
def test_partitions_that_are_behind_are_named(
    heard: list[Any], reasons: list[str], partitions: list[int]
) -> None:
    found = health(100, of=LIVE, clock=clock(*heard))
    assert (found.reasons, found.partitions) == (reasons, partitions)
    assert found.status == ("degraded" if reasons else "healthy")
    replayed = health(100, of=REPLAYED, clock=clock(*heard))
    assert replayed.status == "healthy", "a replayed past has no present to be behind"


def held(marks: list[Mapping[str, int]], sources: int = 2) -> list[float]:
    made = Clock(sources)
    for n, inputs in enumerate(marks):
        made.hear(Progress(n, dict(inputs), {}, {}))
    return list(made.holdback().values())


def test_the_partition_that_holds_time_back_is_named() -> None:
    assert held([{"m": 9000}, {"m": 4000}]) == [0, 5]
    assert held([{"m": 9000, "n": 1000}, {"m": 4000, "n": 2000}]) == [1, 5]
    assert held([{"m": 9000}, {}]) == [0, float("inf")]
    assert held([{"m": 9000}], sources=2) == [0, float("inf")]
    assert held([], sources=2) == [0, 0]
    assert held([{"m": UNHEARD}, {"m": UNHEARD}]) == [0, 0]
    assert held([{"m": 2**62}, {"m": 4000}]) == [0, 0], "a stream that ends waits for nobody"


# -- on events -------------------------------------------------------------------------------------


def loss(minute: int, late: int = 0, dead: int = 0, source: int = 0, name: str = "m") -> Loss:
    return Loss(name, at(minute), source, late, dead, 0)


def misplaced(minute: int, n: int, topic: str = "predictions", source: int = 0) -> Loss:
    return Loss("m", at(minute), source, 0, 0, 0, topic=topic, misplaced=n)


def told(scene: Scene, kind: str = "window", detector: str = "data_drift") -> list[dict[str, Any]]:
    scene.flush()
    return [
        event["data"]
        for event in scene.told
        if (event["data"]["kind"], event["data"]["detector"]) == (kind, detector)
    ]


def lost(scene: Scene) -> list[tuple[str, int, int]]:
    return [(d["health"]["status"], d["health"]["late"], d["health"]["dead"]) for d in told(scene)]


def test_a_window_answers_for_what_was_lost_while_it_was_filled() -> None:
    """
    minute   0   4   8   12
             99..|99.|99.|>
               3 late
                  9 dead
    """
    scene = Scene(model(minutes(4)))
    scene.send(*(scene.pane(minute, 99) for minute in (0, 4, 8)))
    scene.send(loss(1, late=3), loss(4, dead=9), scene.progress(12))
    assert lost(scene) == [("healthy", 3, 0), ("degraded", 0, 9), ("healthy", 0, 0)]


def test_losses_are_replaced_and_then_summed_over_partitions() -> None:
    scene = Scene(model(minutes(4)), sources=2)
    scene.send(scene.pane(0, 10), loss(1, late=1), loss(1, late=2), loss(1, late=5, source=1))
    scene.send(loss(1, late=2), scene.progress(4), scene.progress(4, source=1))
    assert lost(scene) == [("degraded", 7, 0)]


def test_labels_in_wrong_partitions_count_until_the_age_that_they_are_judged_at() -> None:
    """
    minute   0    60      480 540          the last age is 480 minutes
             9....|1......|...|>
             1    2                        predictions misplaced, in the window and after it
             3>4  7+1     8   16           labels: corrected, of two sources, and beyond the age
    """
    scene = Scene(hourly(), sources=2)
    scene.send(scene.outcome(0, 9), scene.outcome(60, 1))
    scene.send(misplaced(0, 1), misplaced(60, 2))
    scene.send(misplaced(0, 3, "labels"), misplaced(0, 4, "labels"), misplaced(60, 7, "labels"))
    scene.send(misplaced(60, 1, "labels", source=1), misplaced(480, 8, "labels"))
    scene.send(misplaced(540, 16, "labels"))
    scene.flush()
    scene.crash()
    scene.send(*(scene.progress(1000, source=n, labels=1000) for n in range(2)))
    judged = [d for d in told(scene, detector="performance") if d["window"]["start"] == rfc3339(T0)]
    (last,) = [d for d in judged if d["age_ms"] == 480 * MINUTE]
    assert last["health"]["misplaced"] == 1 + 4 + 7 + 1 + 8
    assert last["health"]["reasons"] == ["misplaced"]
    assert last["health"]["message"].startswith("21 events lie in partitions")


def test_all_versions_count_against_what_their_model_lost() -> None:
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 50), scene.pane(0, 50, version="2"), loss(1, late=5))
    scene.send(scene.progress(4))
    assert lost(scene) == [("healthy", 5, 0)] * 2


def test_another_model_s_losses_are_its_own() -> None:
    other = Monitored(spec("n"), None)
    scene = Scene(model(minutes(4)), other)
    scene.send(scene.pane(0, 9), loss(1, late=9, name="n"), loss(1, late=9, name="nobody"))
    scene.send(scene.progress(4))
    assert lost(scene) == [("healthy", 0, 0)]


def test_losses_survive_a_crash_and_go_with_their_window() -> None:
    scene = Scene(model(minutes(4, hop=2)))
    scene.send(scene.pane(0, 10), scene.pane(2, 10), scene.pane(4, 10), loss(2, late=5))
    scene.flush()
    scene.crash()
    scene.send(scene.progress(4))
    assert lost(scene) == [("healthy", 0, 0), ("degraded", 5, 0)]
    assert any(b"loss" in key for key in scene.rows)
    scene.crash()
    scene.send(scene.progress(6), scene.pane(8, 10), scene.progress(12))
    assert lost(scene)[2] == ("degraded", 5, 0)
    assert not any(b"loss" in key for key in scene.rows)


def test_a_silence_is_one_finding_whatever_judges_the_window() -> None:
    """
    minute   0   4   8   12
             #..||...|...|>
                  ^ told, once
    """
    for monitored in (model(minutes(4)), Monitored(model(minutes(4)).spec, None)):
        scene = Scene(monitored)
        scene.send(scene.pane(0, 5), scene.progress(4), scene.progress(8), scene.progress(12))
        (silent,) = told(scene, "drift", "no_traffic")
        assert (silent["verdict"], silent["subject"], silent["n_current"]) == ("medium", "model", 0)
        assert silent["health"] == {
            "status": "blind", "reasons": ["no_traffic"], "late": 0, "dead": 0, "quarantined": 0,
            "partitions": [],
        }  # fmt: skip
        assert "is its publisher up?" in silent["message"]


def test_where_all_was_refused_the_silence_says_so() -> None:
    scene = Scene(model(minutes(4)))
    scene.send(scene.pane(0, 5), loss(5, dead=1200), scene.progress(8))
    (silent,) = told(scene, "drift", "no_traffic")
    assert "1,200 were refused: see the dead letters" in silent["message"]


def test_the_silence_of_a_high_risk_model_pages() -> None:
    scene = Scene(model(minutes(4), risk_tier="high"))
    scene.send(scene.pane(0, 5), scene.progress(8))
    assert [d["severity"] for d in told(scene, "drift", "no_traffic")] == ["high"]


def test_a_live_window_rests_on_when_its_log_was_read() -> None:
    scene = Scene(model(minutes(4), clock="append"))
    behind = Progress(
        0, {"m": at(4)}, {}, {}, read={"predictions": scene.append_ms - 6 * MINUTE}
    )  # fmt: skip
    scene.send(scene.pane(0, 5), behind)
    (found,) = told(scene)
    assert found["health"]["reasons"] == ["lag"]
    assert found["health"]["partitions"] == [0]


@pytest.mark.parametrize(
    ("read_min", "returns", "past"),
    [(0, False, None), (0, True, True), (6, False, True)],
    ids=["it lasts", "it is over", "who catches up can't know"],
)
def test_a_silence_that_lasts_is_never_past(
    read_min: int, returns: bool, past: bool | None
) -> None:
    """Half an hour ago all fell silent; whether that is news depends on how it has ended."""
    scene = Scene(model(minutes(4), clock="append"))
    mark = Progress(
        0, {"m": at(40)}, {}, {}, read={"predictions": scene.append_ms - read_min * MINUTE},
        past_inputs={"m": at(25)},
    )  # fmt: skip
    scene.send(scene.pane(0, 5), *([scene.pane(30, 5)] if returns else []), mark)
    first, *_ = told(scene, "drift", "no_traffic")
    assert first["window"]["start"] == rfc3339(at(4))
    assert first.get("past") is past
