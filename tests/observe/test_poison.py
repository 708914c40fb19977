"""Events made to break the decoder: each is refused with its reason, and the next one is read."""

import json
from typing import Any

import pytest

from monitor.observe.decode import Decoder
from monitor.observe.rejection import Rejected
from tests.observe.stream import T0, Rec, label, monitored, prediction

HUGE = b"1" + b"0" * 400
DECODER = Decoder([monitored()])


def altered(event: dict[str, Any], old: bytes, new: bytes) -> bytes:
    value = json.dumps(event).encode()
    assert old in value
    return value.replace(old, new, 1)


PREDICTION = prediction("p", T0, score=0.25)
LABEL = label("p", T0, "yes")

POISON: dict[str, tuple[str, bytes, str]] = {
    "an id that is no UTF-8": ("predictions", altered(PREDICTION, b'"p"', b'"\xff"'), "malformed"),
    "a label that is no UTF-8": ("labels", altered(LABEL, b"yes", b"\xc3\x28"), "malformed"),
    "an end of stream that is no UTF-8": (
        "labels",
        b'{"type": "end_of_stream", "model_id": "\xff"}',
        "malformed",
    ),
    "a feature beyond a float": ("predictions", altered(PREDICTION, b"100.0", HUGE), "malformed"),
    "a float beyond a float": ("predictions", altered(PREDICTION, b"100.0", b"1e400"), "malformed"),
    "a score beyond a float": ("predictions", altered(PREDICTION, b"0.25", HUGE), "malformed"),
    "a class beyond an int64": (
        "predictions",
        altered(PREDICTION, b'"no"', b"-" + HUGE),
        "malformed",
    ),
    "a label beyond an int64": ("labels", altered(LABEL, b'"yes"', HUGE), "malformed"),
    "a label of 5,000 digits": ("labels", altered(LABEL, b'"yes"', HUGE * 13), "malformed"),
    "a time beyond an int64": (
        "predictions",
        altered(PREDICTION, str(T0).encode(), HUGE),
        "future_timestamp",
    ),
    "a time after the year 9999": (
        "labels",
        altered(LABEL, str(T0).encode(), b"253402300800000"),
        "future_timestamp",
    ),
    "a time before 1970": (
        "labels",
        altered(LABEL, str(T0).encode(), b"-1"),
        "future_timestamp",
    ),
    "501 features, all of the right type": (
        "predictions",
        json.dumps(
            PREDICTION | {"features": {"amount": 1.0} | {f"x{n}": n for n in range(500)}}
        ).encode(),
        "limit_features",
    ),
    "brackets within brackets": ("predictions", b"[" * 100_000, "malformed"),
    "a deep field that nobody asked for": (
        "predictions",
        altered(PREDICTION, b"{", b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b", "),
        "malformed",
    ),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_refused_and_the_next_event_is_read(name: str) -> None:
    topic, value, reason = POISON[name]
    good = json.dumps(PREDICTION if topic == "predictions" else LABEL).encode()
    refused, read = getattr(DECODER, topic)([Rec(0, T0, value), Rec(1, T0, good)])
    assert isinstance(refused, Rejected)
    assert refused.reason == reason
    assert read.prediction_id == "p"


def test_500_features_are_accepted() -> None:
    """Also where colons in texts look like more of them."""
    features = {"color": ":" * 3000, "amount": 7.0} | {f"x{n}": n for n in range(498)}
    event = PREDICTION | {"features": features}
    (row,) = DECODER.predictions([Rec(0, T0, json.dumps(event).encode())])
    assert (row.prediction_id, row.features.f0) == ("p", 7.0)
