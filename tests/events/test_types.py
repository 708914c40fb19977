import re

import msgspec
import pytest

from monitor.events.limits import ID_PATTERN, MAX_FEATURES
from monitor.events.types import EndOfStream, Label, Prediction, Review

PREDICTION = {
    "prediction_id": "p", "model_id": "m", "model_version": "1", "timestamp": 0, "features": {},
    "prediction": 1,
}  # fmt: skip
LABEL = {"prediction_id": "p", "model_id": "m", "label": 1, "timestamp": 0}
REVIEW = {
    "review_id": "r", "prediction_id": "p", "model_id": "m", "reviewer_id": "a",
    "final_decision": True, "timestamp": "2013-05-01T00:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "struct"), [(PREDICTION, Prediction), (LABEL, Label), (REVIEW, Review)]
)
def test_each_field_that_is_needed_is_needed(
    event: dict[str, object], struct: type[msgspec.Struct]
) -> None:
    msgspec.convert(event, struct)
    assert {f.name for f in msgspec.structs.fields(struct) if f.required} == set(event)
    for name in event:
        with pytest.raises(msgspec.ValidationError, match=f"missing required field `{name}`"):
            msgspec.convert({k: v for k, v in event.items() if k != name}, struct)


@pytest.mark.parametrize("identifier", ["a", "A.b_c:d/e@f-1", "0", "x" * 128])
def test_an_identifier(identifier: str) -> None:
    assert re.search(ID_PATTERN, identifier)


@pytest.mark.parametrize(
    "identifier", ["", "x" * 129, "a b", "a\n", "\na", "é", "a\x00", "a,b", "٣"]
)
def test_no_identifier(identifier: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="matching regex"):
        msgspec.convert({**LABEL, "prediction_id": identifier}, Label)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": -1},
        {"timestamp": "2013-05-01"},
        {"timestamp": "2013-05-01T00:00:00Z\n"},
        {"timestamp": 1.5},
        {"timestamp": "٢٠١٣-05-01T00:00:00Z"},
        {"features": {str(n): 0 for n in range(MAX_FEATURES + 1)}},
        {"features": {"": 0}},
        {"features": {"x" * 129: 0}},
        {"features": {"a": [1]}},
        {"prediction": None},
        {"prediction": [1]},
        {"probabilities": {"a": 1.01}},
        {"latency_ms": -0.1},
        {"variant": "blue"},
        {"schema_version": "2.0"},
        {"schema_version": "10.0"},
        {"schema_version": "1.0\n"},
    ],
)
def test_no_prediction(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**PREDICTION, **change}, Prediction)


@pytest.mark.parametrize(
    "change",
    [
        {"invented": {"by": "a later version"}},
        {"schema_version": "1.7"},
        {"timestamp": "2013-05-01T02:00:00.123456+02:00"},
        {"features": {str(n): 0 for n in range(MAX_FEATURES)}},
        {"features": {"a": 1, "b": 1.5, "c": "x", "d": True, "e": None}},
        {"score": None, "segment": {"region": "north"}, "variant": "canary"},
    ],
)
def test_a_prediction(change: dict[str, object]) -> None:
    msgspec.convert({**PREDICTION, **change}, Prediction)


def test_the_end_of_a_stream_says_what_it_is() -> None:
    assert msgspec.json.encode(EndOfStream(model_id="m")) == (
        b'{"type":"end_of_stream","model_id":"m"}'
    )
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"start","model_id":"m"}', type=EndOfStream)
