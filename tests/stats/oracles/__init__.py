"""The table of the statistics: each with its source, and another way to compute the same.

A row is a function that takes drawn arguments and returns two results: ours, and the oracle's. The
modules of this package hold the rows; `tests.stats.test_conformance` walks them.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

#: What is compared: numbers, None where undefined, and tuples of them.
Result = Any
Question = Callable[..., tuple[Result, Result]]

ROWS: list["Row"] = []


@dataclass(frozen=True)
class Row:
    """A statistic of `monitor.stats`, as `module.name`, and what it is compared with.

    `source` is found in its docstring: the author of the formula, or the formula itself. `examples`
    are cases that chance may miss.
    """

    statistic: str
    source: str
    oracle: str
    arguments: st.SearchStrategy[tuple[Any, ...]]
    question: Question
    rel: float
    abs: float
    examples: tuple[tuple[Any, ...], ...]


def row(
    statistic: str,
    source: str,
    oracle: str,
    *arguments: st.SearchStrategy[Any],
    rel: float = 1e-9,
    abs: float = 1e-12,
    examples: tuple[tuple[Any, ...], ...] = (),
) -> Callable[[Question], Question]:
    """Make the decorated function a row of the table."""

    def register(question: Question) -> Question:
        drawn = st.tuples(*arguments)
        ROWS.append(Row(statistic, source, oracle, drawn, question, rel, abs, examples))
        return question

    return register


def table() -> list[Row]:
    """Every row of every module of the package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(ROWS, key=lambda found: found.statistic)
