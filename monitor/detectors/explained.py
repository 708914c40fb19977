"""Findings with what probably happened, and since when: of medium and graver ones.

A cause is told where it accounts for what has moved. It stands beside the verdict, and never
changes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from monitor.detectors.features import ColumnCounts
from monitor.detectors.finding import GRADES, Cause, Finding
from monitor.detectors.window import Calibrated
from monitor.events.timestamps import rfc3339
from monitor.events.types import Span
from monitor.explain.began import began
from monitor.explain.column import explain_column
from monitor.explain.nulls import null_burst
from monitor.explain.swapped import Column, swapped_columns
from monitor.stats.psi import psi

#: Rates of rows that hold no value: of what the others hold they say nothing.
_VALUELESS = ("null_rate", "type_error_rate")

#: A drift begins with a change before which PSI against the reference was at most this part of it.
BEGINS = 0.5


def explained(
    findings: Sequence[Finding], columns: Sequence[ColumnCounts], calibrated: Calibrated | None
) -> list[Finding]:
    """The findings, each that moved with its causes and with the words for them in its message.

    Without what is usual, rows count as independent of one another, and no beginning is known.
    """
    moved = {finding.subject for finding in findings if finding.verdict in GRADES[1:]}
    found = {column.subject: column for column in columns if column.subject in moved}
    if not found:
        return list(findings)
    swapped = swapped_columns(
        {subject: Column(c.grid, c.current, c.reference) for subject, c in found.items()}
    )
    told = []
    for finding in findings:
        column = found.get(finding.subject)
        if column is not None:
            finding = _with_causes(finding, column, swapped, calibrated)
            finding = _with_beginning(finding, calibrated)
        told.append(finding)
    return told


def _with_causes(
    finding: Finding,
    column: ColumnCounts,
    swapped: dict[str, Cause],
    calibrated: Calibrated | None,
) -> Finding:
    counts = column.current, column.reference, column.grid
    if finding.statistic in _VALUELESS:
        # Its message says as much already.
        burst = null_burst(*counts) if finding.statistic == "null_rate" else None
        return replace(finding, causes=(burst,)) if burst else finding
    usual = calibrated.usual.get(finding.subject) if calibrated else None
    swap = swapped.get(finding.subject)
    # Of a rate out of range: where every value has changed, data drift says so.
    causes = (
        (swap,)
        if swap
        else explain_column(
            *counts,
            usual.dispersion if usual else 1.0,
            parts_only=finding.statistic == "out_of_range_rate",
        )
    )
    if not causes:
        return finding
    if finding.statistic == "unseen_rate" and causes[0].cause == "new_categories":
        return replace(finding, causes=causes)
    told = ", or ".join(cause.detail for cause in causes)
    return replace(finding, causes=causes, message=f"{finding.message} Probably {told}.")


def _with_beginning(finding: Finding, calibrated: Calibrated | None) -> Finding:
    """When the counts of the last looks changed, once, if they did; a rate has no such counts."""
    if calibrated is None or finding.statistic.endswith("_rate"):
        return finding
    looks = calibrated.looks.get(finding.subject, ())
    ends = calibrated.ends.get(finding.subject, ())
    windows = np.array(looks)
    change = began(windows) if len(looks) and len(looks) == len(ends) else None
    if change is None or finding.subject not in calibrated.usual:
        return finding
    reference = calibrated.usual[finding.subject].reference
    before = psi(windows[: change.at].sum(axis=0), reference)
    after = psi(windows[change.at :].sum(axis=0), reference)
    # Where what came before was as far off, one change among others has been found.
    if before is None or after is None or before > after * BEGINS:
        return finding
    start, end = rfc3339(ends[change.low] - calibrated.size_ms), rfc3339(ends[change.high])
    told = f"{finding.message} It began between {start} and {end}."
    return replace(finding, began=Span(start, end), message=told)
