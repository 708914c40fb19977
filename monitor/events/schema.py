"""JSON Schemas of everything on the wire, and of the configuration, made from the types.

`python -m monitor.events.schema` writes them to `schemas/`; a test says whether they agree.
"""

import json
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

import msgspec

from monitor.events.cloudevents import (
    ACTION,
    DEAD_LETTER,
    DRIFT_DETECTED,
    REPLAYED,
    WINDOW_JUDGED,
    CloudEvent,
)
from monitor.events.types import (
    Action,
    ActionData,
    Approval,
    ColumnarPredictions,
    DeadLetterData,
    EndOfStream,
    FindingData,
    Label,
    Prediction,
    ReplayData,
    Review,
    WindowData,
)
from monitor.registry.shape import Alone, File, Model

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parents[2] / "schemas"

_PLAIN: Mapping[str, type[msgspec.Struct]] = {
    "prediction": Prediction,
    "columnar-predictions": ColumnarPredictions,
    "label": Label,
    "review": Review,
    "approval": Approval,
    "end-of-stream": EndOfStream,
}
_ENVELOPED: Mapping[str, tuple[Any, Iterable[str]]] = {
    "drift-event": (CloudEvent[FindingData], (DRIFT_DETECTED,)),
    "window-event": (CloudEvent[WindowData], (WINDOW_JUDGED,)),
    "action": (CloudEvent[ActionData], [ACTION.format(action=a) for a in get_args(Action)]),
    "dead-letter": (CloudEvent[DeadLetterData], (DEAD_LETTER,)),
    "replay": (CloudEvent[ReplayData], (REPLAYED,)),
}


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file."""
    made = {name: _schema(struct) for name, struct in _PLAIN.items()}
    made |= {name: _enveloped(*of) for name, of in _ENVELOPED.items()}
    made["config"] = _config()
    return {
        f"{name}.schema.json": json.dumps(
            {"$schema": DIALECT, "$id": f"urn:watchkeeper:schema:{name}:v1", **_told(schema)},
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
        for name, schema in made.items()
    }


def _schema(struct: Any) -> dict[str, Any]:
    """A schema whose top level is the type itself, the types within it under `$defs`."""
    (top,), components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    schema = components.pop(top["$ref"].rpartition("/")[2])
    return {**schema, "$defs": components} if components else schema


def _enveloped(struct: Any, types: Iterable[str]) -> dict[str, Any]:
    schema = _schema(struct)
    schema["title"] = "CloudEvent"
    schema["properties"]["specversion"] = {"const": "1.0"}
    schema["properties"]["type"] = {"enum": list(types)}
    schema["required"] = list(schema["properties"])
    return schema


def _config() -> dict[str, Any]:
    """A list of models under `models`, a list alone, or one model at the top level."""
    tops, components = msgspec.json.schema_components(
        [File, Alone, Model], ref_template="#/$defs/{name}"
    )
    many, alone, model = tops
    return {
        "title": "Watchkeeper's configuration",
        # Decided by what is there, so that an editor tells of one form's mistakes, not all forms'.
        "if": {"type": "array"},
        "then": {"type": "array", "items": model},
        "else": {"if": {"required": ["models"]}, "then": many, "else": alone},
        "$defs": components,
    }


def _told(schema: Any) -> Any:
    """The same with descriptions flush left: Python 3.13 itself unindents docstrings, 3.11 not."""
    if isinstance(schema, dict):
        return {
            key: cleandoc(value)
            if key == "description" and isinstance(value, str)
            else _told(value)
            for key, value in schema.items()
        }
    return [_told(item) for item in schema] if isinstance(schema, list) else schema


def write(folder: Path = FOLDER) -> None:
    """Write every schema into a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
