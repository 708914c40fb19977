"""What has been done to categories: swapped, renamed, merged, gone, filled in, recoded.

The names of new categories are not in the counts; their share is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from monitor.detectors.wording import percent
from monitor.events.types import CauseName
from monitor.explain.candidate import Candidate
from monitor.explain.evidence import Evidence
from monitor.stats.cells import NAME_CHARACTERS
from monitor.stats.grid import CategoricalGrid, Counts, Floats
from monitor.stats.rates import rates

_MISSED = 1e-6
_CONSTANT = 0.995
#: Rows that a category needs on both sides, to be compared by itself.
_ROWS = 5
#: Of so many categories that moved most, all pairs are tried.
_MOVED = 8
#: Unseen rows are told from so much above the expected share on.
_NEW = 0.01


@dataclass(frozen=True, eq=False)
class Categories:
    """Cells: the first K categories of the grid, the other ones together, and what is unseen."""

    grid: CategoricalGrid
    evidence: Evidence
    then: Floats
    now: Floats

    @classmethod
    def of(
        cls, current: Counts, reference: Counts, grid: CategoricalGrid, dispersion: float
    ) -> Categories | None:
        """The cells of a column's counts; None if nothing is to be explained."""
        grid.check(current), grid.check(reference)
        n, m = int(current[: grid.bins + 2].sum()), int(reference[: grid.bins + 2].sum())
        if n == 0 or m == 0:
            return None
        often = (
            np.maximum(current[: grid.bins] / n, reference[: grid.bins] / m) * min(n, m) >= _ROWS
        )
        k = int(np.flatnonzero(often)[-1]) + 1 if often.any() else 0

        now, then = cells(current, grid, k), cells(reference, grid, k)
        evidence = Evidence.of(now, then, dispersion)
        if evidence is None:
            return None
        then = evidence.reference / evidence.reference.sum()
        return cls(grid, evidence, then, evidence.current / evidence.rows)

    @property
    def known(self) -> int:
        """How many cells are a category each."""
        return self.then.size - 2

    def name(self, cell: int) -> str:
        """A category as it is told."""
        text = self.grid.categories[cell]
        return f'"{text if len(text) <= NAME_CHARACTERS else text[: NAME_CHARACTERS - 1] + "…"}"'

    def gone(self) -> list[int]:
        """Categories of which there should be rows, and are none."""
        lost = self.then[: self.known] * self.evidence.worth > -math.log(_MISSED)
        return np.flatnonzero(lost & (self.now[: self.known] == 0)).tolist()

    def testable(self, estimated: int) -> bool:
        """Whether anything is left to test, once so many shares are taken as they are."""
        return int(np.sum((self.then + self.now) > 0)) - 1 - estimated >= 2


def cells(counts: Counts, grid: CategoricalGrid, known: int) -> Counts:
    """Of int64[grid.width] the first `known` categories, all others together, and unseen ones."""
    rest = counts[known : grid.bins + 1].sum()
    return np.concatenate((counts[:known], [rest, counts[grid.UNSEEN]])).astype(np.int64)


def swapped_categories(found: Categories) -> list[Candidate]:
    """Two categories have each other's share."""
    moved = np.argsort(-np.abs(found.now - found.then)[: found.known], kind="stable")[:_MOVED]
    pairs = [
        (a, b)
        for a, b in combinations(sorted(moved.tolist()), 2)
        if (found.now[a] - found.then[a]) * (found.now[b] - found.then[b]) < 0
    ]
    tried = []
    for a, b in pairs:
        shares = found.then.copy()
        shares[[a, b]] = shares[[b, a]]
        fit = found.evidence.fit(shares, tried=len(pairs))
        detail = (
            f"two swapped categories: {found.name(a)} has the {percent(float(found.then[b]))} "
            f"of {found.name(b)}, and that one its {percent(float(found.then[a]))}"
        )
        figures = {"share": float(found.then[a]), "other_share": float(found.then[b])}
        tried.append(Candidate("swapped_categories", detail, fit, figures | fit.figures))
    return tried


def gone_categories(found: Categories) -> list[Candidate]:
    """A category is gone: renamed, merged into another one, or without its rows."""
    tried = []
    for at in found.gone()[:_MOVED]:
        share = float(found.then[at])
        figures = {"share": share}
        left = found.then.copy()
        left[at] = 0.0
        what = f"{found.name(at)}, {percent(share)} of the baseline"
        if left.any():
            fit = found.evidence.fit(left / left.sum())
            detail = f"a category that is gone: {what}"
            tried.append(Candidate("category_gone", detail, fit, figures | fit.figures))
        renamed = left.copy()
        renamed[-1] += share
        fit = found.evidence.fit(renamed)
        detail = f"a renamed category: {what}, is gone, and as many rows have an unseen one"
        tried.append(Candidate("renamed_category", detail, fit, figures | fit.figures))
        for other in range(found.known):
            if found.now[other] > found.then[other]:
                merged = left.copy()
                merged[other] += share
                fit = found.evidence.fit(merged, tried=found.known)
                detail = f"a merged category: {what}, now counts as {found.name(other)}"
                tried.append(Candidate("merged_category", detail, fit, figures | fit.figures))
    return tried


def filled_category(found: Categories) -> list[Candidate]:
    """A share of all rows, whatever they were, has come to stand in one known category."""
    if not found.known:
        return []
    at = int(np.argmax((found.now - found.then)[: found.known]))
    then, now = float(found.then[at]), float(found.now[at])
    if then < 0.5 and now >= _CONSTANT:
        shares = np.zeros(found.then.size)
        shares[at] = 1.0
        fit = found.evidence.fit(shares, tried=found.known)
        detail = f"a constant column: {percent(now)} of the values are {found.name(at)}"
        return [Candidate("constant", detail, fit, {"share": now} | fit.figures)]
    if now <= then or now >= _CONSTANT or not found.testable(1):
        return []
    share = (now - then) / (1 - then)
    shares = found.then * (1 - share)
    shares[at] += share
    fit = found.evidence.fit(shares, estimated=1, tried=found.known)
    detail = f"a filled-in value: {percent(share)} of the values became {found.name(at)}"
    return [Candidate("filled_in", detail, fit, {"share": share} | fit.figures)]


def new_categories(found: Categories, current: Counts, reference: Counts) -> list[Candidate]:
    """More rows have an unseen category than without any change, and the rest is as it was.

    How many are to be expected is Good and Turing's estimate; the test is exact.
    """
    rate = rates(current, reference, found.grid)["unseen_rate"]
    excess, p_value = rate.excess, rate.p_value
    if excess is None or p_value is None or excess < _NEW or p_value >= _MISSED:
        return []
    share = float(found.now[-1])
    shares = found.then * (1 - share)
    shares[-1] = share
    fit = found.evidence.fit(shares, estimated=1)
    detail = (
        "a new spelling or code: every category is unseen"
        if share >= _CONSTANT
        else f"new categories: {percent(share)} of the rows, and the rest is as it was"
    )
    figures = {"share": share, "expected": rate.reference or 0.0} | fit.figures
    cause: CauseName = "recoded" if share >= _CONSTANT else "new_categories"
    return [Candidate(cause, detail, fit, figures)]
