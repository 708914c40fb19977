"""A baseline's file, in a terminal and for machines."""

from typing import Any

from rich.console import Console
from rich.text import Text

from monitor.baselines.baseline import Baseline
from monitor.baselines.own_windows import OwnWindows
from monitor.cli._columns import columns, labels, period
from monitor.cli._own_windows import file_size, own_windows, rows_of_one
from monitor.events.timestamps import rfc3339
from monitor.registry.durations import duration_text
from monitor.stats.cells import valid_rows


def show(baseline: Baseline, size: int, out: Console) -> None:
    """Print what a file of so many bytes holds."""
    out.print(
        Text(f"{baseline.id} of {baseline.model_id}: {baseline.rows:,} rows{period(baseline)}")
    )
    out.print(Text(f"fingerprint {baseline.fingerprint}, {file_size(baseline, size)}", "dim"))
    out.print()
    out.print(columns(baseline, out))
    out.print()
    told = labels(baseline) or "No labels: performance cannot be judged with it."
    none = "No own windows: the limits alone judge, and no budget of false alarms is kept."
    for line in (told, *(list(own_windows(baseline)) or [none])):
        out.print(Text(line, "dim"))


def described(baseline: Baseline) -> dict[str, Any]:
    """The same as a JSON object."""
    outcomes = baseline.outcomes
    return {
        "id": baseline.id,
        "model_id": baseline.model_id,
        "fingerprint": baseline.fingerprint,
        "rows": baseline.rows,
        "from": _time(baseline.start_ms),
        "to": _time(baseline.end_ms),
        "until": _time(baseline.until_ms),
        "columns": [_column(baseline, subject) for subject in baseline.layout.subjects],
        "labels": None
        if outcomes is None
        else {
            "classes": list(outcomes.classes[:-1]),
            "predictions": outcomes.predictions,
            "in_time": int(outcomes.total.sum()),
            "ages_known": outcomes.ages_known,
        },
        "own_windows": [_own(own) for own in baseline.own],
    }


def _column(baseline: Baseline, subject: str) -> dict[str, Any]:
    grid, counts = baseline.grid(subject), baseline.counts(subject)
    return {
        "subject": subject,
        "kind": grid.kind,
        "bins": grid.bins,
        "values": valid_rows(counts, grid),
        "null": int(counts[grid.NULL]),
        "type_error": int(counts[grid.TYPE_ERROR]),
    }


def _own(own: OwnWindows) -> dict[str, Any]:
    return {
        "size": duration_text(own.size_ms),
        "windows": own.windows,
        "from": rfc3339(int(own.starts[0])),
        "to": rfc3339(int(own.starts[-1]) + own.size_ms),
        "median_rows": rows_of_one(own),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
