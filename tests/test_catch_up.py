"""After an outage nobody is called about the past, however fast it is read; what follows pages."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor.events.timestamps import to_ms
from monitor.observe.model import Monitored
from monitor.registry.specs import DataDriftSpec, LabelsSpec, PerformanceSpec, WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, baseline, label, monitored, prediction, spec
from tests.pipeline import Pipeline, Unit

TOPICS = ("predictions", "labels", "reviews")
AGE = 15 * MINUTE
WAIT = 10 * MINUTE
QUARTER = WindowSpec(size_ms=15 * MINUTE, hop_ms=15 * MINUTE, allowed_lateness_ms=WAIT)


def live(**changes: Any) -> Monitored:
    """A live model whose inputs drift all the time: every window calls for an alert."""
    settings: dict[str, Any] = {
        "clock": "append",
        "data_drift": DataDriftSpec(windows=(QUARTER,), min_samples=10),
        "prediction_drift": None,
        "performance": None,
        "labels": None,
    }
    return monitored(**{**settings, **changes})


class Live:
    """A stream and its worker, on the broker's clock."""

    def __init__(self, model: Monitored) -> None:
        self.pipeline = Pipeline([model])
        self.now = T0
        self.made = 0

    def publish(self, minutes: int, labels_after: int | None = None) -> None:
        """Six predictions a minute; each labels the one so many before it."""
        for _ in range(minutes * 6):
            self.now += 10_000
            key = f"p{self.made}"
            self.made += 1
            event = prediction(key, self.now, features={"amount": 500.0, "color": "red"})
            self._append("predictions", key, event)
            if labels_after is not None and self.made > labels_after:
                of = f"p{self.made - labels_after}"
                self._append("labels", of, label(of, self.now, "yes"))

    def _append(self, topic: str, key: str, event: dict[str, Any]) -> None:
        self.pipeline.append(topic, key.encode(), json.dumps(event).encode(), append_ms=self.now)

    def work(self, most: int = 10**6) -> None:
        """All stages read up to `most` records of each topic a flush, until no events are left."""
        left = True
        while left:
            left = sum(self._step(unit, most) for unit in self.pipeline.units[:3]) > 0
            for unit in self.pipeline.units[3:]:
                self._step(unit, 10**6)

    def _step(self, unit: Unit, most: int) -> int:
        read = sum(self.pipeline.read(unit, topic, most) for topic in unit.topics)
        idle = () if read else TOPICS
        unit.logic.heard(self.now)
        self.pipeline.flush(unit, heartbeat=True, idle=idle, append_ms=self.now)
        return read

    def alerted(self) -> set[int]:
        """The ends, in minutes after T0, of windows that someone was alerted of."""
        alerts = self.pipeline.events("alerts").values()
        return {(to_ms(e["data"]["window"]["end"]) - T0) // MINUTE for e in alerts}

    def silent(self) -> set[int]:
        """The ends of windows of which someone was alerted that nothing comes any more."""
        alerts = self.pipeline.events("alerts").values()
        return {
            (to_ms(e["data"]["window"]["end"]) - T0) // MINUTE
            for e in alerts
            if "no_traffic" in e["data"]["reason"]
        }

    def found(self) -> dict[int, set[bool]]:
        """Whether the drift found in windows was marked as past, by their end in minutes."""
        found: dict[int, set[bool]] = {}
        for event in self.pipeline.events("drift-events").values():
            if event["data"]["kind"] == "drift":
                end = (to_ms(event["data"]["window"]["end"]) - T0) // MINUTE
                found.setdefault(end, set()).add(event["data"].get("past", False))
        return found


def test_a_worker_that_keeps_up_alerts_of_every_window() -> None:
    stream = Live(live())
    for _ in range(60):
        stream.publish(5)
        stream.work()
    assert stream.alerted() == set(stream.found())
    assert len(stream.alerted()) >= 18


@pytest.mark.parametrize("most", [20, 300, 10**6])
def test_after_an_outage_only_what_is_news_alerts(most: int) -> None:
    """Six hours are read in one go or bit by bit: the last quarter of an hour of closes is told."""
    stream = Live(live())
    for _ in range(12):
        stream.publish(5)
        stream.work()
    before = set(stream.found())
    assert stream.alerted() == before
    stream.publish(360)
    stream.work(most)
    back = (stream.now - T0) // MINUTE
    for _ in range(12):
        stream.publish(5)
        stream.work()
    found = stream.found()
    for end, past in found.items():
        # Its lateness and the disorder bound have to pass; between, it depends on the partition.
        closed = end + WAIT // MINUTE + 1
        if end in before or closed > back - 15:
            assert past == {False}, end
        elif closed < back - 15 - 2:
            assert past == {True}, end
    assert stream.alerted() == {end for end, past in found.items() if past == {False}}
    assert sum(past == {True} for past in found.values()) >= 20
    assert max(found) > back


def test_at_a_first_start_the_backlog_alerts_nobody() -> None:
    stream = Live(live())
    stream.publish(300)
    stream.now += 3 * HOUR
    stream.work()
    assert len(stream.found()) >= 17
    # Nothing of the backlog; but that nothing has come since, for hours, is news.
    assert stream.alerted() == stream.silent() == {330}


def test_an_evaluate_that_was_away_alerts_nobody_of_what_it_missed() -> None:
    """Observe kept up: its progress lay in `panes`, and was heard hours later."""
    stream = Live(live())
    observers = stream.pipeline.units[:3]
    for _ in range(48):
        stream.publish(5)
        for unit in observers:
            stream._step(unit, 10**6)
    stream.work()
    late = {end for end, past in stream.found().items() if past == {True}}
    assert late >= set(range(15, 200, 15)) & set(stream.found())
    assert stream.alerted() == set(stream.found()) - late


def test_traffic_that_ends_is_no_outage() -> None:
    """The last window closes by the clock, long after its last event."""
    stream = Live(live())
    stream.publish(20)
    stream.work()
    for _ in range(30):
        stream.now += 5 * MINUTE
        stream.work()
    assert stream.alerted() == set(stream.found())
    assert max(stream.alerted()) >= 15


def test_labels_that_take_hours_are_no_outage() -> None:
    """Performance is judged hours after the predictions: that is how labels are."""
    model = live(
        data_drift=None,
        performance=PerformanceSpec(windows=(QUARTER,), min_samples=5),
        labels=LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=0.5),
    )
    stream = Live(model)
    for _ in range(12 * 11):
        stream.publish(5, labels_after=6 * 90)
        stream.work()
    assert len(stream.found()) >= 20
    assert stream.alerted() == set(stream.found())


def early(stream: Live) -> dict[tuple[int, bool], set[bool]]:
    """Whether drift was marked as past, by its window's end and whether it was provisional."""
    found: dict[tuple[int, bool], set[bool]] = {}
    for event in stream.pipeline.published("drift-events"):
        data = event["data"]
        if data["kind"] == "drift":
            end = (to_ms(data["window"]["end"]) - T0) // MINUTE
            found.setdefault((end, data["provisional"]), set()).add(data.get("past", False))
    return found


def test_a_provisional_verdict_calls_people_and_its_revision_commands() -> None:
    """Each at its time: the alert leads to revision 0, and what is commanded to revision 1."""
    window = msgspec.structs.replace(QUARTER, provisional=True)
    stream = Live(live(data_drift=DataDriftSpec(windows=(window,), min_samples=10)))
    for _ in range(36):
        stream.publish(5)
        stream.work()
    assert all(past == {False} for past in early(stream).values())
    for topic, revision in (("alerts", "0"), ("retraining", "1"), ("review-mode", "1")):
        published = [event["data"] for event in stream.pipeline.published(topic)]
        assert {data["finding_id"].split(".")[1] for data in published} == {revision}
        assert len({data["window"]["end"] for data in published}) >= 10


def test_a_provisional_verdict_is_past_by_its_own_time() -> None:
    """It was due at its window's end, its revision ten minutes later: each is news for so long."""
    window = msgspec.structs.replace(QUARTER, provisional=True)
    stream = Live(live(data_drift=DataDriftSpec(windows=(window,), min_samples=10)))
    for _ in range(12):
        stream.publish(5)
        stream.work()
    before = set(early(stream))
    stream.publish(360)
    stream.work()
    back = (stream.now - T0) // MINUTE
    found = early(stream)
    assert {provisional for _, provisional in found} == {True, False}
    for (end, provisional), past in found.items():
        closed = end + 1 + (0 if provisional else WAIT // MINUTE)
        if (end, provisional) in before or closed > back - 15:
            assert past == {False}, end
        elif closed < back - 15 - 2:
            assert past == {True}, end
    assert stream.alerted() == {end for (end, _), past in found.items() if past == {False}}


def test_a_stream_that_replays_the_past_alerts_of_it() -> None:
    """It has no present to be behind: whoever replays the past wants to hear of it."""
    stream = Live(live(clock="events"))
    stream.publish(300)
    stream.now += 3 * HOUR
    stream.work()
    assert len(stream.found()) >= 17
    assert stream.alerted() == set(stream.found())


def test_the_age_is_the_model_s_own() -> None:
    stream = Live(Monitored(spec(**_settings(live(), max_alert_age_ms=6 * HOUR)), baseline()))
    stream.publish(300)
    stream.work()
    assert stream.alerted() == set(stream.found()) != set()


def _settings(model: Monitored, **changes: Any) -> dict[str, Any]:
    names = ("clock", "data_drift", "prediction_drift", "performance", "labels")
    return {name: getattr(model.spec, name) for name in names} | changes


@pytest.mark.parametrize("seed", range(3))
def test_a_crash_while_catching_up_wakes_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Live(live())
    stream.publish(360)
    stream.now += HOUR
    for _ in range(30):
        for unit in stream.pipeline.units:
            stream._step(unit, int(rng.integers(1, 200)))
            if rng.random() < 0.2:
                unit.crash()
    stream.work(200)
    assert len(stream.found()) >= 20
    # Of the hour since then, in which nothing came, and of nothing else.
    assert stream.alerted() == stream.silent() == {390}
