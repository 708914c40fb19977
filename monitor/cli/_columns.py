"""The columns of a baseline in a terminal: how they are counted, and how they are spread."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.baselines.baseline import Baseline
from monitor.cli._terminal import blocks
from monitor.events.timestamps import rfc3339
from monitor.files.shape import bars, shape
from monitor.stats.cells import valid_rows
from monitor.stats.grid import CategoricalGrid
from monitor.stats.performance import performance

#: Bars of a histogram.
BARS = 12


def columns(baseline: Baseline, out: Console) -> Table:
    """Return a table with a row for each column."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("column", overflow="fold")
    table.add_column("kind")
    table.add_column("values", justify="right")
    table.add_column("null", justify="right")
    table.add_column("wrong type", justify="right")
    table.add_column("counted in")
    table.add_column("spread", no_wrap=True)
    for column in baseline.layout.columns:
        grid, counts = column.grid, baseline.counts(column.subject)
        spread = shape(counts, counts, grid, BARS).reference
        table.add_row(
            Text(column.subject.removeprefix("feature/")),
            grid.kind,
            f"{valid_rows(counts, grid):,}",
            f"{counts[grid.NULL] / baseline.rows:.1%}",
            f"{counts[grid.TYPE_ERROR] / baseline.rows:.1%}",
            _categories(grid) if isinstance(grid, CategoricalGrid) else f"{grid.bins - 2:,} bins",
            Text(bars(spread, float(spread.max(initial=0)), blocks(out)), "dim"),
        )
    return table


def period(baseline: Baseline) -> str:
    """The first and last time of the reference, if they are known."""
    if baseline.start_ms is None or baseline.end_ms is None:
        return ""
    return f" from {rfc3339(baseline.start_ms)} to {rfc3339(baseline.end_ms)}"


def labels(baseline: Baseline) -> str | None:
    """What is known of the reference's labels; None where it has none."""
    outcomes = baseline.outcomes
    if outcomes is None:
        return None
    matrix = outcomes.total
    labelled = int(matrix.sum())
    accuracy = performance(matrix, "accuracy")
    right = "" if accuracy is None else f", accuracy {accuracy:.4f}"
    ages = (
        "" if outcomes.ages_known else "; label ages unknown: every age compares with all of them"
    )
    share = labelled / outcomes.predictions if outcomes.predictions else 0.0
    classes = len(outcomes.classes) - 1
    return (
        f"Labels in time: {labelled:,} of {outcomes.predictions:,} predictions ({share:.1%}), "
        f"{classes} classes{right}{ages}."
    )


def _categories(grid: CategoricalGrid) -> str:
    more = f" + {len(grid.others):,} in one" if grid.others else ""
    return f"{grid.bins:,} categories{more}"
