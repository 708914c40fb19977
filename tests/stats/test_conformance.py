"""Every statistic of the package against its oracle: a new one needs a row of the table.

The rows are in `tests.stats.oracles`; this file is not edited when a statistic is added.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings

import monitor.stats as package
from tests.stats.oracles import Row, table

#: What counts are made of and kept in, and no statistic; each has tests of its own.
STRUCTURE = {
    "categorical", "cells", "coarse", "column", "grid", "layout", "lookup", "numeric",
    "score_cells", "search",
}  # fmt: skip
TABLE = table()
each = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.statistic)


def modules() -> Iterator[tuple[str, ModuleType]]:
    for found in pkgutil.iter_modules(package.__path__):
        if found.name not in STRUCTURE:
            yield found.name, importlib.import_module(f"{package.__name__}.{found.name}")


def own(module: ModuleType, kind: Callable[[Any], bool]) -> dict[str, Any]:
    """The public functions or classes that a module itself defines."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if kind(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    }


def results() -> set[str]:
    """Names of the classes that some function of the package returns: they hold a result."""
    said = [
        str(inspect.signature(function).return_annotation)
        for _, module in modules()
        for function in own(module, inspect.isfunction).values()
    ]
    said += [
        str(inspect.signature(method).return_annotation)
        for _, module in modules()
        for name, cls in own(module, inspect.isclass).items()
        for method in vars(cls).values()
        if inspect.isfunction(method) and name not in str(inspect.signature(method))
    ]
    return {word for text in said for word in re.findall(r"\w+", text)}


def statistics() -> set[str]:
    """`module.name` of every statistic: what returns a result, or is more than one."""
    held, found = results(), set()
    for name, module in modules():
        for function, thing in own(module, inspect.isfunction).items():
            if inspect.signature(thing).return_annotation is not None:
                found.add(f"{name}.{function}")
        found |= {f"{name}.{cls}" for cls in own(module, inspect.isclass) if cls not in held}
    return found


def same(found: Any, expected: Any, row: Row) -> bool:
    """Whether both are undefined, or near enough to each other, element by element."""
    if isinstance(expected, tuple) and isinstance(found, tuple):
        pairs = zip(found, expected, strict=True)
        return all(same(mine, theirs, row) for mine, theirs in pairs)
    if found is None or expected is None:
        return found is expected
    return bool(found == pytest.approx(expected, rel=row.rel, abs=row.abs))


def numbers(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(numbers, value))
    return int(value is not None)


def test_every_statistic_has_a_row() -> None:
    rows = [row.statistic for row in TABLE]
    assert len(set(rows)) == len(rows)
    lacking = statistics() - set(rows)
    assert not lacking, f"without a row in tests/stats/oracles: {', '.join(sorted(lacking))}"


@each
def test_a_statistic_is_its_oracle_s(row: Row) -> None:
    told = 0

    def ask(arguments: tuple[Any, ...]) -> None:
        nonlocal told
        found, expected = row.question(*arguments)
        assert same(found, expected, row), f"{found} beside {expected} of {row.oracle}"
        told += numbers(found)

    drawn = given(row.arguments)(ask)
    for arguments in row.examples:
        drawn = example(arguments)(drawn)
    settings(deadline=None)(drawn)()
    assert told, "undefined in every case: nothing was compared"


@each
def test_a_statistic_tells_its_formula_and_an_example(row: Row) -> None:
    module, _, name = row.statistic.partition(".")
    home = importlib.import_module(f"{package.__name__}.{module}")
    thing: Any = home
    for part in name.split("."):
        thing = getattr(thing, part)
    text = inspect.getdoc(thing) or ""
    assert row.source in text, f"{row.statistic} does not tell {row.source!r}"
    assert ">>>" in text


def test_the_comparison_is_not_content_with_anything() -> None:
    row = TABLE[0]
    assert same((0.5, None), (0.5, None), row)
    for wrong in ((0.5, 0.0), (0.501, None), (None, None)):
        assert not same(wrong, (0.5, None), row)
