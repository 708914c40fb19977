"""YAML to nodes that know their lines; scalars by YAML 1.2, so that `no` is a word.

Nothing is constructed from tags: a node is text, and `registry.reading` says what it means.
"""

import re
from collections.abc import Iterator

from yaml import SafeLoader, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from monitor.errors import ConfigError

__all__ = ["MappingNode", "Node", "ScalarNode", "SequenceNode", "compose", "scalar"]

Scalar = str | int | float | bool | None
_TAG = "tag:yaml.org,2002:"


class _Loader(SafeLoader):
    """Resolves the scalars of YAML 1.2's core schema, and no others."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _kind, _pattern, _first in (
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(~|null|Null|NULL|)$", "~nN\0"),
    ("int", r"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
              r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$", "-+.0123456789"),
):  # fmt: skip
    _Loader.add_implicit_resolver(
        _TAG + _kind, re.compile(_pattern), [c if c != "\0" else "" for c in _first]
    )


def compose(text: str, path: str) -> Iterator[Node]:
    """Yield the root node of each document; ConfigError with the line where it is no YAML."""
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None
                yield node
        finally:
            loader.dispose()
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f"{mark.line + 1}" if mark else "1"
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise ConfigError(f"{path}:{line}: not YAML: {what}; {_remedy(what)}") from None
    except RecursionError:
        raise ConfigError(f"{path}:1: nested too deeply to be a configuration") from None


def _remedy(what: str) -> str:
    if "'\\t'" in what:
        return "indent with spaces"
    if "mapping values are not allowed" in what:
        return "check the indentation, and quote text that holds a colon"
    return "check indentation, quotes and brackets there"


def scalar(node: ScalarNode) -> Scalar:
    """Return the value of a scalar node; ValueError where an explicit tag belies the text.

    >>> [scalar(n) for n in next(compose("[1, 1e-3, no, true, '1', ~]", "x")).value]
    [1, 0.001, 'no', True, '1', None]
    """
    text = str(node.value)
    kind = node.tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
