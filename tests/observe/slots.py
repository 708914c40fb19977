"""In which slot a value belongs, told by a loop: an oracle that shares no code with the grids."""

from typing import Any

from monitor.stats.grid import CategoricalGrid, Grid, NumericGrid


def slot(grid: Grid, value: Any) -> int:
    """The slot of one value as it stands in an event; None is a null."""
    if isinstance(grid, NumericGrid):
        return _numeric(grid, value)
    return _categorical(grid, value)


def _numeric(grid: NumericGrid, value: Any) -> int:
    if value is None:
        return grid.width + grid.NULL
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return grid.width + grid.TYPE_ERROR
    return sum(1 for edge in grid.edges.tolist() if edge <= value)


def _categorical(grid: CategoricalGrid, value: Any) -> int:
    if value is None:
        return grid.width + grid.NULL
    if isinstance(value, (list, dict)):
        return grid.width + grid.TYPE_ERROR
    name = value if isinstance(value, str) else str(value).lower()
    if name in grid.categories:
        return grid.categories.index(name)
    return grid.width + (grid.OTHER if name in grid.others else grid.UNSEEN)
