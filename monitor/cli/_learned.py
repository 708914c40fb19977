"""How a baseline that was just built looks in a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.baselines.baseline import Baseline
from monitor.events.timestamps import rfc3339
from monitor.files.reference import Learned
from monitor.stats.cells import valid_rows
from monitor.stats.grid import CategoricalGrid
from monitor.stats.performance import performance


def show(learned: Learned, path: str, out: Console) -> None:
    """Print each column with its bins, what the labels said, and where it was written."""
    baseline = learned.baseline
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("column", overflow="fold")
    table.add_column("kind")
    table.add_column("values", justify="right")
    table.add_column("null", justify="right")
    table.add_column("wrong type", justify="right")
    table.add_column("counted in")
    for column in baseline.layout.columns:
        grid, counts = column.grid, baseline.counts(column.subject)
        table.add_row(
            Text(column.subject.removeprefix("feature/")),
            grid.kind,
            f"{valid_rows(counts, grid):,}",
            f"{counts[grid.NULL] / baseline.rows:.1%}",
            f"{counts[grid.TYPE_ERROR] / baseline.rows:.1%}",
            _bins(grid.bins - 2, "bins")
            if grid.kind == "numeric"
            else _categories(baseline, column.subject),
        )
    out.print(table)
    out.print()
    for line in (*_skipped(learned), _outcomes(learned)):
        out.print(Text(line, "dim"))
    rows = f"{baseline.rows:,} rows{_period(baseline)}"
    out.print(Text(f"Wrote {path}: {baseline.id}, {rows}, fingerprint {baseline.fingerprint}"))


def _bins(count: int, what: str) -> str:
    return f"{count:,} {what}"


def _categories(baseline: Baseline, subject: str) -> str:
    grid = baseline.grid(subject)
    assert isinstance(grid, CategoricalGrid)
    more = f" + {len(grid.others):,} in one" if grid.others else ""
    return _bins(grid.bins, "categories") + more


def _skipped(learned: Learned) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for skipped in learned.skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.column)
    return [f"Left out ({why}): {', '.join(names)}" for why, names in reasons.items()]


def _outcomes(learned: Learned) -> str:
    outcomes = learned.baseline.outcomes
    if outcomes is None:
        lacks = [role for role in ("prediction", "label") if role not in learned.roles]
        why = (
            f": no column of {' or '.join(lacks)}" if lacks else ", which a regression's cannot yet"
        )
        return f"Performance cannot be judged with it{why}."
    matrix = outcomes.total
    labelled = int(matrix.sum())
    accuracy = performance(matrix, "accuracy")
    told = "" if accuracy is None else f", accuracy {accuracy:.4f}"
    ages = (
        "" if outcomes.ages_known else "; label ages unknown: every age compares with all of them"
    )
    share = labelled / outcomes.predictions if outcomes.predictions else 0.0
    classes = len(outcomes.classes) - 1
    return (
        f"Labels in time: {labelled:,} of {outcomes.predictions:,} predictions ({share:.1%}), "
        f"{classes} classes{told}{ages}."
    )


def _period(baseline: Baseline) -> str:
    if baseline.start_ms is None or baseline.end_ms is None:
        return ""
    return f" from {rfc3339(baseline.start_ms)} to {rfc3339(baseline.end_ms)}"
