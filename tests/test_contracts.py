"""What others rely on: schemas agree with the types, and stored events of every version decode."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import ConfigError
from monitor.events.cloudevents import CloudEvent, parse
from monitor.events.schema import FOLDER, schemas
from monitor.events.types import (
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
from monitor.registry.config import load_config

SAMPLES = sorted((Path(__file__).parent / "events" / "samples").glob("*/*.json"))
EXAMPLES = sorted((Path(__file__).parents[1] / "deploy" / "examples").glob("*.yaml"))
TYPES: dict[str, Any] = {
    "prediction": Prediction,
    "columnar-predictions": ColumnarPredictions,
    "label": Label,
    "review": Review,
    "approval": Approval,
    "end-of-stream": EndOfStream,
    "drift-event": CloudEvent[FindingData],
    "window-event": CloudEvent[WindowData],
    "action": CloudEvent[ActionData],
    "dead-letter": CloudEvent[DeadLetterData],
    "replay": CloudEvent[ReplayData],
}
DATA = {
    "drift-event": FindingData,
    "window-event": WindowData,
    "action": ActionData,
    "dead-letter": DeadLetterData,
    "replay": ReplayData,
}


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


VALIDATORS = {name: validator(name) for name in [*TYPES, "config"]}


def kind(sample: Path) -> str:
    return sample.name.partition(".")[0]


def test_the_stored_schemas_are_those_that_the_types_make() -> None:
    """If this fails, run `python -m monitor.events.schema` and look at what has changed."""
    stored = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert stored == schemas()


def test_every_type_has_a_schema_and_a_sample() -> None:
    assert {name.removesuffix(".schema.json") for name in schemas()} == {*TYPES, "config"}
    assert {kind(sample) for sample in SAMPLES} == set(TYPES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.parent.name}/{s.stem}")
def test_a_stored_event_still_decodes_with_nothing_lost(sample: Path) -> None:
    stored = sample.read_bytes()
    event = msgspec.json.decode(stored, type=TYPES[kind(sample)])
    again = json.loads(msgspec.json.encode(event))
    written = json.loads(stored)
    # Inputs leave defaults out; nothing else may differ.
    assert {**again, "schema_version": written.get("schema_version")} == {
        **written,
        "schema_version": written.get("schema_version"),
    }
    VALIDATORS[kind(sample)].validate(written)
    if kind(sample) in DATA:
        assert parse(stored, DATA[kind(sample)]) == event


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value of an event is."""
    found = [at] if at else []
    if isinstance(value, dict):
        return found + [p for key, item in value.items() for p in paths(item, (*at, key))]
    if isinstance(value, list):
        return found + [p for n, item in enumerate(value) for p in paths(item, (*at, n))]
    return found


@st.composite
def altered(draw: st.DrawFn) -> tuple[str, Any]:
    """A stored event with one value removed, or replaced by one of another kind."""
    sample = draw(st.sampled_from(SAMPLES))
    event = json.loads(sample.read_bytes())
    *way, last = draw(st.sampled_from(paths(event)))
    inside = event
    for step in way:
        inside = inside[step]
    if isinstance(inside, dict) and draw(st.booleans()):
        del inside[last]
    else:
        replacement = st.sampled_from(
            [None, True, -1, 10**13, 0.5, "", "x", "2.0", "a b", "2026-08-20T10:00:00Z", [], {},
             [0.5], {"a": 0.5}, {"a": "b"}, "high", "x" * 129]
        )  # fmt: skip
        inside[last] = draw(replacement)
    return kind(sample), event


@given(altered())
def test_the_schema_refuses_what_the_types_refuse(alteration: tuple[str, Any]) -> None:
    name, event = alteration
    try:
        msgspec.json.decode(json.dumps(event), type=TYPES[name])
        decodes = True
    except msgspec.ValidationError:
        decodes = False
    valid = VALIDATORS[name].is_valid(event)
    assert decodes == valid or (decodes and tagged_otherwise(name, event))


def tagged_otherwise(name: str, event: Any) -> bool:
    """Whether an event says of itself that it is another, which only schemas and `parse` refuse."""
    schema = VALIDATORS[name].schema["properties"]
    if name not in DATA:
        return name == "end-of-stream" and "type" not in event
    return (
        event.get("specversion") != "1.0"
        or event.get("type") not in schema["type"]["enum"]
        or not schema.keys() <= event.keys()
    )


def test_a_schema_refuses_what_is_no_event_of_its_kind() -> None:
    event = json.loads((Path(__file__).parent / "events/samples/1.0/drift-event.json").read_bytes())
    for alteration in ({"data": {}}, {"specversion": "0.3"}, {"type": "x"}):
        assert not VALIDATORS["drift-event"].is_valid({**deepcopy(event), **alteration})


# -- configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_example_is_a_configuration(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    VALIDATORS["config"].validate(yaml.safe_load(text))
    assert load_config(text, str(example)).models
    assert re.match(
        r"# yaml-language-server: \$schema=\.\./\.\./schemas/config\.schema\.json", text
    )


#: A bare one is a time to YAML 1.1, which validates these, and text to YAML 1.2.
TIME = "'2026-03-01T00:00:00Z'"
MODEL = "id: m\nsignals:\n  data_drift: {}\n"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (MODEL, True),
        ("- {id: m, signals: {data_drift: }}", True),
        ("models: [{id: m, signals: {data_drift: }}]", True),
        ("models: [{id: m, signals: {data_drift: {window: {size: 7d, hop: 1d}}}}]", True),
        (f"{MODEL}kafka: {{bootstrap: 'a:1, b:2'}}", True),
        (f"{MODEL}positive: 1", True),
        (f"{MODEL}labels: {{max_delay: 1w}}", False),
        (f"{MODEL}labels: {{min_coverage: 0}}", False),
        (f"{MODEL}authority: auto", False),
        (f"{MODEL}baseline: {{type: trailing, path: x}}", False),
        (f"{MODEL}baseline: {{}}", False),
        (f"{MODEL}baseline: [{{path: a}}, {{path: b, effective_from: {TIME}}}]", True),
        (f"{MODEL}baseline: [{{path: a}}, {{path: b, effective_from: '2026-03-01'}}]", False),
        (f"{MODEL}features: {{a: number}}", False),
        (f"{MODEL}windwo: {{}}", False),
        (f"{MODEL}kafka: {{bootstrap: a}}", False),
        (f"{MODEL}kafka: {{partitions: 0}}", False),
        (f"{MODEL}namespace: a b", False),
        ("models: [{id: a b, signals: {data_drift: {}}}]", False),
        ("models: [{signals: {data_drift: {}}}]", False),
        ("models: [{id: m}]", False),
        ("models: [{id: m, signals: {drift: {}}}]", False),
        ("models: [{id: m, signals: {data_drift: {thresholds: {rates: {high: 2}}}}}]", False),
        ("models: [{id: m, signals: {data_drift: {min_samples: 0}}}]", False),
        ("models: m", False),
        ("m", False),
    ],
)
def test_an_editor_and_check_agree(text: str, valid: bool) -> None:
    assert VALIDATORS["config"].is_valid(yaml.safe_load(text)) == valid
    if valid:
        load_config(text, "c.yaml")
    else:
        with pytest.raises(ConfigError):
            load_config(text, "c.yaml")
