"""Sums of windows against a count of every pane, whatever is settled, rolled up and forgotten."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DataError
from monitor.evaluate.outcome_sums import OutcomeSums
from monitor.observe.model import Monitored
from monitor.panes.codec import pack, unpack
from monitor.panes.messages import OutcomePane
from monitor.registry.specs import DAY_MS, HOUR_MS, DataDriftSpec, PredictionDriftSpec, WindowSpec
from tests.evaluate.scene import Scene, at, minutes
from tests.observe.stream import T0, baseline, spec

BASELINE = baseline()
WIDTH = BASELINE.layout.width
VERSIONS = ("1", "2")


def model(*windows: WindowSpec, **changes: Any) -> Monitored:
    """A model with windows of two lengths."""
    settings_: dict[str, Any] = {
        "data_drift": DataDriftSpec(windows=(windows[0],), min_samples=1),
        "prediction_drift": PredictionDriftSpec(windows=(windows[1],)),
        "performance": None,
        "labels": None,
    }
    return Monitored(spec(**{**settings_, **changes}), BASELINE)


class Hours:
    """A pane an hour and source of drawn counts, and what was sent, by hour and version."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self.scene, self.rng = scene, rng
        self.sent: dict[tuple[int, str], Any] = {}
        #: What was judged, by signal, start, end (hours after T0) and version.
        self.judged: dict[tuple[str, int, int, str], tuple[int, Any]] = {}
        self.hour = 0

    def spy(self) -> None:
        """Hear of every window that is judged: the last judgement of each is the published one."""
        windows = self.scene.partition._of("m")
        assert windows
        for one in windows.inputs:

            def judge(version: str, total: Any, end: int, one: Any = one) -> Any:
                span = ((end - one.window.size_ms - T0) // HOUR_MS, (end - T0) // HOUR_MS)
                assert not total.foreign
                assert one.whole_from <= end - one.window.size_ms
                self.judged[one.signal, *span, version] = total.rows, total.counts.tolist()
                return iter(())

            one._judge = judge  # type: ignore[method-assign]

    def go_on(self, hours: int, traffic: float) -> None:
        for _ in range(hours):
            for source in range(self.scene.sources):
                if self.rng.random() < traffic:
                    version = self.rng.choice(VERSIONS)
                    counts = np.array([self.rng.randrange(300) for _ in range(WIDTH)])
                    rows, minute = int(counts[0]), 60 * self.hour
                    self.scene.send(self.scene.pane(minute, rows, source, version, counts=counts))
                    self.sent[self.hour, version] = self.sent.get((self.hour, version), 0) + counts
            self.hour += 1
        for source in range(self.scene.sources):
            self.scene.send(self.scene.progress(60 * self.hour, source))

    def crash(self) -> None:
        self.scene.flush()
        self.scene.crash()
        self.spy()

    def expected(self, name: str, window: WindowSpec) -> dict[Any, tuple[int, Any]]:
        """Every window that is complete, by a loop over all that was sent."""
        size, hop = window.size_ms // HOUR_MS, window.hop_ms // HOUR_MS
        offset = T0 // HOUR_MS
        found: dict[Any, Any] = {}
        for (hour, version), counts in self.sent.items():
            for end in range(hour + 1, hour + size + 1):
                if (end + offset) % hop == 0 and end <= self.hour:
                    key = (name, end - size, end, version)
                    found[key] = found.get(key, 0) + counts
        return {key: (int(counts[0]), counts.tolist()) for key, counts in found.items()}


WINDOWS = st.builds(
    lambda hop, times: minutes(60 * hop * times, 60 * hop),
    st.sampled_from([1, 2, 3, 5, 12, 24]),
    st.integers(1, 30),
)


@settings(max_examples=40, deadline=None)
@given(WINDOWS, WINDOWS, st.integers(1, 3), st.integers(0, 2**32))
def test_windows_hold_exactly_what_was_sent_in_their_time(
    first: WindowSpec, second: WindowSpec, sources: int, seed: int
) -> None:
    """Over weeks, two lengths of windows from one store; crashes, jumps and silences between."""
    scene = Scene(model(first, second), sources=sources)
    rng = random.Random(seed)
    hours = Hours(scene, rng)
    hours.spy()
    for _ in range(rng.randint(1, 8)):
        hours.go_on(rng.randint(1, 60), traffic=0.8)
        hours.go_on(rng.choice([0, 1, 30, 200]), traffic=0.0)
        if rng.random() < 0.6:
            hours.crash()
    told = {key: value for key, value in hours.judged.items() if key[3]}
    assert told == hours.expected("data_drift", first) | hours.expected("prediction_drift", second)


def test_rows_and_memory_are_bounded_by_the_hops_of_a_window() -> None:
    """Thirty days by the day: hours go when their day is whole, and a month holds 31 sums."""
    month = minutes(30 * 24 * 60, 24 * 60)
    scene = Scene(model(month, minutes(6 * 60, 60)))
    hours = Hours(scene, random.Random(1))
    most: list[int] = []
    for day in range(100):
        hours.go_on(24, traffic=1.0)
        scene.flush()
        if day > 40:
            most.append(len(scene.rows))
            sums = scene.partition.windows["m"].input_sums
            hourly, daily = sums.sums
            assert len(hourly) <= 30
            assert len(daily) <= 32
    assert max(most) <= 2 * (30 + 32) + 2
    assert max(len(row) for row in scene.rows.values()) < 4096


def test_a_long_window_reads_its_roll_ups_and_not_its_panes(monkeypatch: Any) -> None:
    """720 hours and three sources: not 2,160 snapshots, but days, and hours at both ends."""
    scene = Scene(model(minutes(30 * 24 * 60, 60), minutes(30 * 24 * 60, 60)), sources=3)
    hours = Hours(scene, random.Random(1))
    hours.go_on(24 * 32, traffic=1.0)
    read: list[int] = []

    def counted(data: bytes, size: int) -> Any:
        read.append(size)
        return unpack(data, size)

    monkeypatch.setattr("monitor.evaluate.input_sums.unpack", counted)
    hours.go_on(24, traffic=1.0)
    # To settle: each snapshot, and each hour of the day. To judge: at most 76 sums, two versions.
    assert len(read) <= 24 * (3 + 2 + 2 * 76)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 24 * 40), st.integers(0, 2), st.sampled_from(VERSIONS), st.integers(0, 9)
    ),
    min_size=1,
    max_size=120,
)
SPANS = st.lists(
    st.tuples(st.integers(-50, 24 * 40), st.integers(1, 24 * 30)), min_size=1, max_size=4
)


@settings(max_examples=100, deadline=None)
@given(CHANGES, SPANS, st.integers(1, 60))
def test_a_late_label_replaces_whatever_the_roll_up(
    changes: list[tuple[int, int, str, int]], spans: list[tuple[int, int]], every: int
) -> None:
    """Sums are asked for between replacements, so that every roll-up was remembered before."""
    hour = WindowSpec(size_ms=DAY_MS, hop_ms=HOUR_MS, allowed_lateness_ms=0)
    known = model(hour, hour)
    assert BASELINE.outcomes
    shape = BASELINE.outcomes.counts.shape
    sums = OutcomeSums(known)
    held: dict[tuple[int, int, str], tuple[int, int]] = {}
    for n, (pane, source, version, value) in enumerate(changes):
        counts = np.zeros(shape, dtype=np.int64)
        counts[value % shape[0], 0, 1] = value - 3
        sums.put(
            OutcomePane(
                "m", version, at(60 * pane), source, n, known.at(0).fingerprint, pack(counts)
            )
        )
        held[pane, source, version] = n, value
        if n % every and n != len(changes) - 1:
            continue
        for first, length in spans:
            total = sums.total(at(60 * first), at(60 * (first + length)))
            for which in VERSIONS:
                mine = [
                    said
                    for (p, _, v), said in held.items()
                    if v == which and first <= p < first + length
                ]
                if not mine:
                    assert which not in total
                    continue
                assert total[which].predictions == sum(predictions for predictions, _ in mine)
                expected = np.zeros(shape, dtype=np.int64)
                for _, value_ in mine:
                    expected[value_ % shape[0], 0, 1] += value_ - 3
                assert total[which].counts.tolist() == expected.tolist()
                assert total[which].ours


def test_rows_of_another_version_are_refused_with_the_remedy() -> None:
    scene = Scene(model(minutes(60), minutes(60)))
    Hours(scene, random.Random(1)).go_on(3, traffic=1.0)
    scene.flush()
    (key,) = (key for key in scene.rows if b"model" in key)
    scene.rows[key] = msgspec.msgpack.encode(["m", {}, None, {}, 1])
    with pytest.raises(DataError, match="another version of Watchkeeper wrote it; start under a"):
        scene.crash()
