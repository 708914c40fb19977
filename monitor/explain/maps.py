"""Has every value been changed alike? Unit changes, shifts, sign flips, rounding.

A map moves every quantile of the baseline. Its figure is the one under which the rows now are
likeliest, and it is named only if the rows leave it hardly any room.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from monitor.detectors.wording import number
from monitor.explain.axis import Axis
from monitor.explain.candidate import Candidate
from monitor.explain.evidence import Evidence, spread
from monitor.explain.units import AFFINE, KNOWN, SHIFTS, named_factor
from monitor.stats.grid import Floats

_LEVELS = np.arange(1, 20) / 20
#: Log-likelihood that an interval of 99 % gives up: half of chi-squared's quantile.
_GIVEN_UP = 3.317
#: Between a unit's factor and others an interval must tell: so wide it may be, relative to it.
_NARROW = 0.1
#: And so wide as to tell of a figure at all, relative to how far it lies from no change.
_TOLD = 0.75
#: An interval is looked for so far on either side, in steps that grow.
_ASIDE = np.concatenate(([0.0], np.geomspace(1e-6, 1.0, 60)))
_STEPS = np.array([s * 10.0**e for e in range(-3, 7) for s in (1.0, 2.0, 5.0)])
#: The greatest shift of whole numbers that is looked for.
_WHOLE = 1000
_LOGS = np.log([factor for factor, _ in KNOWN])
#: What a known factor may lie outside of its interval: it was rounded once, too.
_SLACK = 1e-3


def scaled(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value times one factor: a unit change where the factor is a known one.

    A known one may have been rounded to whole numbers after.
    """
    now, then = axis.quantiles(axis.current, _LEVELS), axis.quantiles(axis.reference, _LEVELS)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(now / then)

    def shares(logs: Floats, step: float = 0.0) -> Floats:
        return axis.mapped(axis.targets(step) * np.exp(-logs)[:, None])

    seeds = np.concatenate((ratios[np.isfinite(ratios)], _LOGS, np.linspace(-8.0, 8.0, 161)))
    best, low, high = _fitted(evidence, shares, seeds, 0.05)
    found = []
    predicted = np.concatenate([shares(_LOGS, step) for step in (0.0, 1.0)])
    at = int(np.argmax(evidence.likelihoods(predicted)))
    factor, units = KNOWN[at % len(KNOWN)]
    if at < len(KNOWN):
        ends = low, high
    else:
        ends = _interval(evidence, lambda logs: shares(logs, 1.0), math.log(factor))
    inside = ends[0] - _SLACK <= math.log(factor) <= ends[1] + _SLACK
    if inside and ends[1] - ends[0] <= _NARROW and spread(predicted[at][1:-1]):
        fit = evidence.fit(predicted[at], tried=len(predicted))
        if fit.holds:
            detail = f"a unit change: every value × {number(factor)} ({units})"
            figures = {"factor": factor} | _factors(*ends) | fit.figures
            found.append(Candidate("unit_change", detail, fit, figures))
    likeliest = shares(np.array([best]))[0]
    if not found and _told(best, low, high) and spread(likeliest[1:-1]):
        factor = math.exp(best)
        fit = evidence.fit(likeliest, estimated=1)
        detail = f"a change of scale: every value × {number(factor, 3)}"
        near = named_factor(math.exp(low), math.exp(high))
        detail += f" ({near[1]} would be {number(near[0])})" if near else ""
        found.append(
            Candidate("scale", detail, fit, {"factor": factor} | _factors(low, high) | fit.figures)
        )
    return found


def _factors(low: float, high: float) -> dict[str, float]:
    return {"factor_low": math.exp(low), "factor_high": math.exp(high)}


def converted(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value as another unit with another zero, as Fahrenheit for Celsius."""
    found = []
    for one, other, factor, summand in AFFINE:
        for step in {0.0, axis.lattice}:
            shares = axis.mapped((axis.targets(step) - summand) / factor)
            if not spread(shares[1:-1]):
                continue
            fit = evidence.fit(shares, tried=len(AFFINE))
            sign = "+" if summand > 0 else "-"
            what = f"× {number(factor)} {sign} {number(abs(summand))} ({one} to {other})"
            found.append(
                Candidate(
                    "unit_change", f"a unit change: every value {what}", fit,
                    {"factor": factor, "summand": summand} | fit.figures,
                )
            )  # fmt: skip
    return found


def shifted(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value plus one constant."""
    now, then = axis.quantiles(axis.current, _LEVELS), axis.quantiles(axis.reference, _LEVELS)
    moves = (now - then)[np.isfinite(now - then)]
    if not moves.size:
        return []
    targets, scale = axis.targets(0.0), axis.scale

    def shares(moves: Floats) -> Floats:
        return axis.mapped(targets - moves[:, None] * scale)

    if axis.lattice:
        whole = np.arange(max(-_WHOLE, moves.min() // 1 - 2), min(_WHOLE, moves.max() // 1 + 4))
        best, low, high = _likeliest(evidence, shares, whole / scale, 1 / scale)
    else:
        seeds = np.concatenate((moves, [by for *_, by in SHIFTS], np.linspace(-2, 2, 81) * scale))
        best, low, high = _fitted(evidence, shares, seeds / scale, 0.02)
    by = _plain(best * scale, low * scale, high * scale) if not axis.lattice else best * scale
    predicted = shares(np.array([by / scale]))[0]
    if not _told(best, low, high) or not spread(predicted[1:-1]):
        return []
    fit = evidence.fit(predicted, estimated=1)
    narrow = high - low <= _NARROW * abs(best)
    near = (f" ({o} to {t})" for o, t, b in SHIFTS if narrow and low <= b / scale <= high)
    units = next(near, "")
    detail = f"a shift: every value {'+' if by > 0 else '-'} {number(abs(by))}{units}"
    figures = {"shift": by, "shift_low": low * scale, "shift_high": high * scale}
    return [Candidate("shift", detail, fit, figures | fit.figures)]


def flipped(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value with the other sign."""
    shares = axis.mapped(-axis.targets(0.0), rising=False)
    if not spread(shares[1:-1]):
        return []
    fit = evidence.fit(shares)
    return [Candidate("sign_flip", "a flipped sign: every value × -1", fit, fit.figures)]


def rounded(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value rounded, or cut off, to a coarser step than the baseline's."""
    first, last = np.searchsorted(_STEPS, (axis.scale / 200, axis.scale))
    steps = _STEPS[first:last]
    if not steps.size:
        return []
    ways = [(way, aside, step) for step in steps for way, aside in _WAYS]
    predicted = axis.mapped(np.array([axis.targets(s) + aside * s for _, aside, s in ways]))
    at = int(np.argmax(evidence.likelihoods(predicted)))
    if not spread(predicted[at][1:-1]):
        return []
    way, _, step = ways[at]
    fit = evidence.fit(predicted[at], tried=len(ways))
    detail = f"a coarser precision: every value {way} to steps of {number(step)}"
    return [Candidate("rounding", detail, fit, {"step": float(step)} | fit.figures)]


#: Whole numbers come of rounding, or of what lies behind the point being cut off.
_WAYS = (("rounded", 0.0), ("cut off", 0.5))


def _told(best: float, low: float, high: float) -> bool:
    """Whether an interval leaves little room, and none for no change."""
    return high - low <= _TOLD * abs(best) and not low <= 0 <= high


def _fitted(
    evidence: Evidence, shares: Callable[[Floats], Floats], seeds: Floats, step: float
) -> tuple[float, float, float]:
    """The likeliest of a figure, and its interval of 99 %, widened as much as the fit is bad."""
    seeds = np.unique(seeds)
    best = seeds[np.argsort(-evidence.likelihoods(shares(seeds)))[:5]]
    while step > 1e-7:
        near = np.unique((best[:, None] + np.linspace(-1, 1, 11) * step).ravel())
        near = np.concatenate((best, near))
        best = near[np.argsort(-evidence.likelihoods(shares(near)), kind="stable")[:3]]
        step /= 4
    at = float(best[0])
    return at, *_interval(evidence, shares, at)


def _interval(
    evidence: Evidence, shares: Callable[[Floats], Floats], at: float
) -> tuple[float, float]:
    """The interval of a figure, as far as it goes from `at` on either side."""
    least = _room(evidence, shares(np.array([at])))
    ends = []
    for side in (-1, 1):
        inside = evidence.likelihoods(shares(at + side * _ASIDE)) >= least
        ends.append(at + side * float(_ASIDE[np.flatnonzero(inside)[-1]]))
    return ends[0], ends[1]


def _likeliest(
    evidence: Evidence, shares: Callable[[Floats], Floats], figures: Floats, step: float
) -> tuple[float, float, float]:
    """The likeliest of the figures that there are, and those of them that may be it."""
    likely = evidence.likelihoods(shares(figures))
    at = int(np.argmax(likely))
    least = _room(evidence, shares(figures[at : at + 1]))
    inside = figures[likely >= least]
    return float(figures[at]), float(inside.min()) - step / 4, float(inside.max()) + step / 4


def _room(evidence: Evidence, shares: Floats) -> float:
    """The least log-likelihood within the interval of the best prediction, float64[1, K].

    The worse the best one fits, the wider the interval: by the mean of what chi-squared adds up.
    """
    top = float(evidence.likelihoods(shares)[0])
    expected = np.maximum(shares[0] * evidence.worth, 1.0)
    rows = evidence.current / evidence.dispersion
    misfit = np.sum((rows - expected) ** 2 / expected) / max(expected.size - 2, 1)
    return top - _GIVEN_UP * max(1.0, float(misfit))


def _plain(value: float, low: float, high: float) -> float:
    """The number of fewest digits between low and high.

    >>> _plain(9.98314, 9.9, 10.1), _plain(0.12345, 0.1234, 0.1236)
    (10.0, 0.1235)
    """
    for digits in range(1, 12):
        short = float(f"{value:.{digits}g}")
        if low <= short <= high:
            return short
    return value
