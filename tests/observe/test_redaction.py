"""What is declared personal is in no dead letter, however broken the event that carries it."""

import base64
import json
import random
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.joinlog import unpack_change
from monitor.observe.memory import Memory
from monitor.observe.model import Monitored
from monitor.observe.outcomes import Label
from monitor.observe.partition import ObservePartition
from monitor.observe.redaction import REDACTED, Redaction
from monitor.observe.rejection import Trace, trace
from tests.observe.stream import HOUR, T0, Rec, baseline, label, log, monitored, prediction, spec

APPEND_MS = T0 + 1000 * HOUR
SECRET = "zqxjk-7351"
MODELS = (
    Monitored(spec("m", personal=("color", "name")), baseline()),
    Monitored(spec("n", baselines=()), None),
)
REDACTION = Redaction(MODELS)
PERSONAL = {"amount": 100.0, "color": SECRET, "name": SECRET}


def shown(event: Any, redaction: Redaction = REDACTION) -> Any:
    """The head as JSON, None where nothing is shown."""
    head = redaction.head(event if isinstance(event, bytes) else json.dumps(event).encode())
    assert head.redacted
    return json.loads(head.shown) if head.shown else None


def test_nobody_declares_anything_personal_and_all_is_shown() -> None:
    value = b'{"features": {"color": "' + SECRET.encode() * 300
    assert Redaction([monitored()]).head(value) == (value[:1024], False)


def test_what_is_not_personal_is_shown() -> None:
    event = prediction("p", T0, features=PERSONAL)
    assert shown(event) == event | {
        "features": {"amount": 100.0, "color": REDACTED, "name": REDACTED}
    }


def test_a_model_shows_nothing_that_another_calls_personal() -> None:
    """Which model an event is of is no more than what the event says."""
    event = prediction("p", T0, features=PERSONAL)
    for model_id in ("n", "unknown", None, 7, {"color": SECRET}):
        found = shown(event | {"model_id": model_id})
        assert found["features"] == {"color": REDACTED, "name": REDACTED}


@pytest.mark.parametrize(
    ("event", "left"),
    [
        ({"features": {"colour": SECRET}}, {"features": {}}),
        ({"features": {"amount": {"color": SECRET}}}, {"features": {"amount": REDACTED}}),
        ({"features": {"amount": [SECRET]}}, {"features": {"amount": REDACTED}}),
        ({"batch_id": "b", "prediction_ids": [SECRET]}, {"batch_id": "b"}),
        ({"features": {"amount": SECRET}}, {"features": {"amount": REDACTED}}),
        ({"features": [SECRET]}, {}),
        ({"features": SECRET}, {}),
        ({"prediction": json.dumps(PERSONAL) * 9}, {"prediction": REDACTED}),
        ({"prediction": PERSONAL}, {"prediction": REDACTED}),
        ({"segment": {"color": SECRET}}, {}),
        ({"error": f"no {SECRET}"}, {}),
        ({"note": SECRET}, {}),
        ({"payload": {"features": PERSONAL}}, {}),
    ],
)
def test_what_is_unknown_or_nested_is_not_shown(
    event: dict[str, Any], left: dict[str, Any]
) -> None:
    assert shown({"model_id": "m"} | event) == {"model_id": "m"} | left


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"model_id": "m", "features": PERSONAL}).encode()[:-1],
        json.dumps(json.dumps(PERSONAL)).encode(),
        json.dumps([PERSONAL]).encode(),
        b"\xff" + SECRET.encode(),
        json.dumps({"features": {"amount": 1}, "note": SECRET * 30_000}).encode(),
        b'{"a":' * 5000 + b'"' + SECRET.encode() + b'"' + b"}" * 5000,
        b"",
    ],
    ids=["cut", "encoded twice", "a list", "no UTF-8", "beyond 256 KiB", "too deep", "nothing"],
)
def test_what_is_no_json_object_is_withheld(value: bytes) -> None:
    assert REDACTION.head(value) == (b"", True)


def test_of_a_name_that_is_there_twice_neither_value_is_shown() -> None:
    event = (
        f'{{"model_id":"m","features":{{"color":"{SECRET}","color":"{SECRET}2"}},"features":{{}}}}'
    )
    assert shown(event.encode()) == {"model_id": "m", "features": {}}


GARBAGE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(SECRET), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["color", "amount", "name", "a"]), inner, max_size=3),
        inner.map(json.dumps),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["predictions", "labels", "reviews"]),
    st.dictionaries(st.sampled_from(["features", "note", "segment", "error"]), GARBAGE, min_size=1),
    st.sampled_from(["m", "n", "other", None, 5]),
    st.integers(0, 2**32),
)
def test_whatever_is_wrong_with_an_event_the_secret_is_in_no_letter_and_no_state(
    topic: str, wrong: dict[str, Any], model_id: Any, seed: int
) -> None:
    """The values of features, and all that isn't in the schema, wherever the damage is."""
    rng = random.Random(seed)
    event = prediction("p", -1, features=PERSONAL) | {"model_id": model_id} | wrong
    value = bytearray(json.dumps(event).encode())
    if rng.random() < 0.5:
        at = rng.randrange(len(value))
        value[at : at + rng.randrange(3)] = rng.choice([b"", b"{", b'"', b"\xff", b",", b":"])
    partition = ObservePartition(MODELS, 0, 1)
    partition.apply(topic, log([bytes(value)], APPEND_MS))
    flush = partition.drain({}, False, ())
    letters = [json.loads(out.value) for out in flush.outputs if out.topic == "dead-letters"]
    assert letters
    for letter in letters:
        head = base64.b64decode(letter["data"].pop("head")).decode()
        assert SECRET not in head
        assert SECRET not in json.dumps(letter)
        assert letter["data"]["redacted"] is True


@pytest.mark.parametrize("model_id", ["m", "other"])
def test_of_columns_no_letter_shows_a_value(model_id: str) -> None:
    columns = {
        "batch_id": "b", "model_id": model_id, "model_version": "1", "predictions": ["no"] * 2,
        "timestamps": [T0, APPEND_MS + HOUR], "features": {n: [SECRET] * 2 for n in PERSONAL},
    }  # fmt: skip
    partition = ObservePartition(MODELS, 0, 1)
    partition.apply("predictions", log([columns], APPEND_MS))
    (out,) = (o for o in partition.drain({}, False, ()).outputs if o.topic == "dead-letters")
    data = json.loads(out.value)["data"]
    assert data["redacted"] is True
    assert SECRET.encode() not in base64.b64decode(data["head"])
    assert SECRET not in out.value.decode()
    assert data.get("index") == (1 if model_id == "m" else None)


def test_a_label_that_waits_is_redacted_in_the_log_already() -> None:
    partition = ObservePartition(MODELS, 0, 1)
    partition.apply("labels", log([label("p", T0, "yes", features=PERSONAL)]))
    changes = map(unpack_change, partition.drain({}, False, ()).log)
    (kept,) = (kept for change in changes for kept in change.traces)
    assert SECRET.encode() not in kept.head
    assert json.loads(kept.head)["features"]["color"] == REDACTED


@pytest.mark.parametrize("size", [10, 2000])
def test_a_label_that_waited_before_something_was_personal_is_redacted_now(size: int) -> None:
    event = label("p", T0, "yes", features=PERSONAL) | {"note": "x" * size}
    record = Rec(0, T0, json.dumps(event).encode())
    before = trace(record, Redaction([monitored()]))
    assert SECRET.encode() in before.head
    now = trace(before, REDACTION)
    assert now.redacted
    assert SECRET.encode() not in now.head
    assert (now.size, now.sha256) == (before.size, before.sha256)
    assert trace(now, REDACTION) == now
    assert trace(now, Redaction([monitored()])).redacted


def test_traces_of_the_log_from_before_redaction_are_read() -> None:
    memory = Memory("m")
    memory.label("p", Label(5, 1, "yes", 5), Trace(1, 2, 3, b"s", b"h"))
    (change,) = (c for c in map(unpack_change, memory.drain()) if c.traces)
    (written,) = change.traces
    short: Any = tuple(written)[:5]
    change.traces = [short]
    old = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(change))
    assert unpack_change(old).traces == [written]
