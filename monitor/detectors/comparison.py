"""One column of a window beside its baseline: every statistic there is, none of them judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.detectors.finding import Statistics, TopBin
from monitor.detectors.severity import article_severity, exceeds, rank
from monitor.detectors.wording import bin_names
from monitor.stats.auc import auc
from monitor.stats.cells import Cells, chi2_cells, closed_cells, open_cells, valid_rows
from monitor.stats.chi2 import chi2
from monitor.stats.grid import Counts, Floats, Grid, NumericGrid
from monitor.stats.hellinger import hellinger
from monitor.stats.js import js
from monitor.stats.ks import ks
from monitor.stats.psi import FLOOR, expected_psi, psi, psi_uniform

#: How many bins are named in a finding.
MOST_BINS = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """One effect size of a column, with the rows and the cells that it rests on.

    `expected` is its mean when nothing has changed; `top_bins` are the cells that contribute
    most to it, in order.
    """

    statistic: str
    label: str
    value: float
    expected: float | None
    n_reference: int
    n_current: int
    top_bins: tuple[TopBin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What is known of a column on both sides; a measure is None where it says nothing.

    `psi` is None if its cells tell no two values apart (a constant baseline), or hold no row;
    `p_value` is Kolmogorov-Smirnov's for numbers, chi-squared's for categories.
    """

    valid: int
    valid_reference: int
    psi: Measure | None
    js: Measure | None
    p_value: float | None
    statistics: Statistics


def compare_column(current: Counts, reference: Counts, grid: Grid) -> Comparison:
    """Compare the counts of a column, int64[grid.width] each; raises GridMismatch if they aren't.

    The statistics by their short names: `psi` over at most ten quantile bins or categories,
    `psi_uniform` over the article's ten equal bins, `auc` (0.5 is no shift), `ks` with
    `ks_interval` around the exact distance, `js_divergence` in nats, `js_distance` its root in
    base 2, `hellinger`, `chi2`; p-values end in `_p`. A statistic that doesn't apply is absent;
    one that is undefined is None. `plain_*` are the article's own verdicts: a severity as 0 to 3,
    a yes as 1.
    """
    opened, closed = open_cells(current, reference, grid), closed_cells(current, reference, grid)
    valid, valid_reference = valid_rows(current, grid), valid_rows(reference, grid)
    divergence = js(closed.current, closed.reference)
    homogeneity = chi2(*_both(chi2_cells(current, reference, grid)))
    statistics: Statistics = {
        "psi": psi(*_both(opened)),
        "js_divergence": divergence.divergence_nats if divergence else None,
        "js_distance": divergence.distance_base2 if divergence else None,
        "hellinger": hellinger(*_both(closed)),
        "chi2": homogeneity.statistic if homogeneity else None,
        "chi2_p": homogeneity.p_value if homogeneity else None,
    }
    p_value = homogeneity.p_value if homogeneity else None
    if isinstance(grid, NumericGrid):
        statistics |= _numeric(current, reference, grid)
        known = statistics["ks_p"]
        p_value = known if isinstance(known, float) else p_value
    n, m = int(opened.current.sum()), int(opened.reference.sum())
    compared = int(np.count_nonzero(opened.reference))
    value = statistics["psi"]
    by_psi = by_js = None
    if isinstance(value, float) and compared > 1:
        by_psi = Measure(
            "psi", "PSI", value, expected_psi(compared, n, m), m, n,
            _top(opened, bin_names(grid, opened.names, closed=False), _psi_terms(*_shares(opened))),
        )  # fmt: skip
    if divergence is not None:
        # For small differences PSI is about 8 times JS, and so are their means under no drift.
        chance = expected_psi(int(np.count_nonzero(closed.reference)), valid, valid_reference)
        by_js = Measure(
            "js_divergence", "JS divergence (nats)", divergence.divergence_nats,
            chance / 8 if chance is not None else None, valid_reference, valid,
            _top(closed, bin_names(grid, closed.names, closed=True), _js_terms(*_shares(closed))),
        )  # fmt: skip
    return Comparison(valid, valid_reference, by_psi, by_js, p_value, statistics)


def _numeric(current: Counts, reference: Counts, grid: NumericGrid) -> Statistics:
    order, distance = auc(current, reference, grid), ks(current, reference, grid)
    uniform = psi_uniform(current, reference, grid)
    found: Statistics = {
        "psi_uniform": uniform,
        "auc": order.value if order else None,
        "auc_p": order.p_value if order else None,
        "ks": distance.d if distance else None,
        "ks_interval": [distance.low, distance.high] if distance else None,
        "ks_p": distance.p_value if distance else None,
    }
    if uniform is not None:
        found["plain_psi_severity"] = float(rank(article_severity(uniform, 0.0)))
    if distance is not None:
        found["plain_ks_severity"] = float(
            2 if exceeds(distance.d, 0.2) else 1 if exceeds(distance.d, 0.1) else 0
        )
        if distance.p_value is not None:
            found["plain_ks_drifted"] = float(distance.p_value < 0.05)
    return found


def _both(cells: Cells) -> tuple[Counts, Counts]:
    return cells.current, cells.reference


def _shares(cells: Cells) -> tuple[Floats, Floats]:
    return cells.current / cells.current.sum(), cells.reference / cells.reference.sum()


def _psi_terms(p: Floats, q: Floats) -> Floats:
    p, q = np.where(p == 0, FLOOR, p), np.where(q == 0, FLOOR, q)
    return np.asarray((p - q) * np.log(p / q))


def _js_terms(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    terms = np.zeros_like(middle)
    for side in (p, q):
        some = side > 0
        terms[some] += side[some] * np.log(side[some] / middle[some])
    return terms


def _top(cells: Cells, names: Sequence[str], terms: Floats) -> tuple[TopBin, ...]:
    p, q = _shares(cells)
    ranked = [i for i in np.argsort(-terms, kind="stable").tolist() if p[i] != q[i]]
    return tuple(
        TopBin(bin=names[i], reference=float(q[i]), current=float(p[i])) for i in ranked[:MOST_BINS]
    )
