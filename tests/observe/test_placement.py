"""Where keys put records, beside aiokafka's partitioner, and what is said of those elsewhere."""

import json
from typing import Any

from aiokafka.partitioner import murmur2 as oracle
from hypothesis import given
from hypothesis import strategies as st

from monitor.observe.partition import ObservePartition
from monitor.observe.placement import Placement, murmur2, partition_of
from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.panes.messages import Loss, decode
from tests.observe.stream import HOUR, MINUTE, T0, Rec, columnar, label, monitored, prediction

APPEND_MS = T0 + 1000 * HOUR
MODELS = [monitored(), monitored(model_id="n", labels=None, performance=None)]
#: One of 4 partitions for each.
HERE, ELSEWHERE = b"p-0", b"p-1"
SOURCE = (oracle(HERE) & 0x7FFFFFFF) % 4
KEYS = st.binary(max_size=12) | st.binary(min_size=100, max_size=300) | st.text().map(str.encode)


@given(st.lists(KEYS, min_size=1, max_size=40), st.integers(1, 1000))
def test_many_keys_at_once_go_where_each_goes(keys: list[bytes], partitions: int) -> None:
    wanted = [(oracle(key) & 0x7FFFFFFF) % partitions for key in keys]
    assert [partition_of(key, partitions) for key in keys] == wanted
    assert [murmur2(key) for key in keys] == [oracle(key) & 0xFFFFFFFF for key in keys]
    records = [Rec(7 + n, 0, b"", key) for n, key in enumerate(keys)]
    for source in {0, partitions - 1, wanted[0]}:
        astray = {7 + n for n, place in enumerate(wanted) if place != source}
        assert Placement(source, partitions).astray(records) == astray


def test_one_partition_has_no_wrong_one() -> None:
    found = Placement(0, 1)
    found.verify([Rec(0, 0, b"", None), Rec(1, 0, b"", b"a")])
    assert found.clean(joins=True)


class Source:
    """One of four source partitions, and what it says when it is flushed."""

    def __init__(self) -> None:
        self.partition = ObservePartition(MODELS, SOURCE, 4)
        self.offset = 0

    def send(self, topic: str, *events: tuple[bytes | None, dict[str, Any]]) -> None:
        records = [
            Rec(self.offset + n, APPEND_MS, json.dumps(event).encode(), key)
            for n, (key, event) in enumerate(events)
        ]
        self.offset += len(records)
        self.partition.apply(topic, records)

    def told(self) -> tuple[dict[tuple[str, str], int], list[Loss]]:
        """Misplaced records of the partition's row, and what evaluate is told."""
        flush = self.partition.drain({}, True, ())
        row = partition_row(flush.rows[PARTITION_KEY] or b"")
        messages = [decode(out.value) for out in flush.outputs if out.topic == "panes"]
        return {(t, m): n for t, m, n in row.misplaced}, [m for m in messages if type(m) is Loss]


def test_what_lies_elsewhere_is_counted_where_the_watermark_of_its_topic_stood() -> None:
    source = Source()
    source.send(
        "predictions",
        (HERE, prediction("a", T0)),
        (ELSEWHERE, prediction("b", T0 + HOUR)),
        (HERE, prediction("c", T0 + 3 * HOUR)),
    )
    source.send("labels", (HERE, label("a", T0, "yes")), (ELSEWHERE, label("b", T0, "yes")))
    counts, losses = source.told()
    assert counts == {("predictions", "m"): 1, ("labels", "m"): 1}
    before = T0 - HOUR  # the disorder bound behind the first event of each topic
    assert sorted((loss.topic, loss.start_ms, loss.misplaced) for loss in losses) == [
        ("labels", before, 1),
        ("predictions", before, 1),
    ]
    assert all(loss.late == loss.dead == loss.quarantined == 0 for loss in losses)
    assert source.partition.accounting.counts["predictions", "counted"] == 3, "counted all the same"


def test_without_a_key_only_what_is_joined_is_misplaced() -> None:
    source = Source()
    for model in ("m", "n"):
        source.send("predictions", (None, prediction(f"{model}1", T0, model_id=model)))
        source.send("predictions", (None, prediction(f"{model}2", T0 + 1, model_id=model)))
    counts, losses = source.told()
    assert counts == {("predictions", "m"): 2}
    assert [(loss.model_id, loss.misplaced) for loss in losses] == [("m", 1)], (
        "of the first of all no window was being filled yet"
    )


def test_a_model_without_labels_loses_nothing_by_it() -> None:
    source = Source()
    events = [prediction(f"p{n}", T0 + n * MINUTE, model_id="n") for n in range(3)]
    source.send("predictions", *((ELSEWHERE, event) for event in events))
    assert source.told() == ({("predictions", "n"): 3}, [])


def test_a_columnar_record_is_one_record_and_many_events() -> None:
    source = Source()
    events = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(3)]
    source.send("predictions", (HERE, prediction("first", T0)))
    source.send("predictions", (ELSEWHERE, columnar(events, batch="b")))
    counts, losses = source.told()
    assert counts == {("predictions", "m"): 1}
    assert [loss.misplaced for loss in losses] == [3]


def test_what_was_misplaced_is_known_after_a_crash_and_goes_on() -> None:
    source = Source()
    source.send("labels", (HERE, label("a", T0, "yes")), (ELSEWHERE, label("b", T0, "yes")))
    rows = {k: row for k, row in source.partition.drain({}, False, ()).rows.items() if row}
    again = Source()
    again.offset = source.offset
    again.partition.restore(rows)
    again.send("labels", (ELSEWHERE, label("c", T0, "yes")))
    counts, losses = again.told()
    assert counts == {("labels", "m"): 2}
    assert [loss.misplaced for loss in losses] == [2]
    again.send("labels", (HERE, label("d", T0 + 5 * HOUR, "yes")))
    flush = again.partition.drain({}, True, ())
    assert [key for key, row in flush.rows.items() if b"loss" in key and row is None], (
        "the pane is passed: nothing more comes to it"
    )
