"""Why bytes are no event: any JSON object, its depth, and msgspec's refusals in words of ours."""

import re
from typing import Any

import msgspec

from monitor.observe.reasons import Reason
from monitor.observe.rejection import Rejected

#: Objects and lists within each other; an event of ours needs two or three.
MAX_DEPTH = 16
#: What msgspec raises at input that it cannot read; bad UTF-8 is no error of its own.
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


def feature_float(name: str, value: float) -> float:
    """A feature's number as a float; Rejected where it is beyond one."""
    try:
        return float(value)
    except OverflowError:
        raise Rejected("malformed", f"$.features.{name:.80}: number out of range") from None


def deeper(value: Any, limit: int) -> bool:
    """Whether objects and lists are nested more than `limit` deep; a list of numbers is 1 deep."""
    level = [value]
    for _ in range(limit):
        boxes = [v.values() if isinstance(v, dict) else v for v in level if _is_box(v)]
        level = [inner for box in boxes for inner in box if _is_box(inner)]
    return bool(level)


def _is_box(value: Any) -> bool:
    return isinstance(value, (dict, list))


def parse(value: bytes) -> dict[str, Any]:
    """Any JSON object; Rejected as malformed otherwise."""
    try:
        raw = msgspec.json.decode(value)
    except UNREADABLE as error:
        raise Rejected("malformed", str(error)) from None
    if not isinstance(raw, dict):
        raise Rejected("malformed", f"a JSON object is expected, got {type(raw).__name__}")
    return raw


def explain(error: Exception, model_id: str | None) -> Rejected:
    """The reason and the path of a refusal, in the bounded vocabulary of dead letters."""
    if not isinstance(error, msgspec.ValidationError):
        return Rejected("malformed", str(error), model_id=model_id)
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "$") if match else (str(error), "$")
    unbounded = "out of range" in what or "Expected `int` <=" in what or "Expected `int` >=" in what
    reason: Reason
    if "missing required field" in what:
        reason = "schema_missing"
    elif path == "$.schema_version":
        reason = "schema_version"
    elif "base64" in what or ("enum value" in what and path.endswith(".encoding")):
        reason = "schema_encoding"
    elif "matching regex" in what:
        reason = "limit_id"
    elif unbounded and path == "$.timestamp":
        return Rejected(
            "future_timestamp", f"{path}: {what}", outcome="quarantined", model_id=model_id
        )
    elif unbounded:
        reason = "malformed"
    elif "of length <=" in what:
        reason = "limit_class"
    else:
        reason = "schema_type"
    return Rejected(reason, f"{path}: {what}", model_id=model_id)
