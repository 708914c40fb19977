"""What labels said, by age: against a search for the label that was held at that age."""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.observe.outcomes import Classes, Label, OutcomeCounts, changes, with_label
from monitor.observe.partition import ObservePartition
from monitor.observe.state import ModelState
from tests.observe.stream import HOUR, MINUTE, T0, Rec, label, log, monitored, prediction

AGES = (10, 20, 40, 80)
NAMES = st.sampled_from(["yes", "no", "new"])


@st.composite
def chains(draw: st.DrawFn) -> list[Label]:
    """Labels in the order they were read: none known before its own time, nor before an earlier."""
    labels, mark = [], -100
    for offset in range(draw(st.integers(0, 7))):
        time = draw(st.integers(-20, 100))
        labels.append(Label(time, offset, draw(NAMES), max(time, mark)))
        mark = max(mark, time - 5)
    return labels


def held(labels: list[Label], predicted_at: int, age: int) -> str | None:
    """The label that was held at an age: of those known by then the latest, and of one time the
    one that was read last."""
    known = [x for x in labels if x.known_ms - predicted_at <= age]
    return max(known, key=lambda x: (x.timestamp, x.offset)).label if known else None


@given(chains(), st.integers(0, 30), st.randoms())
@example([Label(5, 0, "yes", 5), Label(5, 1, "no", 5)], 0, None)
@example([Label(5, 0, "yes", 70), Label(8, 1, "no", 8)], 0, None)
def test_the_sum_up_to_an_age_is_what_was_known_at_that_age(
    labels: list[Label], predicted_at: int, shuffled: Any
) -> None:
    arrived = list(labels)
    if shuffled:
        shuffled.shuffle(arrived)
    chain: tuple[Label, ...] = ()
    for one in arrived:
        chain = with_label(chain, one)
    made = list(changes(chain, predicted_at, AGES))
    for n, age in enumerate(AGES):
        known: Counter[str] = Counter()
        for bucket, name, sign in made:
            if bucket <= n:
                known[name] += sign
        expected = held(labels, predicted_at, age)
        assert {k: v for k, v in known.items() if v} == ({expected: 1} if expected else {})


@given(chains(), chains(), st.integers(0, 30))
def test_replacing_a_chain_leaves_no_trace_of_the_one_before(
    before: list[Label], after: list[Label], predicted_at: int
) -> None:
    classes = Classes(("no", "yes", "__other__"))
    direct, replaced = OutcomeCounts(len(AGES), 3), OutcomeCounts(len(AGES), 3)
    direct.replace((), tuple(sorted(after)), "yes", predicted_at, AGES, classes)
    replaced.replace((), tuple(sorted(before)), "yes", predicted_at, AGES, classes)
    replaced.replace(
        tuple(sorted(before)), tuple(sorted(after)), "yes", predicted_at, AGES, classes
    )
    assert replaced.counts.tolist() == direct.counts.tolist()


def test_classes_that_the_baseline_has_not_seen_share_the_last() -> None:
    classes = Classes(("no", "yes", "__other__"))
    assert [classes[name] for name in ("no", "yes", "new", "__other__")] == [0, 1, 2, 2]


# -- a whole partition --------------------------------------------------------------------------

MODEL = monitored()
HOURS = (1, 2, 4, 8)


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """A few predictions and labels of a morning, each topic in the order of its log."""
    events: list[tuple[str, dict[str, Any]]] = []
    for n in range(draw(st.integers(1, 5))):
        time = T0 + draw(st.integers(0, 3 * HOUR))
        name = draw(st.sampled_from(["yes", "no", "maybe"]))
        events.append(("predictions", prediction(f"p{n}", time, prediction=name)))
        for _ in range(draw(st.integers(0, 4))):
            due = time + draw(st.integers(-HOUR, 9 * HOUR))
            events.append(("labels", label(f"p{n}", due, draw(NAMES))))
    return draw(st.permutations(events))


@settings(max_examples=150, deadline=None)
@given(stories(), st.lists(st.booleans(), max_size=30))
def test_outcome_panes_hold_what_was_known_of_each_prediction(
    story: list[tuple[str, dict[str, Any]]], flushes: list[bool]
) -> None:
    """In whatever order predictions, labels, corrections and flushes come."""
    partition = ObservePartition([MODEL], 0, 1)
    offsets = {"predictions": 0, "labels": 0}
    for n, (topic, event) in enumerate(story):
        partition.apply(topic, log([event], first=offsets[topic]))
        offsets[topic] += 1
        if n < len(flushes) and flushes[n]:
            partition.drain(offsets, False, ())
    assert MODEL.baseline
    assert MODEL.baseline.outcomes
    index = MODEL.baseline.outcomes.index
    late = partition.accounting.counts["predictions", "late"]
    found: Counter[Any] = Counter()
    for (_, start), pane in partition.states["m"].outcomes.items():
        known = pane.counts.cumsum(axis=0)
        for age, hours in enumerate(HOURS):
            for row in range(3):
                for column in range(3):
                    found[start, hours, row, column] += int(known[age, row, column])
    counted = set(remembered(partition.states["m"]))
    assert len(counted) + late == sum(topic == "predictions" for topic, _ in story)
    assert +found == expected(story, counted, index)


def remembered(state: ModelState) -> Any:
    """All predictions that a partition remembers of a model."""
    return msgspec.to_builtins(dict(state.memory.predictions()))


def expected(story: list[tuple[str, dict[str, Any]]], counted: set[str], index: Any) -> Any:
    labels: dict[str, list[Label]] = {}
    mark = -(10**18)
    for offset, event in enumerate(e for topic, e in story if topic == "labels"):
        time, name = event["timestamp"], event["label"]
        mine = labels.setdefault(event["prediction_id"], [])
        if not any((x.timestamp, x.label) == (time, name) for x in mine):
            mine.append(Label(time, offset, name, max(time, mark)))
        mark = max(mark, time - 30_000)
    cells: Counter[Any] = Counter()
    for topic, event in story:
        if topic == "predictions" and event["prediction_id"] in counted:
            made = event["timestamp"]
            for hours in HOURS:
                name = held(labels.get(event["prediction_id"], []), made, hours * HOUR)
                if name:
                    start = made - made % HOUR
                    cells[start, hours, index(name), index(event["prediction"])] += 1
    return cells


@settings(max_examples=100, deadline=None)
@given(stories(), st.lists(st.booleans(), min_size=1, max_size=30))
def test_what_the_log_restores_is_the_memory_that_wrote_it(
    story: list[tuple[str, dict[str, Any]]], flushes: list[bool]
) -> None:
    partition = ObservePartition([MODEL], 0, 1)
    rows: dict[bytes, bytes] = {}
    written: list[bytes] = []
    for n, (topic, event) in enumerate(story):
        partition.apply(topic, log([event], first=n))
        if flushes[n % len(flushes)] or n == len(story) - 1:
            flush = partition.drain({}, False, ())
            written += flush.log
            for key, row in flush.rows.items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
    again = ObservePartition([MODEL], 0, 1)
    again.replay(list(enumerate(written)))
    again.restore(dict(rows))
    old, new = partition.states["m"], again.states["m"]
    assert remembered(new) == remembered(old)
    assert new.memory.waiting == old.memory.waiting
    assert again.accounting.to_rows() == partition.accounting.to_rows()
    assert again.marks.greatest == partition.marks.greatest
    assert {k: (p.predictions, p.counts.tolist()) for k, p in new.outcomes.items()} == {
        k: (p.predictions, p.counts.tolist()) for k, p in old.outcomes.items()
    }
    assert {k: (p.rows, p.counts.tolist()) for k, p in new.panes.items()} == {
        k: (p.rows, p.counts.tolist()) for k, p in old.panes.items()
    }
    # And it goes on alike.
    tail: list[Rec] = log([label("p0", T0 + 4 * HOUR, "no")], first=1000)
    for one in (partition, again):
        one.apply("labels", tail)
    assert again.accounting.to_rows() == partition.accounting.to_rows()


def test_a_label_that_is_dated_ahead_ages_no_other() -> None:
    """Only the broker's time says that the labels before it have all been sent."""
    now = T0 + HOUR
    partition = ObservePartition([MODEL], 0, 1)
    partition.apply("predictions", log([prediction(key, T0) for key in ("a", "b")], now))
    ahead, behind = label("a", now + 4 * MINUTE, "yes"), label("b", now, "no")
    partition.apply("labels", log([ahead, behind], now))
    known = {key: seen.chain[0].known_ms for key, seen in partition.states["m"].memory.seen.items()}
    assert known == {"a": now + 4 * MINUTE, "b": now}
    assert partition.marks.of("labels", "m") == now - 30_000
