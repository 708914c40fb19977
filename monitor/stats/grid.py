"""The bins of a column: numeric or categorical, frozen with the baseline that they belong to."""

from collections.abc import Mapping
from typing import Any

from monitor.errors import BaselineError
from monitor.stats.categorical import CategoricalGrid, build_categorical, canonical, is_null
from monitor.stats.numeric import Counts, Floats, Indexes, NumericGrid, build_numeric

__all__ = [
    "CategoricalGrid",
    "Counts",
    "Floats",
    "Grid",
    "Indexes",
    "NumericGrid",
    "build_categorical",
    "build_numeric",
    "canonical",
    "grid_from_dict",
    "is_null",
]

Grid = NumericGrid | CategoricalGrid


def grid_from_dict(data: Mapping[str, Any]) -> Grid:
    """Return the grid that a grid's `to_dict` described; raises BaselineError if there is none."""
    match data.get("kind"):
        case "numeric":
            return NumericGrid.from_dict(data)
        case "categorical":
            return CategoricalGrid.from_dict(data)
        case kind:
            raise BaselineError(
                f"unknown kind of grid {kind!r}; known: categorical, numeric; rebuild the baseline"
            )
