"""What came on time of a pane: decided by the order of the log, and told once, at its end."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.panes.codec import unpack
from monitor.panes.messages import InputPane, Message, decode
from monitor.registry.specs import DataDriftSpec, WindowSpec
from tests.observe.stream import MINUTE, T0, Rec, baseline, log, prediction, spec

PANE, LATENESS, DISORDER = 10 * MINUTE, 15 * MINUTE, MINUTE
BASELINE = baseline()
#: By version and start of the pane, in minutes: how many predictions.
Panes = dict[tuple[str, int], int]


def monitored(provisional: bool = True, **changes: Any) -> Monitored:
    window = WindowSpec(
        size_ms=PANE, hop_ms=PANE, allowed_lateness_ms=LATENESS, provisional=provisional
    )
    settings_: dict[str, Any] = {
        "data_drift": DataDriftSpec(windows=(window,), min_samples=50),
        "prediction_drift": None,
        "performance": None,
        "labels": None,
        "disorder_ms": DISORDER,
    }
    return Monitored(spec(**{**settings_, **changes}), BASELINE)


class Source:
    """One source partition: it reads, flushes, and comes back with what it had flushed."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        self.partition = ObservePartition([model], 0, 1)
        self.rows: dict[bytes, bytes] = {}
        self.log: list[bytes] = []
        self.sent: list[Message] = []

    def read(self, records: list[Rec]) -> None:
        self.partition.apply("predictions", records)

    def flush(self) -> None:
        flush = self.partition.drain({}, False, ())
        for key, row in flush.rows.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row
        self.log += flush.log
        self.partition.committed(len(self.log) - 1 if flush.log else None)
        for output in flush.outputs:
            if output.topic == "panes":
                self.sent.append(decode(output.value))

    def crash(self) -> None:
        self.partition = ObservePartition([self.model], 0, 1)
        self.partition.replay(list(enumerate(self.log)))
        self.partition.restore(dict(self.rows))

    def panes(self, on_time: bool) -> Panes:
        """Rows of what was sent; each pane is sent once."""
        some = [m for m in self.sent if isinstance(m, InputPane) and m.on_time == on_time]
        found = {(m.version, (m.start_ms - T0) // MINUTE): m.rows for m in some if m.block == 0}
        assert len(found) == sum(m.block == 0 for m in some)
        return found


def counted(events: list[tuple[int, str]]) -> tuple[Panes, Panes]:
    """On time and in all, row by row, of (time in ms after T0, version)."""
    on_time: Counter[tuple[str, int]] = Counter()
    whole: Counter[tuple[str, int]] = Counter()
    greatest = -(10**15)
    for time, version in events:
        mark, greatest = greatest - DISORDER, max(greatest, time)
        start = time // PANE * PANE
        if start + PANE + LATENESS > mark:
            whole[version, start // MINUTE] += 1
            on_time[version, start // MINUTE] += start + PANE > mark
    return {key: n for key, n in on_time.items() if n}, dict(whole)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 6 * MINUTE),
        st.one_of(st.just(0), st.integers(0, 40 * MINUTE)),
        st.sampled_from(["1", "1", "2"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=120, deadline=None)
@given(EVENTS, st.integers())
def test_on_time_is_what_was_read_before_the_watermark_passed_the_pane(
    steps: list[tuple[int, int, str]], seed: int
) -> None:
    """However the log is cut into chunks and flushes, and whenever the worker crashes."""
    rng = random.Random(seed)
    events, now = [], 0
    for gap, behind, version in steps:
        now += gap
        events.append((max(0, now - behind), version))
    end: Any = {"type": "end_of_stream", "model_id": "m"}
    sent = [
        prediction(f"p{n}", T0 + time, model_version=version)
        for n, (time, version) in enumerate(events)
    ]
    records = log([*sent, end])
    source, at, durable = Source(monitored()), 0, 0
    crashes = 3
    while at < len(records):
        upto = at + rng.randint(1, 12)
        source.read(records[at:upto])
        at = min(upto, len(records))
        draw = rng.random()
        if draw < 0.4:
            source.flush()
            durable = at
        elif draw < 0.6 and crashes:
            source.crash()
            at, crashes = durable, crashes - 1
    source.flush()
    on_time, whole = counted(events)
    assert source.panes(on_time=True) == on_time
    assert source.panes(on_time=False) == whole


def test_what_came_on_time_is_told_as_soon_as_its_pane_has_ended() -> None:
    """And before the progress that says so; the whole pane follows when its lateness is over."""
    source = Source(monitored())
    source.read(log([prediction("a", T0), prediction("b", T0 + PANE + DISORDER - 1)]))
    assert source.partition.urgent  # time is heard of for the first time
    source.flush()
    assert source.panes(on_time=True) == {}
    assert not source.partition.urgent
    source.read(log([prediction("c", T0 + PANE + DISORDER)], first=2))
    assert source.partition.urgent
    source.flush()
    assert source.panes(on_time=True) == {("1", 0): 1}
    kinds = [type(message).__name__ for message in source.sent]
    assert kinds == ["Progress", "InputPane", "Progress"]
    source.read(log([prediction("d", T0 + 1)], first=3))
    source.flush()
    assert source.panes(on_time=False) == {}
    source.read(log([prediction("e", T0 + PANE + LATENESS + DISORDER)], first=4))
    source.flush()
    assert source.panes(on_time=True) == {("1", 0): 1, ("1", 10): 2}
    assert source.panes(on_time=False) == {("1", 0): 2}


def test_its_counts_are_those_of_its_rows() -> None:
    source = Source(monitored())
    red, blue = ({"amount": 100.0, "color": color} for color in ("red", "blue"))
    source.read(
        log([
            prediction("a", T0, features=red),
            prediction("b", T0 + PANE + DISORDER),
            prediction("c", T0 + 1, features=blue),
            {"type": "end_of_stream", "model_id": "m"},
        ])
    )  # fmt: skip
    source.flush()
    first = next(m for m in source.sent if isinstance(m, InputPane) and m.on_time)
    whole = next(m for m in source.sent if isinstance(m, InputPane) and not m.on_time)
    layout = BASELINE.layout
    where = layout.slice("feature/color")
    grid = next(c.grid for c in layout.columns if c.subject == "feature/color")
    at = dict(zip(("red", "blue"), grid.codes(["red", "blue"]).tolist(), strict=True))
    counts = [unpack(m.counts, layout.width)[where] for m in (first, whole)]
    assert [(c[at["red"]], c[at["blue"]], c.sum()) for c in counts] == [(1, 0, 1), (1, 1, 2)]


def test_where_no_window_is_provisional_a_pane_is_sent_once() -> None:
    source = Source(monitored(provisional=False))
    events = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(200)]
    source.read(log([*events, {"type": "end_of_stream", "model_id": "m"}]))
    source.flush()
    assert source.panes(on_time=True) == {}
    assert sum(source.panes(on_time=False).values()) == 200


def test_many_rows_are_binned_before_a_flush_and_are_on_time_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory is bounded by binning early; what came later than its pane's end must wait for it."""
    monkeypatch.setattr("monitor.observe.piles.PILE_LIMIT", 2)
    source = Source(monitored())
    times = [0, PANE + DISORDER, 1, 2, 3, 2 * PANE + DISORDER, PANE + 1, 4]
    for n, time in enumerate(times):
        source.read(log([prediction(f"p{n}", T0 + time)], first=n))
    source.flush()
    source.read(log([{"type": "end_of_stream", "model_id": "m"}], first=len(times)))
    source.flush()
    on_time, whole = counted([(time, "1") for time in times])
    assert source.panes(on_time=True) == on_time
    assert source.panes(on_time=False) == whole


def test_a_changed_baseline_s_panes_are_told_at_their_end_too() -> None:
    """They are passed on as they are, and a provisional verdict must know of them."""
    source = Source(monitored())
    source.read(log([prediction("a", T0), prediction("b", T0 + 1)]))
    source.flush()
    source.model = Monitored(source.model.spec, None)
    source.crash()
    source.read(log([prediction("c", T0 + 2), prediction("d", T0 + PANE + DISORDER)], first=2))
    source.flush()
    told = [m for m in source.sent if isinstance(m, InputPane) and m.block == 0]
    assert sorted((m.fingerprint.partition("/")[0], m.rows, m.on_time) for m in told) == sorted(
        [(BASELINE.fingerprint, 2, True), ("", 1, True)]
    )
