import enum
import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.client.encoding import encode, end_of_stream, plain
from monitor.errors import InvalidEvent
from monitor.events.types import Label, Prediction, Review
from monitor.observe.decode import Decoder
from monitor.observe.model import Monitored
from monitor.observe.rejection import Rejected
from tests.observe.stream import Rec, spec

NOW = 1_700_000_000_000
BASE: dict[str, Any] = {
    "prediction_id": "p-1",
    "model_id": "credit",
    "model_version": "1.0",
    "features": {"income": 52_000.0},
    "prediction": 1,
}
REVIEW = {
    "review_id": "r",
    "prediction_id": "p-1",
    "model_id": "credit",
    "reviewer_id": "anna",
    "final_decision": "repaid",
}
LABEL = {"prediction_id": "p-1", "model_id": "credit", "label": 0}
STREAM = Decoder([Monitored(spec("credit"), None)])


def sent(**changed: Any) -> Any:
    return json.loads(encode("prediction", {**BASE, **changed}, NOW).value)


class Colour(enum.StrEnum):
    RED = "r"


class Size(enum.IntEnum):
    LARGE = 3


class Dressed(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another text"


def test_what_is_sent_is_what_was_given() -> None:
    event = encode("prediction", {**BASE, "score": None, "timestamp": NOW + 1}, NOW)
    assert (event.topic, event.key) == ("predictions", b"p-1")
    assert json.loads(event.value) == {**BASE, "timestamp": NOW + 1}


def test_each_kind_has_its_topic_and_the_key_of_its_prediction() -> None:
    label = encode("label", {"prediction_id": "p-1", "model_id": "credit", "label": 0}, NOW)
    review = encode("review", REVIEW, NOW)
    assert (label.topic, label.key) == ("labels", b"p-1")
    assert (review.topic, review.key) == ("reviews", b"p-1")
    assert json.loads(review.value) == {**REVIEW, "timestamp": NOW}


def test_events_may_be_given_as_their_types() -> None:
    prediction = Prediction(**BASE, timestamp="2013-05-01T00:00:00Z")
    value = encode("prediction", prediction, NOW).value
    assert msgspec.json.decode(value, type=Prediction) == msgspec.structs.replace(
        prediction, timestamp=1_367_366_400_000
    )
    with pytest.raises(InvalidEvent, match="a Label was given as a prediction"):
        encode("prediction", Label(prediction_id="p", model_id="m", label=1, timestamp=0), NOW)


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(2), 2.0),
        (np.int64(-(2**63)), -(2**63)),
        (np.uint64(7), 7),
        (np.int8(7), 7),
        (np.bool_(True), True),
        (np.str_("north"), "north"),
        (np.array(1.5), 1.5),
        (Colour.RED, "r"),
        (Size.LARGE, 3),
        (Dressed("own"), "own"),
        (2**63 - 1, 2**63 - 1),
        (None, None),
        ("", ""),
    ],
)
def test_scalars_of_numpy_and_subclasses_are_sent_plainly(value: object, as_json: object) -> None:
    got = sent(features={"a": value})["features"]["a"]
    assert got == as_json
    assert type(got) is type(as_json)


def test_everything_else_may_be_numpy_too() -> None:
    event = sent(
        prediction=np.bool_(True),
        score=np.float32(0.25),
        latency_ms=np.int64(3),
        probabilities={np.str_("a"): np.float64(1)},
        segment=MappingProxyType({"region": np.str_("north")}),
        prediction_id=UUID(int=7),
        timestamp=np.int64(NOW),
    )
    assert event == {
        **BASE,
        "prediction": True,
        "score": 0.25,
        "latency_ms": 3,
        "probabilities": {"a": 1.0},
        "segment": {"region": "north"},
        "prediction_id": "00000000-0000-0000-0000-000000000007",
        "timestamp": NOW,
    }


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
        | st.text(st.characters(codec="utf-8"), max_size=20)
        | st.floats(allow_nan=False, allow_infinity=False),
        max_size=20,
    )
)  # fmt: skip
def test_features_are_sent_exactly(features: dict[str, Any]) -> None:
    assert sent(features=features)["features"] == features


@given(st.sampled_from([math.nan, math.inf, -math.inf]), st.sampled_from([float, np.float64]))
def test_what_is_not_finite_is_refused_wherever_it_stands(value: float, kind: Any) -> None:
    value = kind(value)
    with pytest.raises(InvalidEvent, match=r"feature 'b' is (nan|inf|-inf); send None"):
        sent(features={"a": None, "b": value})
    for name in ("prediction", "score", "confidence", "latency_ms"):
        with pytest.raises(InvalidEvent, match=f"{name} is (nan|inf|-inf); leave it out"):
            sent(**{name: value})
    with pytest.raises(InvalidEvent, match="the probability of 'x' is"):
        sent(probabilities={"x": value})


def test_the_word_null_in_a_text_is_no_trouble() -> None:
    assert sent(features={"note": "null", "missing": None})["features"]["note"] == "null"


@pytest.mark.parametrize(
    ("given_time", "ms"),
    [
        ("2013-05-01T02:00:00.0509+02:00", 1_367_366_400_050),
        (datetime(2013, 5, 1, tzinfo=UTC), 1_367_366_400_000),
        (datetime(2013, 5, 1, 1, tzinfo=timezone(timedelta(hours=1))), 1_367_366_400_000),
        ("1970-01-01T00:00:00Z", 0),
        (100_000_000_000, 100_000_000_000),
    ],
)
def test_every_time_is_sent_in_milliseconds(given_time: Any, ms: int) -> None:
    assert sent(timestamp=given_time)["timestamp"] == ms
    label = {"prediction_id": "p", "model_id": "m", "label": 1, "prediction_timestamp": given_time}
    assert json.loads(encode("label", label, NOW).value)["prediction_timestamp"] == ms
    review = encode("review", {**REVIEW, "started_at": given_time}, NOW)
    assert json.loads(review.value)["started_at"] == ms


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"timestamp": 1_700_000_000}, "timestamp 1700000000 looks like seconds"),
        ({"timestamp": NOW * 1000}, "looks like microseconds"),
        ({"timestamp": -5}, "timestamp is -5, before 1970"),
        ({"timestamp": "1960-01-01T00:00:00Z"}, "before 1970"),
        ({"timestamp": "2013-01-01"}, "timestamp: '2013-01-01' is not RFC 3339"),
        ({"timestamp": 1.7e12}, "1700000000000.0 is no time"),
        ({"timestamp": True}, "True is no time"),
        ({"timestamp": np.datetime64("2020-01-01")}, "is no time"),
        ({"timestamp": datetime(2020, 1, 1)}, "has no offset"),  # noqa: DTZ001
        ({"features": {"a": [1]}}, "features: a is a list; send a number, text, true or false"),
        ({"features": {"a": {}}}, "features: a is a dict"),
        ({"features": {"a": np.array([1, 2])}}, "features: a is a ndarray"),
        ({"features": {"a": b"x"}}, "features: a is a bytes"),
        ({"features": {"a": Decimal("1.5")}}, "features: a is a Decimal"),
        ({"features": {"a": date(2020, 1, 1)}}, "features: a is a date"),
        ({"features": {"a": 1j}}, "features: a is a complex"),
        ({"features": {"a": np.complex64(1)}}, "features: a is a complex64"),
        ({"features": {1: 2}}, "features: 1 is no name; names are text"),
        ({"features": {"": 2}}, "has a name of 0 characters; 1 to 128 are possible"),
        ({"features": {"x" * 129: 2}}, "has a name of 129 characters"),
        ({"features": {"a": 2**63}}, "'a' is an integer of more than 64 bits; send a float"),
        ({"features": {"a": -(10**400)}}, "'a' is an integer of more than 64 bits"),
        ({"features": {"a": "\ud800"}}, "features: 'a' holds text that is not valid Unicode"),
        ({"features": {str(n): 1 for n in range(501)}}, "501 features; at most 500"),
        ({"features": {"a": "x" * 300_000}}, "bytes; at most 262144: send fewer features"),
        ({"features": [1]}, "features is a list"),
        ({"features": None}, "features is missing"),
        ({"prediction": None}, "prediction is missing"),
        ({"prediction": [1]}, "prediction is a list"),
        ({"prediction": "x" * 129}, "prediction is a class of 129 characters; at most 128 are"),
        ({"prediction": 2**63}, "prediction is an integer of more than 64 bits; send a float"),
        ({"prediction": np.uint64(2**63)}, "prediction is an integer of more than 64 bits"),
        ({"prediction_id": "a b"}, "prediction_id is 'a b'; use 1 to 128 letters"),
        ({"prediction_id": "a\n"}, r"prediction_id is 'a\n'; use 1 to 128 letters"),
        ({"prediction_id": b"a"}, "prediction_id is a bytes"),
        ({"model_id": ""}, "model_id is ''; use 1 to 128 letters"),
        ({"model_id": 3}, "model_id: expected `str`, got `int`"),
        ({"model_version": 1.0}, "model_version: expected `str`, got `float`"),
        ({"predicton": 3}, "unknown field 'predicton'; did you mean \"prediction\"?"),
        ({"variant": "blue"}, "variant: invalid enum value 'blue'"),
        ({"probabilities": {"a": 1.5}}, "probabilities: expected `float` <= 1.0"),
        ({"latency_ms": -1}, "latency_ms: expected `float` >= 0.0"),
        ({"segment": {"region": 3}}, "segment: expected `str`, got `int`"),
        ({"schema_version": "2.0"}, "schema_version: expected `str` matching regex"),
    ],
)
def test_what_the_stream_would_refuse_is_refused_here(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        sent(**change)
    text = str(caught.value)
    assert told in text
    assert text.startswith("prediction ")
    assert "\n" not in text
    assert len(text) < 600


@given(
    st.sampled_from(
        [("prediction", "prediction"), ("label", "label"), ("review", "final_decision")]
    ),
    st.one_of(
        st.text('ab"é', min_size=120, max_size=140),
        st.integers(-(2**65), 2**65),
        st.sampled_from([-(2**63), 2**63 - 1, 2**63, "x" * 128, "x" * 129]),
    ),
)
def test_client_and_stream_agree_on_classes(place: tuple[Any, str], value: Any) -> None:
    kind, field = place
    event = {"prediction": BASE, "label": LABEL, "review": REVIEW}[kind] | {field: value}
    record = Rec(0, NOW, json.dumps(event | {"timestamp": NOW}).encode())
    (row,) = getattr(STREAM, f"{kind}s")([record])
    if isinstance(row, Rejected):
        with pytest.raises(InvalidEvent, match=field):
            encode(kind, event, NOW)
    else:
        assert json.loads(encode(kind, event, NOW).value)[field] == value


def test_a_refusal_names_the_event() -> None:
    with pytest.raises(InvalidEvent, match=r"^prediction p-1 of model credit: "):
        sent(score="high")
    with pytest.raises(InvalidEvent, match=r"^label without prediction_id: "):
        encode("label", {"label": 1}, NOW)


def test_there_are_three_kinds() -> None:
    with pytest.raises(InvalidEvent, match='did you mean "label"'):
        encode("lable", BASE, NOW)  # type: ignore[arg-type]


def test_what_the_caller_gave_is_not_changed() -> None:
    features = {"a": np.float64(1)}
    event = {**BASE, "features": features}
    encode("prediction", event, NOW)
    assert event == {**BASE, "features": features}
    assert type(features["a"]) is np.float64


@given(st.from_regex(r"[A-Za-z0-9._:/@-]{1,128}", fullmatch=True))
def test_any_identifier_may_be_a_key(identifier: str) -> None:
    label = {"prediction_id": identifier, "model_id": identifier, "label": 1}
    assert encode("label", label, NOW).key == identifier.encode()


def test_the_end_of_a_stream() -> None:
    assert end_of_stream("m") == b'{"type":"end_of_stream","model_id":"m"}'
    with pytest.raises(InvalidEvent, match="model_id is 'a b'"):
        end_of_stream("a b")


@pytest.mark.parametrize(
    "value", [[], {}, b"", 1j, Decimal(1), np.array([1]), np.datetime64("NaT", "s")]
)
def test_what_is_no_scalar_is_not_made_one(value: object) -> None:
    with pytest.raises(TypeError):
        plain(value)


def test_the_fields_of_the_client_are_those_of_the_types() -> None:
    from monitor.client import LabelFields, PredictionFields, ReviewFields

    for fields, struct in (
        (PredictionFields, Prediction),
        (LabelFields, Label),
        (ReviewFields, Review),
    ):
        required = {f.name for f in msgspec.structs.fields(struct) if f.required}
        assert fields.__required_keys__ == required - {"timestamp"}
        assert set(fields.__annotations__) == set(struct.__struct_fields__)
