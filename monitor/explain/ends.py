"""Has something been done to a part of a numeric column? Clipping, truncation, a filled-in value.

The rest of the distribution is as it was: that is what the fit tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from monitor.detectors.wording import number, percent, span
from monitor.events.types import CauseName
from monitor.explain.axis import Axis
from monitor.explain.candidate import Candidate
from monitor.explain.evidence import Evidence, spread
from monitor.stats.grid import Floats

#: The chance that as many rows miss a tail which is still there.
_MISSED = 1e-6
#: What remains as it was must be so much of the rows.
_LEFT = 0.2
#: A bin narrower than this, of the range of the middle four fifths, is one value.
_ONE = 0.01
#: All rows but so few in one bin are a constant column.
_CONSTANT = 0.995


@dataclass(frozen=True, slots=True)
class _End:
    """One end of what is there now: its bin, the bins beyond it, and what share these had."""

    name: Literal["below", "above"]
    at: int
    beyond: slice
    lost: float

    def limit(self, axis: Axis) -> float:
        """The value at which the bin ends."""
        edges, at = axis.grid.edges, self.at
        if 0 < at < edges.size and axis.grid.single[at - 1]:
            return float(edges[at - 1])
        return float(edges[min(max(at - (self.name == "below"), 0), edges.size - 1)])


def cut_off(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Values beyond a limit are gone, or all stand at the limit; at one end or at both."""
    some = np.flatnonzero(axis.current)
    low, high = int(some[0]), int(some[-1])
    if not spread(axis.shares_now[low + 1 : high], _LEFT):
        return []
    ends = [
        end
        for end in (
            _End("below", low, slice(None, low), float(axis.shares[:low].sum())),
            _End("above", high, slice(high + 1, None), float(axis.shares[high + 1 :].sum())),
        )
        if end.lost * evidence.worth > -math.log(_MISSED)
    ]
    if not ends:
        return []
    ways = product(("set to it", "gone"), repeat=len(ends))
    return [_cut(axis, evidence, list(zip(ends, way, strict=True))) for way in ways]


def _cut(axis: Axis, evidence: Evidence, ends: list[tuple[_End, str]]) -> Candidate:
    shares, whole = axis.shares.copy(), 1.0
    free: dict[int, float] = {}
    lost = sum(end.lost for end, _ in ends)
    for end, way in ends:
        shares[end.beyond] = 0.0
        if way == "gone":
            # Where in its bin the limit lies is not known: it has left as many as there are.
            free[end.at] = min(
                float(axis.shares_now[end.at]), float(axis.shares[end.at]) / (1 - lost)
            )
            shares[end.at] = 0.0
            whole -= free[end.at]
        else:
            shares[end.at] += end.lost
    shares *= whole / shares.sum()
    for at, share in free.items():
        shares[at] = share
    fit = evidence.fit(axis.merged(shares), estimated=len(ends), tried=2)
    cause: CauseName = "clipping" if any(way != "gone" for _, way in ends) else "truncation"
    words: list[str] = []
    figures: dict[str, float] = {}
    for end, way in ends:
        limit = end.limit(axis)
        words.append(f"the {percent(end.lost)} of values {end.name} {number(limit)} are {way}")
        figures |= {f"limit_{end.name}": limit, f"share_{end.name}": end.lost}
    return Candidate(cause, f"{cause}: {' and '.join(words)}", fit, figures | fit.figures)


def filled_in(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """A share of all rows has come to stand in one bin: a default value, or rows of another kind.

    In an open bin it is not known whether they have one value.
    """
    at = int(np.argmax(axis.shares_now - axis.shares))
    then, now = float(axis.shares[at]), float(axis.shares_now[at])
    if then >= 1 or now <= then or now >= _CONSTANT:
        return []
    share = (now - then) / (1 - then)
    if not spread(np.delete(axis.shares_now, at), _LEFT):
        return []
    shares = axis.shares * (1 - share)
    shares[at] += share
    fit = evidence.fit(axis.merged(shares), estimated=1, tried=axis.current.size)
    edges = axis.grid.edges
    figures = {"share": share} | fit.figures
    if 0 < at < edges.size:
        where = span(float(edges[at - 1]), float(edges[at]))
        detail = f"a filled-in value: {percent(share)} of the values became {where}"
        return [Candidate("filled_in", detail, fit, {"value": float(edges[at - 1])} | figures)]
    side, limit = ("below", edges[0]) if at == 0 else ("above", edges[-1])
    detail = (
        f"foreign values: {percent(share)} lie {side} the baseline's {number(float(limit))}, "
        "and the rest is as it was"
    )
    return [Candidate("foreign_values", detail, fit, {"limit": float(limit)} | figures)]


def constant(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """All rows stand in one bin that held less than half of them."""
    at = int(np.argmax(axis.current))
    edges = axis.grid.edges
    if axis.shares_now[at] < _CONSTANT or axis.shares[at] > 0.5 or not 0 < at < edges.size:
        return []
    if not axis.grid.single[at - 1] and edges[at] - edges[at - 1] > _ONE * axis.scale:
        return []
    shares: Floats = np.zeros(axis.current.size)
    shares[at] = 1.0
    fit = evidence.fit(axis.merged(shares), tried=axis.current.size)
    low, high = float(edges[at - 1]), float(edges[at])
    within = "" if axis.grid.single[at - 1] else "within "
    detail = f"a constant column: {percent(float(axis.shares_now[at]))} of the values are "
    figures = {"value": low, "share": float(axis.shares_now[at])} | fit.figures
    return [Candidate("constant", detail + within + span(low, high), fit, figures)]
