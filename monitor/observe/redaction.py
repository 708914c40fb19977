"""What a dead letter may show of an event, where some features are personal.

Nothing is searched for and struck out. As soon as one model declares personal features, a letter
shows what is known to be none: the fields of our schemas that are single values, and the features
that the event's own model knows and no model calls personal, a numeric one only if it is no text.
What is unknown, nested, misspelt or no sound JSON object is not shown at all.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from monitor.events.limits import HEAD_BYTES, MAX_EVENT_BYTES, MAX_ID
from monitor.events.types import Approval, EndOfStream, Label, Prediction, Review
from monitor.observe.model import FEATURE, Monitored

REDACTED = "[redacted]"
#: Not those that hold several values, nor free text, which may tell anything.
_FIELDS = {
    name
    for struct in (Prediction, Label, Review, Approval, EndOfStream)
    for name in (*struct.__struct_fields__, "type")
} - {"features", "probabilities", "segment", "protected", "error"}


class Head(NamedTuple):
    """The first bytes of an event as a letter shows them, and whether that is less than all."""

    shown: bytes
    redacted: bool


class Redaction:
    """Shows events without what the models call personal; as they are if none does."""

    def __init__(self, models: Iterable[Monitored]) -> None:
        models = tuple(models)
        self.personal = frozenset(name for model in models for name in model.spec.personal)
        self._features = {model.spec.id: self._known(model) for model in models}

    def head(self, value: bytes) -> Head:
        """The first KiB of what may be shown of an event."""
        if not self.personal:
            return Head(value[:HEAD_BYTES], False)
        if len(value) > MAX_EVENT_BYTES:
            return Head(b"", True)
        try:
            event = msgspec.json.decode(value)
            text = msgspec.json.encode(self._shown(event)) if isinstance(event, dict) else b""
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            text = b""
        return Head(text[:HEAD_BYTES], True)

    def _shown(self, event: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: _plain(event[name]) for name in event if name in _FIELDS}
        model_id, features = event.get("model_id"), event.get("features")
        if isinstance(features, dict):
            known = self._features.get(model_id, {}) if isinstance(model_id, str) else {}
            shown["features"] = {
                name: _feature(known[name], value) if name in known else REDACTED
                for name, value in features.items()
                if name in known or name in self.personal
            }
        return shown

    def _known(self, model: Monitored) -> dict[str, str]:
        """The features that the model is known to have, by kind, without what is personal."""
        learned = {
            subject.removeprefix(FEATURE): kind
            for subject, kind in model.kinds.items()
            if subject.startswith(FEATURE)
        }
        kinds: dict[str, str] = {**model.spec.features, **learned}
        return {name: kind for name, kind in kinds.items() if name not in self.personal}


def _feature(kind: str, value: Any) -> Any:
    # Text where a number belongs may be another column's: they are mixed up easily.
    return REDACTED if kind == "numeric" and isinstance(value, str) else _plain(value)


def _plain(value: Any) -> Any:
    """A single value; text only as long as an id or a class may be."""
    if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > MAX_ID):
        return REDACTED
    return value
