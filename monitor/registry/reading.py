"""YAML nodes to the types of `registry.shape`, with the line of everything that is wrong."""

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from monitor.registry.nodes import MappingNode, Node, ScalarNode, SequenceNode, scalar
from monitor.registry.problems import Problems, nearest
from monitor.registry.shape import Alone, Shape

#: What a reader returns for something that it has already complained about.
WRONG: Final = object()

_EXPECTED: dict[type, str] = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StructType: "a mapping of keys",
    inspect.DictType: "a mapping of keys",
    inspect.VarTupleType: "a list, as in [a, b]",
}


def read(node: Node, shape: type[Shape], where: str, problems: Problems) -> Any:
    """Return an instance of the shape, or WRONG after adding what is wrong to `problems`."""
    return _read(node, inspect.type_info(shape), where, problems)


def entries(node: MappingNode, where: str, problems: Problems) -> dict[str, tuple[int, Node]]:
    """Return the line and node of each key; a key that is there twice is a problem."""
    found: dict[str, tuple[int, Node]] = {}
    for key_node, value in node.value:
        line = _line(key_node)
        if not isinstance(key_node, ScalarNode):
            problems.add(line, f"a key in {_place(where)} is no plain word; write `key: value`")
        elif key_node.value == "<<":
            problems.add(line, f'"<<" in {_place(where)} is not supported; repeat `key: *alias`')
        elif key_node.value in found:
            first = found[key_node.value][0]
            problems.add(
                line,
                f'key "{key_node.value}" appears twice in {_place(where)}, first on line {first}; '
                "remove one",
            )
        else:
            found[key_node.value] = (line, value)
            problems.locate(_under(where, key_node.value), line)
    return found


def _read(node: Node, kind: inspect.Type, where: str, problems: Problems) -> Any:
    extra: Mapping[str, Any] = {}
    if isinstance(kind, inspect.Metadata):
        extra = {**(kind.extra or {}), **(kind.extra_json_schema or {})}
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return _read_union(node, kind, where, problems)
    if isinstance(kind, inspect.StructType) and _is_blank(node):
        node = MappingNode("tag:yaml.org,2002:map", [], node.start_mark, node.end_mark)
    if isinstance(kind, inspect.StructType) and isinstance(node, MappingNode):
        return _read_struct(node, kind, where, problems)
    if isinstance(kind, inspect.DictType) and isinstance(node, MappingNode):
        return _read_dict(node, kind, where, problems)
    if isinstance(kind, inspect.VarTupleType) and isinstance(node, SequenceNode):
        for n, item in enumerate(node.value):
            problems.locate(f"{where}[{n}]", _line(item))
        read = [
            _read(item, kind.item_type, f"{where}[{n}]", problems)
            for n, item in enumerate(node.value)
        ]
        return WRONG if any(item is WRONG for item in read) else tuple(read)
    value = _scalar(node)
    if isinstance(node, ScalarNode) and node.value in extra.get("later", {}):
        problems.add(_line(node), f'{where} "{node.value}" {extra["later"][node.value]}')
        return WRONG
    refusal = _refusal(node, value, kind, extra)
    if refusal is None:
        return float(value) if isinstance(kind, inspect.FloatType) else _as(kind, node, value)
    problems.add(_line(node), f"{where} is {_shown(node, value)}; {refusal}")
    return WRONG


def _read_union(node: Node, kind: inspect.UnionType, where: str, problems: Problems) -> Any:
    """An optional value: an empty mapping takes its defaults, an explicit `null` is none."""
    nullable = kind.includes_none
    choices = [choice for choice in kind.types if not isinstance(choice, inspect.NoneType)]
    blank_struct = _is_blank(node) and _bare(choices[0]).__class__ is inspect.StructType
    if nullable and _scalar(node) is None and isinstance(node, ScalarNode) and not blank_struct:
        return None
    if len(choices) == 1:
        return _read(node, choices[0], where, problems)
    one, several = (
        [choice for choice in choices if isinstance(choice, kind_)]
        for kind_ in (inspect.StructType, inspect.VarTupleType)
    )
    if one and several:
        return _read(node, (several if isinstance(node, SequenceNode) else one)[0], where, problems)
    value = _scalar(node)
    if isinstance(value, (str, int, float)):
        return value
    problems.add(_line(node), f"{where} is {_shown(node, value)}; it must be text or a number")
    return WRONG


def _read_struct(
    node: MappingNode, kind: inspect.StructType, where: str, problems: Problems
) -> Any:
    before = len(problems)
    fields = {field.encode_name: field for field in kind.fields}
    values: dict[str, Any] = {}
    for key, (line, value) in entries(node, where, problems).items():
        field = fields.get(key)
        if field is None:
            problems.add(line, _unknown(key, kind.cls, fields, where))
        else:
            values[field.name] = _read(value, field.type, _under(where, key), problems)
    if len(problems) == before:
        # A key that is missing has most often been misspelt, and that was said already.
        for name, field in fields.items():
            if field.required and field.name not in values:
                problems.add(_line(node), f'{_place(where)} lacks "{name}"; add it')
    return WRONG if len(problems) > before else kind.cls(**values)


def _read_dict(node: MappingNode, kind: inspect.DictType, where: str, problems: Problems) -> Any:
    before = len(problems)
    values = {
        key: _read(value, kind.value_type, _under(where, key), problems)
        for key, (_, value) in entries(node, where, problems).items()
    }
    if kind.max_length is not None and len(values) > kind.max_length:
        problems.at(where, f"has {len(values)} keys; at most {kind.max_length} are possible")
    return WRONG if len(problems) > before else values


def _unknown(key: str, cls: type, fields: Mapping[str, Any], where: str) -> str:
    shape: Any = cls
    if key in shape.remedies:
        return f'"{key}" in {_place(where)} {shape.remedies[key]}'
    homes = _homes().get(key, frozenset()) - {where.rpartition(".")[2]}
    close = nearest(key, fields)
    remedy = f'it belongs in "{next(iter(homes))}"' if len(homes) == 1 else close
    return f'unknown key "{key}" in {_place(where)}; {remedy}'


@cache
def _homes() -> Mapping[str, frozenset[str]]:
    """The name of every mapping in which each key is known, to point from the wrong one."""
    homes: dict[str, frozenset[str]] = {}

    def walk(kind: inspect.Type, name: str) -> None:
        kind = _bare(kind)
        if isinstance(kind, inspect.UnionType):
            for choice in kind.types:
                walk(choice, name)
        elif isinstance(kind, inspect.StructType):
            for field in kind.fields:
                homes[field.encode_name] = homes.get(field.encode_name, frozenset()) | {name}
                walk(field.type, field.encode_name)

    walk(inspect.type_info(Alone), "a model")
    return homes


def _refusal(node: Node, value: Any, kind: inspect.Type, extra: Mapping[str, Any]) -> str | None:
    """Why a scalar is not of its kind, and what would be; None if it is."""
    expected = f"expected {extra.get('description') or _EXPECTED.get(type(kind), 'another kind')}"
    if isinstance(kind, inspect.LiteralType):
        words = [str(word) for word in kind.values]
        if isinstance(node, ScalarNode) and node.value in words:
            return None
        return nearest(str(node.value) if isinstance(node, ScalarNode) else "", words)
    if isinstance(kind, inspect.StrType):
        text = node.value if isinstance(node, ScalarNode) and value is not None else None
        if text is None or (kind.pattern and not re.fullmatch(kind.pattern, text)):
            return expected
        return "it must not be empty" if len(text) < (kind.min_length or 0) else None
    if isinstance(kind, inspect.BoolType):
        return None if isinstance(value, bool) else expected
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        numbers = (int,) if isinstance(kind, inspect.IntType) else (int, float)
        if isinstance(value, bool) or not isinstance(value, numbers) or not math.isfinite(value):
            return expected
        return _out_of_bounds(value, kind)
    return expected


def _out_of_bounds(value: float, kind: inspect.IntType | inspect.FloatType) -> str | None:
    if kind.ge is not None and value < kind.ge:
        return f"it must be at least {kind.ge:g}"
    if kind.gt is not None and value <= kind.gt:
        return f"it must be more than {kind.gt:g}"
    if kind.le is not None and value > kind.le:
        return f"it must be at most {kind.le:g}"
    return None


def _as(kind: inspect.Type, node: Node, value: Any) -> Any:
    # A version such as 1.10 is the text that stands there, not the number 1.1.
    return node.value if isinstance(kind, (inspect.StrType, inspect.LiteralType)) else value


def _scalar(node: Node) -> Any:
    if not isinstance(node, ScalarNode):
        return WRONG
    try:
        return scalar(node)
    except ValueError:
        return WRONG


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _is_blank(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == "" and node.style is None


def _shown(node: Node, value: Any) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if value is None:
        return "empty" if not node.value else "null"
    text = node.value if len(node.value) <= 60 else f"{node.value[:60]}…"
    return msgspec.json.encode(text).decode() if isinstance(value, str) else str(text)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _under(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _place(where: str) -> str:
    return where or "the top level"
