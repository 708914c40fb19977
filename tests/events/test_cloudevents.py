import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InvalidEvent
from monitor.events.cloudevents import (
    ACTION,
    CONTENT_TYPE,
    DEAD_LETTER,
    DRIFT_DETECTED,
    HEADERS,
    CloudEvent,
    cloud_event,
    event_key,
    parse,
)
from monitor.events.types import ActionData, DeadLetterData, FindingData, Span

LETTER = DeadLetterData(
    reason="malformed", detail="no JSON", topic="predictions", partition=1, offset=2, size=3,
    sha256="ab", head="e30=", model_id=None, append_time="2013-05-01T00:00:00Z",
)  # fmt: skip


def letter(**changed: object) -> bytes:
    event = cloud_event(
        DEAD_LETTER, "/watchkeeper/observe", "malformed", 1_367_366_400_000, "k.0", LETTER, "m"
    )
    return json.dumps({**json.loads(event), **changed}).encode()


def test_the_envelope_is_a_cloudevent_of_the_standard() -> None:
    event = json.loads(letter())
    assert event.pop("data") == msgspec.to_builtins(LETTER)
    assert event == {
        "specversion": "1.0",
        "id": "k.0",
        "source": "/watchkeeper/observe",
        "type": "dev.watchkeeper.deadletter.v1",
        "subject": "malformed",
        "time": "2013-05-01T00:00:00Z",
        "datacontenttype": "application/json",
        "partitionkey": "m",
    }
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in CloudEvent.__struct_fields__)
    assert (("content-type", CONTENT_TYPE.encode()),) == HEADERS
    assert CONTENT_TYPE == "application/cloudevents+json; charset=UTF-8"


def test_the_same_event_has_the_same_bytes() -> None:
    assert letter() == letter()


def test_it_is_read_again_as_it_was() -> None:
    assert parse(letter(), DeadLetterData).data == LETTER


def test_what_a_later_version_adds_is_passed_over() -> None:
    data = {**msgspec.to_builtins(LETTER), "invented": [1]}
    assert parse(letter(data=data, traceparent="00-x"), DeadLetterData).data == LETTER


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (letter(specversion="0.3"), "version '0.3'; known: 1.0"),
        (letter(type="com.example.deadletter"), "is not Watchkeeper's"),
        (letter(type=DRIFT_DETECTED), "carries no DeadLetterData"),
        (letter(type="dev.watchkeeper.deadletter.v2"), "carries no DeadLetterData"),
        (letter(data={"reason": "x"}), "missing required field `detail`"),
        (letter(data={**msgspec.to_builtins(LETTER), "size": "3"}), "expected `int`"),
        (b"{}", "not a structured CloudEvent"),
        (b"", "not a structured CloudEvent"),
        (b"[" * 10_000, "not a structured CloudEvent"),
        (b"\xff{}", "not a structured CloudEvent"),
    ],
)
def test_what_is_not_ours_is_refused(event: bytes, told: str) -> None:
    with pytest.raises(InvalidEvent, match=f"(?i){re.escape(told)}"):
        parse(event, DeadLetterData)


def test_each_action_has_a_type_of_its_own() -> None:
    action = ActionData(
        model_id="m", model_version="1", action="rollback", severity="critical",
        authority="dry_run", dry_run=True, reason="r",
        finding_id="f.0", event_key="f", window=Span("a", "b"),
    )  # fmt: skip
    event = cloud_event(ACTION.format(action="rollback"), "/w/m", "s", 0, "a.0", action, "m")
    assert parse(event, ActionData).type == "dev.watchkeeper.rollback.v1"
    assert parse(event, ActionData).data == action
    with pytest.raises(InvalidEvent, match="carries no FindingData"):
        parse(event, FindingData)


@given(st.lists(st.text(st.characters(exclude_characters="\x1f", codec="utf-8")), min_size=1))
def test_a_key_tells_its_parts_apart(parts: list[str]) -> None:
    key = event_key(*parts)
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert key == event_key(*parts)
    assert key != event_key("x", *parts)
    if len(parts) > 1:
        assert key != event_key(parts[0] + parts[1], *parts[2:])
