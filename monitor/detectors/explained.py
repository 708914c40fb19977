"""Findings with what probably happened: of medium and graver ones, where a cause accounts for it.

A cause is told beside the verdict and never changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from monitor.detectors.features import ColumnCounts
from monitor.detectors.finding import Cause, Finding
from monitor.explain.column import explain_column
from monitor.explain.nulls import null_burst
from monitor.explain.swapped import Column, swapped_columns

_GRAVE = ("medium", "high", "critical")


def explained(findings: Sequence[Finding], columns: Iterable[ColumnCounts]) -> list[Finding]:
    """The findings, each that moved with its causes and with the words for them in its message."""
    moved = {finding.subject for finding in findings if finding.verdict in _GRAVE}
    if not moved:
        return list(findings)
    counts = {column.subject: column for column in columns if column.subject in moved}
    swapped = swapped_columns(
        {
            subject.removeprefix("feature/"): Column(c.grid, c.current, c.reference)
            for subject, c in counts.items()
        }
    )
    return [
        _with_causes(finding, counts[finding.subject], swapped)
        if finding.subject in counts
        else finding
        for finding in findings
    ]


def _with_causes(finding: Finding, column: ColumnCounts, swapped: dict[str, Cause]) -> Finding:
    counts = column.current, column.reference, column.grid
    if finding.statistic in ("null_rate", "type_error_rate"):
        # Its message says as much already.
        burst = null_burst(*counts) if finding.statistic == "null_rate" else None
        return replace(finding, causes=(burst,)) if burst else finding
    swap = swapped.get(finding.subject.removeprefix("feature/"))
    causes = (swap,) if swap else explain_column(*counts)
    if not causes:
        return finding
    if finding.statistic == "unseen_rate" and causes[0].cause == "new_categories":
        return replace(finding, causes=causes)
    told = ", or ".join(cause.detail for cause in causes)
    return replace(finding, causes=causes, message=f"{finding.message} Probably {told}.")
