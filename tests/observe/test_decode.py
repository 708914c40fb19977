"""Bad input: every class of it gets its reason, and none of it stops the worker."""

import base64
import hashlib
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.signatures import Keyring, sign
from monitor.events.types import DeadLetterData, EndOfStream
from monitor.observe.accounting import unbalanced
from monitor.observe.batch import event_ms
from monitor.observe.decode import Decoder
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.rejection import Rejected
from tests.observe.stream import HOUR, T0, baseline, label, log, monitored, prediction, public, spec

APPEND_MS = T0 + 1000 * HOUR
MODEL = monitored()
OK = prediction("p", T0)
LABEL = label("p", T0, "yes")
REVIEW = {
    "review_id": "r",
    "prediction_id": "p",
    "model_id": "m",
    "reviewer_id": "ann",
    "final_decision": "yes",
    "timestamp": T0,
}
ADA = bytes(range(32))
KEYRING = Keyring([("ada", public(ADA))])
APPROVAL = {
    "approval_id": "a", "command_id": "c", "model_id": "m", "decision": "approve",
    "approver": "ada", "timestamp": APPEND_MS,
}  # fmt: skip
EVENTS: dict[str, dict[str, Any]] = {"predictions": OK, "labels": LABEL, "reviews": REVIEW}


def nested(depth: int, box: str = "[]") -> str:
    inner = '"x":' if box == "{}" else ""
    return (box[0] + inner) * (depth - 1) + box + box[1] * (depth - 1)


def written(event: dict[str, Any], **raw: str) -> bytes:
    """An event as JSON, with some values written as they stand: Python would not write them."""
    text = json.dumps(event | {name: f"<{name}>" for name in raw})
    for name, value in raw.items():
        text = text.replace(f'"<{name}>"', value)
    return text.encode()


def features(**values: Any) -> dict[str, Any]:
    return OK | {"features": values}


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def outcome(value: Any, topic: str = "predictions") -> tuple[str, str, str]:
    """What became of one event: the outcome counted, the reason, and the detail told."""
    partition = ObservePartition([MODEL], source=0, panes_partitions=1)
    records = log([value], APPEND_MS) if value is not None else log([b""], APPEND_MS)
    if value is None:
        records = [type(records[0])(0, APPEND_MS, None)]
    partition.apply(topic, records)
    outputs = partition.drain({}, False, ()).outputs
    letters = [msgspec.json.decode(out.value)["data"] for out in outputs if out.topic != "panes"]
    rows = partition.accounting.to_rows()
    (became,) = [name for name, n in rows[topic].items() if n and name != "read"]
    reasons = rows.get(f"{topic}!reasons", {})
    assert unbalanced(partition.accounting) == {}
    assert [letter["reason"] for letter in letters] == list(reasons)
    if not letters:
        return became, "", ""
    return became, letters[0]["reason"], letters[0]["detail"]


MALFORMED: dict[str, Any] = {
    "a tombstone": None,
    "nothing": b"",
    "half an object": b'{"prediction_id":',
    "two objects": written(OK) * 2,
    "a byte order mark": b"\xef\xbb\xbf" + written(OK),
    "null": b"null",
    "a list": b"[1, 2]",
    "a number": b"3",
    "a text": b'"prediction"',
    "bad UTF-8 in a value": written(OK, prediction='"<>"').replace(b"<>", b"\xff"),
    "bad UTF-8 in a feature": written(OK).replace(b"red", b"\xed\xa0\x80"),
    "bad UTF-8 in an unknown field": written(OK, note='"<>"').replace(b"<>", b"\xc3("),
    "bad UTF-8 in the name of a feature": written(OK).replace(b"color", b"c\xf0\x9f"),
    "half of a surrogate pair": written(OK, prediction='"\\ud800"'),
    "NaN in a feature": written(OK).replace(b"100.0", b"NaN"),
    "NaN in an unknown field": written(OK, note="NaN"),
    "Infinity as score": written(OK, score="Infinity"),
    "-Infinity in an unknown field": written(OK, note="-Infinity"),
    "a float beyond float64": written(OK).replace(b"100.0", b"1e999"),
    "an integer beyond float64, as a feature": features(amount=10**400),
    "the same beside a wrong type": features(amount=10**400, color=[]),
    "an integer of 6,000 digits, as a feature": written(OK).replace(b"100.0", b"7" * 6000),
    "an integer of 6,000 digits, as a category": written(OK).replace(b'"red"', b"7" * 6000),
    "an integer beyond int64, as the prediction": OK | {"prediction": 2**63},
    "an integer beyond float64, as the score": OK | {"score": 10**400},
    "10,000 lists in a known feature": written(OK).replace(b"100.0", nested(10_000).encode()),
    "10,000 lists in a category": written(OK).replace(b'"red"', nested(10_000).encode()),
    "10,000 lists in an unknown field": written(OK, note=nested(10_000)),
    "10,000 objects in an unknown field": written(OK, note=nested(10_000, "{}")),
    "10,000 lists as the prediction": written(OK, prediction=nested(10_000)),
    "10,000 lists as the model": written(OK, model_id=nested(10_000)),
    "10,000 lists alone": nested(10_000).encode(),
    "10,000 open objects": b'{"x":' * 10_000,
    "a depth of 17 in a known feature": written(OK).replace(b"100.0", nested(15).encode()),
    "a depth of 17 in an unknown field": written(OK, note=nested(16)),
    "a depth of 17 of objects": written(OK, note=nested(16, "{}")),
    "a depth of 17 in the model": written(OK, model_id=nested(16)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_sound_json_object_is_malformed(name: str) -> None:
    became, reason, detail = outcome(MALFORMED[name])
    assert (became, reason) == ("dead", "malformed")
    assert 0 < len(detail) < 500


@pytest.mark.parametrize("topic", ["labels", "reviews"])
@pytest.mark.parametrize(
    "note",
    ["NaN", "-Infinity", nested(16), nested(10_000), nested(10_000, "{}"), '"\\udc00"', "", "x"],
    ids=["NaN", "-Infinity", "deep", "10,000 lists", "10,000 objects", "half", "nothing", "a word"],
)
def test_labels_and_reviews_are_read_as_carefully(note: str, topic: str) -> None:
    assert outcome(written(EVENTS[topic], note=note), topic)[:2] == ("dead", "malformed")
    good = written(EVENTS[topic], note='"<>"')
    assert outcome(good.replace(b"<>", b"\xff"), topic)[:2] == ("dead", "malformed")


@pytest.mark.parametrize(
    "value",
    [
        written(OK, note=nested(15)),
        written(OK, note=nested(15, "{}")),
        OK | {"note": "[" * 500 + "{" * 500},
        OK | {"note": "ünïcödé 東京 😀"},
        features(amount=10**30),
        features(amount=1e308),
        OK | {"prediction": 2**63 - 1},
        OK | {"prediction": -(2**63)},
    ],
    ids=["15 lists", "15 objects", "brackets in text", "unicode", "10^30", "1e308", "max", "min"],
)
def test_what_only_looks_malformed_is_counted(value: Any) -> None:
    assert outcome(value) == ("counted", "", "")


#: What, the reason, and what the detail must tell.
REFUSED: dict[str, tuple[Any, str, str]] = {
    "more than 256 KiB": (OK | {"note": "x" * 262_144}, "limit_size", "limit 262144"),
    "501 features": (features(**{f"f{n}": n for n in range(501)}), "limit_features", "501"),
    "501 features with ours": (
        features(amount=1, color="red", **{f"f{n}": n for n in range(499)}),
        "limit_features",
        "limit 500",
    ),
    "501 features, one mistyped": (
        features(amount="x", **{f"f{n}": n for n in range(500)}),
        "limit_features",
        "501",
    ),
    "an id of 129 characters": (OK | {"prediction_id": "x" * 129}, "limit_id", "$.prediction_id"),
    "an id of none": (OK | {"prediction_id": ""}, "limit_id", "$.prediction_id"),
    "an id with a space": (OK | {"prediction_id": "a b"}, "limit_id", "$.prediction_id"),
    "an id with a line feed": (OK | {"prediction_id": "a\n"}, "limit_id", "$.prediction_id"),
    "an id in Cyrillic": (OK | {"prediction_id": "\u0430"}, "limit_id", "$.prediction_id"),
    "a version with a space": (OK | {"model_version": "1 0"}, "limit_id", "$.model_version"),
    "a class of 129 characters": (OK | {"prediction": "x" * 129}, "limit_class", "$.prediction"),
    "major version 2": (OK | {"schema_version": "2.0"}, "schema_version", "$.schema_version"),
    "major version 10": (OK | {"schema_version": "10.0"}, "schema_version", "$.schema_version"),
    "a version that is none": (OK | {"schema_version": "1.x"}, "schema_version", "$.schema_v"),
    "a version that is a number": (OK | {"schema_version": 1}, "schema_version", "$.schema_v"),
    "no model": (without(OK, "model_id"), "schema_missing", "$.model_id"),
    "no id": (without(OK, "prediction_id"), "schema_missing", "prediction_id"),
    "no version": (without(OK, "model_version"), "schema_missing", "model_version"),
    "no time": (without(OK, "timestamp"), "schema_missing", "timestamp"),
    "no features": (without(OK, "features"), "schema_missing", "features"),
    "no prediction": (without(OK, "prediction"), "schema_missing", "prediction"),
    "no prediction, a mistyped feature": (
        without(features(amount="x"), "prediction"),
        "schema_missing",
        "prediction",
    ),
    "an id that is a number": (OK | {"prediction_id": 7}, "schema_type", "$.prediction_id"),
    "an id that is null": (OK | {"prediction_id": None}, "schema_type", "$.prediction_id"),
    "a model that is a number": (OK | {"model_id": 7}, "schema_type", "$.model_id"),
    "features that are a list": (OK | {"features": [1]}, "schema_type", "$.features"),
    "features that are null": (OK | {"features": None}, "schema_type", "$.features"),
    "a prediction that is null": (OK | {"prediction": None}, "schema_type", "$.prediction"),
    "a prediction that is a list": (OK | {"prediction": ["a"]}, "schema_type", "$.prediction"),
    "a score that is text": (OK | {"score": "0.5"}, "schema_type", "$.score"),
    "a score that is text, a mistyped feature": (
        features(amount="x") | {"score": "0.5"},
        "schema_type",
        "$.score",
    ),
    "a time without an offset": (
        OK | {"timestamp": "2013-06-01T00:00:00"},
        "schema_type",
        "$.timestamp",
    ),
    "a time that is no date": (OK | {"timestamp": "yesterday"}, "schema_type", "$.timestamp"),
    "a time that is a float": (OK | {"timestamp": T0 + 0.5}, "schema_type", "$.timestamp"),
    "a time that is null": (OK | {"timestamp": None}, "schema_type", "$.timestamp"),
    "seconds for milliseconds": (OK | {"timestamp": T0 // 1000}, "schema_range", "milliseconds"),
    "an unknown model": (OK | {"model_id": "other"}, "unknown_model", "'other'"),
    "a model of no name": (OK | {"model_id": ""}, "unknown_model", "''"),
    "the model that stands for none": (OK | {"model_id": "?"}, "unknown_model", "'?'"),
    "a model with a very long name": (OK | {"model_id": "x" * 200_000}, "unknown_model", "xxx"),
    "the end of an unknown model": (
        {"type": "end_of_stream", "model_id": "other"},
        "unknown_model",
        "'other'",
    ),
    "the end of nothing": ({"type": "end_of_stream"}, "schema_missing", "model_id"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_tells_its_reason_and_the_place(name: str) -> None:
    value, expected, told = REFUSED[name]
    became, reason, detail = outcome(value)
    assert (became, reason) == ("dead", expected)
    assert told in detail
    assert len(detail) < 500


@pytest.mark.parametrize(
    ("topic", "changes", "expected", "told"),
    [
        ("labels", {"label": {}}, "schema_type", "$.label"),
        ("labels", {"label": None}, "schema_type", "$.label"),
        ("labels", {"label": 2**64}, "malformed", "$.label"),
        ("labels", {"label": "x" * 129}, "limit_class", "$.label"),
        ("labels", {"model_id": "other"}, "unknown_model", "'other'"),
        ("labels", {"model_id": 5}, "schema_type", "$.model_id"),
        ("labels", {"prediction_id": "x" * 129}, "limit_id", "$.prediction_id"),
        ("labels", {"timestamp": "2013-06-01T00:00:00"}, "schema_type", "$.timestamp"),
        ("labels", {"timestamp": T0 // 1000}, "schema_range", "milliseconds"),
        ("labels", {"schema_version": "2"}, "schema_version", "$.schema_version"),
        ("reviews", {"reviewer_id": ""}, "limit_id", "$.reviewer_id"),
        ("reviews", {"final_decision": None}, "schema_type", "$.final_decision"),
        ("reviews", {"final_decision": 2**64}, "malformed", "$.final_decision"),
        ("reviews", {"model_id": "other"}, "unknown_model", "'other'"),
        ("reviews", {"timestamp": T0 // 1000}, "schema_range", "milliseconds"),
    ],
)
def test_labels_and_reviews_have_their_reasons(
    topic: str, changes: dict[str, Any], expected: str, told: str
) -> None:
    became, reason, detail = outcome(EVENTS[topic] | changes, topic)
    assert (became, reason) == ("dead", expected)
    assert told in detail


@pytest.mark.parametrize("topic", EVENTS)
@pytest.mark.parametrize(
    "timestamp",
    [APPEND_MS + 300_001, 2**62, 2**63, 2**64, 10**300, -1, -(10**300),
     "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_times_that_cannot_be_are_quarantined(topic: str, timestamp: Any) -> None:
    became, reason, _ = outcome(EVENTS[topic] | {"timestamp": timestamp}, topic)
    assert (became, reason) == ("quarantined", "future_timestamp")


def test_an_event_may_be_five_minutes_ahead() -> None:
    assert outcome(OK | {"timestamp": APPEND_MS + 300_000})[0] == "counted"


def test_a_time_from_the_future_moves_no_watermark() -> None:
    partition = ObservePartition([MODEL], 0, 1)
    partition.apply("predictions", log([OK, OK | {"timestamp": 2**63}], APPEND_MS))
    assert partition.marks.greatest == {("predictions", "m"): T0}


@pytest.mark.parametrize(
    ("timestamp", "ms"),
    [
        (T0, T0),
        ("2013-06-01T02:30:00+02:30", 1_370_044_800_000),
        ("2013-06-01T00:00:00Z", 1_370_044_800_000),
        ("2013-06-01t00:00:00.123456789z", 1_370_044_800_123),
        ("1972-01-01T00:00:00Z", 63_072_000_000),
    ],
)
def test_times_are_rfc_3339_or_milliseconds(timestamp: Any, ms: int) -> None:
    (row,) = Decoder([MODEL]).predictions(log([OK | {"timestamp": timestamp}]))
    assert event_ms(row.timestamp) == ms


@given(st.datetimes(datetime(1973, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_event_time_is_exact_to_the_millisecond(naive: datetime) -> None:
    """No float in between: integer milliseconds, rounded down."""
    when = naive.replace(tzinfo=UTC)
    days = when.date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).date().toordinal()
    seconds = (days * 24 + when.hour) * 3600 + when.minute * 60 + when.second
    assert event_ms(when) == seconds * 1000 + when.microsecond // 1000


MISTYPED = ["oops", "", "1.5", True, [1.0], {"a": 1}, []]


@pytest.mark.parametrize("value", MISTYPED)
def test_a_number_of_a_wrong_type_is_counted_as_that(value: Any) -> None:
    """The event counts; the one feature is a type error, and not also a null."""
    assert slot("amount", value) == "TYPE_ERROR"


@pytest.mark.parametrize("value", [[1], {"a": 1}, []])
def test_a_category_of_a_wrong_type_is_counted_as_that(value: Any) -> None:
    assert slot("color", value) == "TYPE_ERROR"


@pytest.mark.parametrize("name", ["amount", "color"])
def test_null_and_missing_features_are_nulls(name: str) -> None:
    assert slot(name, None) == "NULL"
    assert slot(name, ...) == "NULL"


@pytest.mark.parametrize("value", ["mauve", 7, 2.5, True, 10**400])
def test_a_category_never_seen_is_unseen(value: Any) -> None:
    assert slot("color", value) == "UNSEEN"


def slot(name: str, value: Any) -> str:
    """The special slot of a feature that an event with this value is counted in."""
    given_ = {"amount": 100.0, "color": "red"} | {name: value}
    event = features(**{k: v for k, v in given_.items() if v is not ...})
    partition = ObservePartition([MODEL], 0, 1)
    partition.apply("predictions", log([event], APPEND_MS))
    partition.drain({}, False, ())
    assert partition.accounting.counts["predictions", "counted"] == 1
    (pane,) = partition.states["m"].panes.values()
    assert MODEL.baseline is not None
    layout = MODEL.baseline.layout
    grid, counts = layout.grid(f"feature/{name}"), pane.counts[layout.slice(f"feature/{name}")]
    assert counts.sum() == 1
    special = {
        getattr(grid, kind): kind
        for kind in ("NULL", "TYPE_ERROR", "NONFINITE", "UNSEEN", "OTHER")
        if hasattr(grid, kind)
    }
    return special.get(int(counts.argmax()) - grid.width, "a bin")


def test_unknown_fields_and_features_are_accepted() -> None:
    event = OK | {"trace": {"id": [1, {"a": None}]}, "latency_ms": 3.5}
    event["features"] = event["features"] | {"new": [1], "newer": {"a": 1}}
    assert outcome(event) == ("counted", "", "")


def test_an_end_of_stream_is_no_event() -> None:
    end = {"type": "end_of_stream", "model_id": "m"}
    for topic in EVENTS:
        partition = ObservePartition([MODEL], 0, 1)
        partition.apply(topic, log([end]))
        assert partition.accounting.counts[topic, "read"] == 0
        assert (topic, "m") in partition.marks.greatest
        rows: list[Any] = getattr(partition.decoder, topic)(log([end]))
        assert rows == [EndOfStream(model_id="m")]


def test_a_dead_letter_shows_where_the_event_stood_and_what_it_was() -> None:
    value = b"\xff" * 3000
    partition = ObservePartition([MODEL], source=7, panes_partitions=1)
    partition.apply("labels", log([LABEL, value], 1_370_044_800_000, first=40))
    (out,) = [o for o in partition.drain({}, False, ()).outputs if o.topic == "dead-letters"]
    letter = msgspec.convert(msgspec.json.decode(out.value)["data"], DeadLetterData)
    assert (letter.topic, letter.partition, letter.offset) == ("labels", 7, 41)
    assert (letter.size, letter.sha256) == (3000, hashlib.sha256(value).hexdigest())
    assert base64.b64decode(letter.head) == b"\xff" * 1024
    assert letter.append_time == "2013-06-01T00:00:00Z"


@pytest.mark.parametrize("models", [1, 2, 40])
@pytest.mark.parametrize("alike", [True, False])
def test_however_many_models_are_registered_each_gets_its_own(models: int, alike: bool) -> None:
    """Whether all have the same features, and one Struct decodes them, or the last has others."""
    names = [f"model-{n}" for n in range(models)]
    monitoreds = [Monitored(spec(name), baseline()) for name in names]
    if not alike:
        monitoreds[-1] = Monitored(spec(names[-1]), None)
    partition = ObservePartition(monitoreds, 0, 1)
    events = [OK | {"model_id": name, "prediction_id": name} for name in names]
    strange = [OK | {"model_id": "other"}, without(OK, "model_id"), {}, OK | {"model_id": "?"}]
    partition.apply("predictions", log([*events, *strange]))
    assert partition.accounting.reasons == {
        ("predictions", "unknown_model"): 2, ("predictions", "schema_missing"): 2,
    }  # fmt: skip
    partition.piles.bin()
    for name, state in partition.states.items():
        assert [pane.rows for pane in state.panes.values()] == [1], name
        assert [key for key, _ in state.memory.predictions()] == [name]


def test_without_a_model_every_event_is_of_an_unknown_one() -> None:
    partition = ObservePartition([], 0, 1)
    partition.apply("predictions", log([OK, without(OK, "model_id"), b"{"], APPEND_MS))
    assert partition.accounting.to_rows()["predictions!reasons"] == {
        "malformed": 1,
        "unknown_model": 2,
    }


# -- whatever the bytes -------------------------------------------------------------------------

SCRAPS = st.one_of(
    st.none(),
    st.binary(max_size=80),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=8),
                  st.integers(-(2**70), 2**70), st.sampled_from([10**400, "", "\x00", "a\n"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip


def mutated(event: dict[str, Any], rng: random.Random) -> bytes:
    """A valid event with one thing done to it."""
    scraps: list[str] = [
        "null", "[]", "{}", "-1", "1e400", '""', '"\\u0000"', "true", str(10**30), '"x"', "[[[]]]",
        '{"a":{"b":[1]}}', "NaN", "1" * 5000, '"\\ud800"', str(T0), '"2013-06-01T00:00:00Z"',
    ]  # fmt: skip
    kind = rng.randrange(5)
    if kind == 0:
        return written(event, **{rng.choice([*event, "extra"]): rng.choice(scraps)})
    value = bytearray(written(event))
    at = rng.randrange(len(value))
    if kind == 1:
        value[at] = rng.randrange(256)
    elif kind == 2:
        del value[at : at + rng.randrange(1, 20)]
    elif kind == 3:
        value[at:at] = rng.choice([b"{", b"[", b'"', b",", b"\\", b"\xf0\x9f", b"0", b":" * 600])
    else:
        text = rng.choice([b'"red"', b"100.0", b'"m"', b'"1"'])
        return bytes(value).replace(text, rng.choice(scraps).encode())
    return bytes(value)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*EVENTS, "approvals"]), st.lists(SCRAPS, min_size=1, max_size=12))
def test_no_bytes_stop_the_worker_and_all_are_accounted_for(
    topic: str, values: list[bytes | None]
) -> None:
    survives(topic, values)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(EVENTS)), st.integers(0, 2**32))
def test_no_damaged_event_stops_the_worker(topic: str, seed: int) -> None:
    rng = random.Random(seed)
    survives(topic, [mutated(EVENTS[topic], rng) for _ in range(20)])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_damaged_approval_stops_the_worker_though_an_approver_signs_it(seed: int) -> None:
    rng = random.Random(seed)
    values: list[bytes | None] = []
    for _ in range(20):
        value = mutated(APPROVAL, rng)
        try:
            values.append(json.dumps(sign(json.loads(value), ADA)).encode())
        except (ValueError, TypeError, AttributeError, RecursionError):
            values.append(value)
    survives("approvals", values)


def survives(topic: str, values: list[bytes | None]) -> None:
    partition = ObservePartition([MODEL], 0, 1, decoder=Decoder([MODEL], KEYRING))
    records = [type(r)(r.offset, r.timestamp, v) for r, v in
               zip(log([b""] * len(values), APPEND_MS), values, strict=True)]  # fmt: skip
    partition.apply(topic, records)
    flush = partition.drain({topic: records[-1].offset}, True, ())
    assert unbalanced(partition.accounting) == {}
    ends = sum(isinstance(row, EndOfStream) for row in decoded(partition.decoder, topic)(records))
    assert partition.accounting.counts[topic, "read"] == len(values) - ends
    for out in flush.outputs:
        assert len(out.value) < 20_000
        if out.topic in ("dead-letters", "late"):
            letter = msgspec.convert(msgspec.json.decode(out.value)["data"], DeadLetterData)
            assert letter.head == base64.b64encode((values[letter.offset] or b"")[:1024]).decode()
    again = ObservePartition([MODEL], 0, 1)
    again.replay(list(enumerate(flush.log)))
    again.restore({k: v for k, v in flush.rows.items() if v is not None})
    assert again.accounting.to_rows() == partition.accounting.to_rows()


def decoded(decoder: Decoder, topic: str) -> Callable[..., list[Any]]:
    rows: Callable[..., list[Any]] = getattr(decoder, topic)
    return rows


def test_every_row_is_a_row_or_a_reason() -> None:
    """A chunk is answered record by record, in order, whatever stands next to what."""
    values: list[Any] = [OK, b"{", OK | {"timestamp": -1}, features(amount="x"), OK]
    rows = Decoder([MODEL]).predictions(log(values))
    assert [type(row).__name__ for row in rows] == [
        "PredictionRow", "Rejected", "Rejected", "tuple", "PredictionRow",
    ]  # fmt: skip
    assert isinstance(rows[1], Rejected)
