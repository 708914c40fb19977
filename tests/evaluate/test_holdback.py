"""A source partition that holds a model's time back is told of, once, and again when it is over.

Minutes are of the broker's time, after T0; live partitions stand a minute behind it.
"""

import json
import random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.timestamps import rfc3339
from monitor.observe.model import Monitored
from monitor.panes.messages import END, UNHEARD, Progress, encode
from monitor.response.partition import RespondPartition
from tests.evaluate.scene import Scene, at, minutes
from tests.evaluate.test_inputs import model
from tests.observe.stream import MINUTE, Rec

DISORDER = 30_000
BEHIND, SILENT, LOOK = 5 * MINUTE, MINUTE, 30_000


class Beat(NamedTuple):
    """A heartbeat: when it was appended, of which partition, its watermark and how far it read."""

    minute: float
    source: int
    mark: float | None = None
    read: float | None = None

    def progress(self) -> Progress:
        mark = at(self.minute - 1.5 if self.mark is None else self.mark)
        read = at(self.minute if self.read is None else self.read)
        return Progress(self.source, {"m": mark}, {}, {}, read={"predictions": read})


def scene(sources: int = 3, **changes: Any) -> Scene:
    """With a pane, so that the model is known here."""
    made = Scene(model(minutes(4), **{"clock": "append", **changes}), sources=sources)
    made.append_ms = at(0)
    made.send(made.pane(0, 5))
    return made


def beat(to: Scene, *beats: Beat) -> None:
    for one in beats:
        to.append_ms = at(one.minute)
        to.send(one.progress())


def told(of: Scene) -> list[dict[str, Any]]:
    of.flush()
    return [e["data"] for e in of.told if e["data"]["detector"] == "stalled_partition"]


def when(of: Scene) -> list[tuple[str, int]]:
    return [(data["verdict"], data["revision"]) for data in told(of)]


def all_beat(to: Scene, first: int, last: int, sources: tuple[int, ...] = (0, 1, 2)) -> None:
    for minute in range(first, last):
        beat(to, *(Beat(minute, source) for source in sources))


def test_whose_owner_is_dead_is_named_after_five_minutes_and_once() -> None:
    """
    minute       0        10 12   17   30
    partition 2  beats.....| ^    ^ told
    """
    stuck = scene()
    all_beat(stuck, 0, 11)
    all_beat(stuck, 11, 17, (0, 1))
    assert told(stuck) == []
    all_beat(stuck, 17, 30, (0, 1))
    (finding,) = told(stuck)
    assert (finding["verdict"], finding["severity"]) == ("medium", "medium")
    assert finding["health"]["status"] == "blind"
    assert (finding["health"]["reasons"], finding["health"]["partitions"]) == (
        ["stalled_partition"], [2],
    )  # fmt: skip
    assert finding["window"] == {"start": rfc(8.5), "end": rfc(15.5)}, "what waits"
    assert finding["message"] == (
        f"no window of m closes: its time stands at {rfc(8.5)}, and others are at {rfc(15.5)}. "
        "partition 2: its owner has not been heard for 7 min. See that the workers of source "
        "partition 2 run and keep up (watchkeeper_lag_records): start or restart them, or add one"
    )


def rfc(minute: float) -> str:
    return rfc3339(at(minute))


def test_when_it_moves_again_that_is_told_of_the_same_event() -> None:
    stuck = scene()
    all_beat(stuck, 0, 11)
    all_beat(stuck, 11, 30, (0, 1))
    stuck.flush()
    stuck.crash()
    all_beat(stuck, 30, 40)
    begun, over = told(stuck)
    assert [(d["verdict"], d["revision"]) for d in (begun, over)] == [("medium", 0), ("low", 1)]
    assert begun["event_key"] == over["event_key"]
    assert begun["window"] == over["window"]
    assert "goes on, 19 min after source partition 2 began to hold it back" in over["message"]
    all_beat(stuck, 40, 60, (1, 2))
    again = told(stuck)[2:]
    assert [(d["revision"], d["health"]["partitions"]) for d in again] == [(0, [0])]
    assert again[0]["event_key"] != begun["event_key"]


def test_whose_owner_lags_is_named_with_how_late_it_reads() -> None:
    stuck = scene()
    for minute in range(30):
        late = Beat(minute, 2, mark=minute * 0.5 - 20, read=minute * 0.5 - 18)
        beat(stuck, Beat(minute, 0), Beat(minute, 1), late)
    (finding,) = told(stuck)
    assert (finding["health"]["reasons"], finding["health"]["partitions"]) == (["lag"], [2])
    assert "partition 2: its owner reads 20 min late" in finding["message"]


def test_of_whom_nothing_was_ever_heard_is_named_too() -> None:
    stuck = scene()
    all_beat(stuck, 0, 30, (0, 2))
    (finding,) = told(stuck)
    assert finding["health"]["partitions"] == [1]
    assert "partition 1: nothing was ever heard of it" in finding["message"]


def test_the_standstill_of_a_high_risk_model_pages() -> None:
    stuck = scene(risk_tier="high")
    all_beat(stuck, 0, 30, (0, 2))
    assert [d["severity"] for d in told(stuck)] == ["high"]


def test_a_restart_in_time_is_nobodys_business() -> None:
    fine = scene()
    all_beat(fine, 0, 11)
    all_beat(fine, 11, 16, (0, 1))
    all_beat(fine, 16, 40)
    assert told(fine) == []


def test_an_idle_partition_holds_nothing_back_however_far_others_date_ahead() -> None:
    """Events may be five minutes ahead of the broker's clock; the idle follow the clock."""
    fine = scene()
    for minute in range(30):
        beat(fine, Beat(minute, 0, mark=minute + 4.5), Beat(minute, 1), Beat(minute, 2))
    assert told(fine) == []


def test_partitions_of_a_replayed_past_may_be_far_apart_but_not_silent() -> None:
    replayed = scene(clock="events")
    for minute in range(30):
        far = (Beat(minute, n, mark=-10_000 * n + minute) for n in range(3))
        beat(replayed, *far)
    assert told(replayed) == []
    all_beat(replayed, 30, 50, (0, 1))
    assert [d["health"]["partitions"] for d in told(replayed)] == [[2]]


def test_after_an_outage_of_all_who_comes_first_accuses_nobody() -> None:
    """
    minute       0    10             500  503
    partition 0  beats.|             beats
    the others   beats.|                  beats
    """
    fine = scene()
    all_beat(fine, 0, 11)
    fine.flush()
    fine.crash()
    all_beat(fine, 500, 503, (0,))
    all_beat(fine, 503, 530)
    assert told(fine) == []


def test_a_stream_that_has_ended_waits_for_nobody() -> None:
    ended = scene(clock="events")
    for minute in range(30):
        for source in range(3):
            ended.append_ms = at(minute)
            ended.send(Progress(source, {"m": END}, {}, {}))
    all_beat(ended, 30, 60, ())
    for minute in range(30, 60):
        ended.append_ms = at(minute)
        ended.send(Progress(0, {"m": END}, {}, {}))
    assert told(ended) == []


def test_people_are_told_when_it_begins_and_when_it_is_over_and_nothing_is_commanded() -> None:
    stuck = scene()
    all_beat(stuck, 0, 11)
    all_beat(stuck, 11, 30, (0, 1))
    all_beat(stuck, 30, 40)
    told(stuck)
    respond = RespondPartition()
    events = [json.dumps(e).encode() for e in stuck.told]
    for n, event in enumerate([*events, *events]):
        respond.apply("drift-events", [Rec(n, 0, event)])
    outputs = [
        (out.topic, json.loads(out.value))
        for out in respond.drain({}, False, ()).outputs
        if "stalled" in json.loads(out.value)["data"]["reason"]
    ]
    assert [topic for topic, _ in outputs] == ["alerts", "alerts"]
    begun, over = (event for _, event in outputs)
    assert (begun["data"]["notify"], begun["data"]["severity"]) == ("ticket", "medium")
    assert "resolved" not in begun["data"]
    assert (over["data"]["notify"], over["data"]["severity"]) == ("ticket", "medium")
    assert over["data"]["resolved"] is True
    assert over["data"]["event_key"] == begun["data"]["event_key"]
    key, revision = begun["id"].split(".")
    assert (revision, over["id"]) == ("0", f"{key}.1")


# -- the law ---------------------------------------------------------------------------------------


def story(seed: int) -> list[Beat]:
    """Three owners over two hours: they beat, lag, die and come back, some with old events."""
    draw = random.Random(seed)
    state, lag = ["up"] * 3, [0.0] * 3
    beats = []
    for tick in range(480):
        now = tick / 4
        if 200 < tick < 200 + draw.choice([0, 0, 40]):
            continue  # all are away
        for source in draw.sample(range(3), 3):
            if draw.random() < 0.02:
                state[source] = draw.choice(["up", "down", "slow"])
            if state[source] == "down":
                continue
            lag[source] = min(lag[source] + 0.2, 30) if state[source] == "slow" else 0.0
            late = now - lag[source]
            beats.append(Beat(now, source, mark=late - 1.5, read=late))
    return beats


def reckoned(beats: list[Beat], live: bool) -> list[tuple[str, float, list[int]]]:
    """What is told and when: beat by beat, every look over the whole of what was heard."""
    last: dict[int, Beat] = {}
    since: dict[int, float] = {}
    found: list[tuple[str, float, list[int]]] = []
    looked, open_ = 0, False
    for one in beats:
        last[one.source] = one
        now = at(one.minute)
        if now // LOOK == looked:
            continue
        away, looked = now // LOOK - looked > 4, now // LOOK
        marks = {n: at(last[n].mark or 0) if n in last else UNHEARD for n in range(3)}
        lead = max(marks.values())
        held = {
            n
            for n, mark in marks.items()
            if (mark < lead and (n not in last or now - at(last[n].minute) > SILENT))
            or (live and min(lead, now - DISORDER) - mark > BEHIND)
        }
        since = {n: now if away or n not in since else since[n] for n in held}
        stuck = sorted(n for n in held if now - since[n] >= BEHIND)
        if open_ and not held:
            found.append(("low", 0, []))
            open_ = False
        elif stuck and not open_:
            found.append(("medium", now / 1000, stuck))
            open_ = True
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["append", "events"]), st.integers(0, 10**6))
def test_what_is_told_depends_on_the_log_of_panes_alone(seed: int, clock: str, cut: int) -> None:
    """However it is cut into chunks and flushes, and whoever takes it up after a crash."""
    beats, draw = story(seed), random.Random(cut)
    played = scene(clock=clock)
    n = 0
    while n < len(beats):
        chunk = beats[n : n + draw.randint(1, 40)]
        records = [
            Rec(played.offset + i, at(one.minute), encode(one.progress()))
            for i, one in enumerate(chunk)
        ]
        played.partition.apply("panes", records)
        played.offset, n = played.offset + len(chunk), n + len(chunk)
        if draw.random() < 0.4:
            played.flush()
            if draw.random() < 0.5:
                played.crash()
    got = [
        (d["verdict"], d["value"] and d["value"] > 0, d["health"]["partitions"])
        for d in told(played)
    ]
    expected = reckoned(beats, clock == "append")
    assert got == [(verdict, now > 0, stuck) for verdict, now, stuck in expected]


def test_stories_have_standstills_that_begin_and_end() -> None:
    """Else the law would say nothing."""
    found = [reckoned(story(seed), True) for seed in range(30)]
    assert sum(len(one) >= 2 for one in found) > 10
    assert any(len(stuck) > 1 for one in found for _, _, stuck in one)


def test_each_model_has_its_own() -> None:
    other = Monitored(model(minutes(4), id="n", clock="append").spec, None)
    both = Scene(model(minutes(4), clock="append"), other, sources=2)
    both.append_ms = at(0)
    both.send(both.pane(0, 5), both.pane(0, 5, model="n"))
    for minute in range(30):
        both.append_ms = at(minute)
        for source in range(2):
            marks = {"m": at(minute - 1.5), "n": at(-20 if source else minute - 1.5)}
            both.send(Progress(source, marks, {}, {}, read={"predictions": both.append_ms}))
    (finding,) = told(both)
    assert (finding["model_id"], finding["health"]["partitions"]) == ("n", [1])
    assert "partition 1: its latest events are of" in finding["message"]
