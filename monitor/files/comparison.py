"""Two tables, judged column by column by the same detectors as the stream."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.detectors.finding import GRADES, Finding, Statistics
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import InputWindow
from monitor.errors import DataError
from monitor.files.judged import Skipped, common_columns
from monitor.files.table import Table
from monitor.registry.specs import DataDriftSpec, ModelSpec, sealed
from monitor.stats.cells import open_cells, valid_rows
from monitor.stats.column import count
from monitor.stats.grid import Counts, Grid
from monitor.stats.ks import LEAST

#: The stream's own default: below it PSI is mostly chance.
MIN_SAMPLES = DataDriftSpec().min_samples
_PREFIX = "feature/"


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One column's counts on both sides, and what every detector said about it, worst first.

    `n_reference` and `n_current` are the rows that hold a value.
    """

    name: str
    grid: Grid
    reference: Counts
    current: Counts
    n_reference: int
    n_current: int
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> str:
        """The highest grade above low; else why something couldn't be judged; else low."""
        worst = self.findings[0].verdict
        unjudged = [finding.verdict for finding in self.findings if not finding.graded]
        return unjudged[0] if worst == "low" and unjudged else worst

    @property
    def drifted(self) -> bool:
        """Whether any detector grades it above low."""
        return self.severity in GRADES[1:]

    @property
    def judged(self) -> bool:
        """Whether the severity is a grade."""
        return self.severity in GRADES

    @property
    def message(self) -> str:
        """The message of the finding that the severity comes from."""
        return next(f.message for f in self.findings if f.verdict == self.severity)

    @property
    def statistics(self) -> Statistics:
        """Every statistic of every detector by its short name."""
        return {
            name: value for f in reversed(self.findings) for name, value in f.statistics.items()
        }

    @property
    def constant(self) -> bool:
        """Whether the reference fills one cell of quantile PSI only, which then says nothing."""
        cells = open_cells(self.current, self.reference, self.grid)
        return int(np.count_nonzero(cells.reference)) == 1

    @property
    def p_value(self) -> float | None:
        """The p-value of the test that the distribution is the same."""
        return next((f.p_value for f in self.findings if f.detector == "data_drift"), None)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The judged features in the reference's order, and the columns that weren't judged."""

    reference: Table
    current: Table
    features: tuple[Feature, ...]
    skipped: tuple[Skipped, ...]
    only_reference: tuple[str, ...]
    only_current: tuple[str, ...]
    min_samples: int

    @property
    def drifted(self) -> tuple[Feature, ...]:
        """The features that drifted, worst first."""
        worst = sorted(self.features, key=lambda f: -_rank(f.severity))
        return tuple(feature for feature in worst if feature.drifted)

    @property
    def judged(self) -> bool:
        """Whether there was a grade for any feature at all."""
        return any(feature.judged for feature in self.features)


def compare(
    reference: Table,
    current: Table,
    min_samples: int = MIN_SAMPLES,
    exclude: Sequence[str] = (),
) -> Comparison:
    """Judge each column that both tables have, the reference's bins and kinds deciding.

    Raises DataError if no column can be compared, naming what each table has.
    """
    common = common_columns(reference, current, exclude)
    if not common.kinds:
        why = "; ".join(f"{s.column}: {s.reason}" for s in common.skipped)
        raise DataError(
            f"no column to compare: {reference.path} has {_some(reference)}, "
            f"{current.path} has {_some(current)}{f' ({why})' if why else ''}"
        )
    baseline = build_baseline(
        id=reference.path,
        model_id="compare",
        columns={name: reference.as_kind(name, kind) for name, kind in common.kinds.items()},
        kinds=common.kinds,
    )
    counts = baseline.layout.zeros()
    for name, kind in common.kinds.items():
        subject = _PREFIX + name
        counts[baseline.layout.slice(subject)] = count(
            baseline.grid(subject), current.as_kind(name, kind)
        )
    findings = _findings(baseline, counts, current.rows, min_samples)
    return Comparison(
        reference,
        current,
        tuple(_feature(name, baseline, counts, findings) for name in common.kinds),
        common.skipped,
        common.only_reference,
        common.only_current,
        min_samples,
    )


def _findings(
    baseline: Baseline, counts: Counts, rows: int, min_samples: int
) -> dict[str, list[Finding]]:
    """Ask every detector of inputs, and return the findings by subject, worst first."""
    spec = sealed(ModelSpec(id="compare", data_drift=DataDriftSpec(min_samples=min_samples)))
    window = InputWindow(
        spec=spec, version="", start_ms=0, end_ms=0, baseline=baseline, counts=counts, rows=rows
    )
    found: dict[str, list[Finding]] = {}
    for detector in (one for one in detectors_for("data_drift") if not one.sums_up):
        for finding in detector.judge(window):
            found.setdefault(finding.subject, []).append(finding)
    for findings in found.values():
        # The data drift detector first among equals: its message tells more.
        findings.sort(key=lambda f: (-_rank(f.verdict), f.detector != "data_drift"))
    return found


def _feature(
    name: str, baseline: Baseline, counts: Counts, findings: dict[str, list[Finding]]
) -> Feature:
    subject = _PREFIX + name
    grid, reference = baseline.grid(subject), baseline.counts(subject)
    current = counts[baseline.layout.slice(subject)]
    return Feature(
        name,
        grid,
        reference,
        current,
        valid_rows(reference, grid),
        valid_rows(current, grid),
        tuple(findings[subject]),
    )


def _rank(verdict: str) -> int:
    return GRADES.index(verdict) if verdict in GRADES else -1


def _some(table: Table) -> str:
    names = [*table.compared, *table.unreadable]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return what `watchkeeper compare --json` prints.

    A statistic that doesn't apply is absent; one that is unknown is null, and `reasons` says why.
    """
    return {
        "drifted": bool(comparison.drifted),
        "reference": comparison.reference.path,
        "current": comparison.current.path,
        "rows_reference": comparison.reference.rows,
        "rows_current": comparison.current.rows,
        "min_samples": comparison.min_samples,
        "features": [_feature_json(feature) for feature in comparison.features],
        "skipped": [{"column": s.column, "reason": s.reason} for s in comparison.skipped],
        "only_reference": list(comparison.only_reference),
        "only_current": list(comparison.only_current),
    }


def _feature_json(feature: Feature) -> dict[str, Any]:
    statistics = {name: _known(value) for name, value in feature.statistics.items()}
    if feature.constant:
        statistics["psi"] = None
    return {
        "feature": feature.name,
        "kind": feature.grid.kind,
        "n_reference": feature.n_reference,
        "n_current": feature.n_current,
        "statistics": statistics,
        "reasons": {
            name: _unknown(name, feature) for name, value in statistics.items() if value is None
        },
        "p_value": feature.p_value,
        "severity": feature.severity,
        "drifted": feature.drifted,
        "message": feature.message,
        "findings": [
            {
                "detector": finding.detector,
                "statistic": finding.statistic,
                "value": finding.value,
                "threshold": finding.threshold,
                "severity": finding.verdict,
                "message": finding.message,
                "causes": msgspec.to_builtins(finding.causes),
            }
            for finding in feature.findings
        ],
    }


def _known(value: float | list[float] | None) -> float | list[float] | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _unknown(statistic: str, feature: Feature) -> str:
    if feature.n_current == 0 or feature.n_reference == 0:
        side = "current" if feature.n_current == 0 else "reference"
        return f"no row of the {side} holds a value"
    if statistic == "psi" and feature.constant:
        return "the reference holds one value only; the JS divergence is graded instead"
    if statistic == "ks_p":
        return f"fewer than {LEAST} values on a side"
    return "undefined for these counts"
