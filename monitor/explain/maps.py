"""Has every value been changed alike? Unit changes, shifts, sign flips, rounding.

A map moves every quantile of the baseline. Its figure is the one under which the rows now are
likeliest, and it is named only if the rows leave it hardly any room.
"""

from __future__ import annotations

import math

import numpy as np

from monitor.detectors.wording import number
from monitor.explain.axis import Axis
from monitor.explain.candidate import Candidate
from monitor.explain.evidence import Evidence, spread
from monitor.explain.figure import Figure, among, around, fitted, promising
from monitor.explain.units import AFFINE, KNOWN, SHIFTS, named_factor
from monitor.stats.grid import Floats

#: Between a unit's factor and others an interval must tell: so wide it may be, relative to it.
_NARROW = 0.05
#: And so wide as to tell of a figure at all, relative to how far it lies from no change.
_TOLD = 0.75
#: Where figures are looked for, besides where the quantiles say.
_SEEDS = np.linspace(-8.0, 8.0, 81)
_SHIFTS = np.linspace(-2.0, 2.0, 41)
_STEPS = np.array([s * 10.0**e for e in range(-3, 7) for s in (1.0, 2.0, 5.0)])
#: The greatest shift of whole numbers that is looked for.
_WHOLE = 1000
_LOGS = np.log([factor for factor, _ in KNOWN])


def scaled(axis: Axis, evidence: Evidence) -> list[Candidate]:
    """Every value times one factor: a unit change where the factor is a known one.

    A known one may have been rounded to whole numbers after.
    """
    now, then = axis.ventiles
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.log(now / then)

    def shares(logs: Floats, step: float = 0.0) -> Floats:
        return axis.mapped(axis.targets(step) * np.exp(-logs)[:, None])

    predicted = np.concatenate([shares(_LOGS, step) for step in (0.0, 1.0)])
    at = int(np.argmax(evidence.likelihoods(predicted)))
    if spread(predicted[at][1:-1]) and promising(evidence, predicted[at]):
        step, (factor, units) = float(at >= len(KNOWN)), KNOWN[at % len(KNOWN)]
        figure = around(evidence, lambda logs: shares(logs, step), math.log(factor))
        fit = evidence.fit(predicted[at], tried=len(predicted))
        if fit.holds and figure is not None and figure.width <= _NARROW:
            detail = f"a unit change: every value × {number(factor)} ({units})"
            figures = {"factor": factor} | _factors(figure) | fit.figures
            return [Candidate("unit_change", detail, fit, figures)]
    seeds = np.concatenate((ratios[np.isfinite(ratios)], _LOGS, _SEEDS))
    found = fitted(evidence, shares, seeds, 0.05)
    if found is None or not found.told(_TOLD):
        return []
    likeliest = shares(np.array([found.at]))[0]
    if not spread(likeliest[1:-1]):
        return []
    interval, factor = _factors(found), math.exp(found.at)
    fit = evidence.fit(likeliest, estimated=1)
    detail = f"a change of scale: every value × {number(factor, 3)}"
    near = named_factor(interval["factor_low"], interval["factor_high"])
    detail += f" ({near[1]} would be {number(near[0])})" if near else ""
    return [Candidate("scale", detail, fit, {"factor": factor} | interval | fit.figures)]


def _factors(figure: Figure) -> dict[str, float]:
    return {"factor_low": math.exp(figure.low), "factor_high": math.exp(figure.high)}


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
    now, then = axis.ventiles
    moves = (now - then)[np.isfinite(now - then)]
    if not moves.size:
        return []
    targets, scale = axis.targets(0.0), axis.scale

    def shares(moves: Floats) -> Floats:
        return axis.mapped(targets - moves[:, None] * scale)

    if axis.lattice:
        moves = np.clip(moves // 1, -_WHOLE, _WHOLE)
        whole = np.arange(moves.min() - 2, moves.max() + 4)
        found: Figure | None = among(evidence, shares, whole / scale, 1 / scale)
    else:
        seeds = np.concatenate((moves, [by for *_, by in SHIFTS], _SHIFTS * scale))
        found = fitted(evidence, shares, seeds / scale, 0.02)
    if found is None or not found.told(_TOLD):
        return []
    low, high = found.low * scale, found.high * scale
    by = found.at * scale if axis.lattice else _plain(found.at * scale, low, high)
    predicted = shares(np.array([by / scale]))[0]
    if not spread(predicted[1:-1]):
        return []
    fit = evidence.fit(predicted, estimated=1)
    narrow = high - low <= _NARROW * abs(by)
    units = next((f" ({o} to {t})" for o, t, b in SHIFTS if narrow and low <= b <= high), "")
    detail = f"a shift: every value {'+' if by > 0 else '-'} {number(abs(by))}{units}"
    figures = {"shift": by, "shift_low": low, "shift_high": high}
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
    if not spread(predicted[at][1:-1]) or not promising(evidence, predicted[at]):
        return []
    way, _, step = ways[at]
    fit = evidence.fit(predicted[at], tried=len(ways))
    detail = f"a coarser precision: every value {way} to steps of {number(step)}"
    return [Candidate("rounding", detail, fit, {"step": float(step)} | fit.figures)]


#: Whole numbers come of rounding, or of what lies behind the point being cut off.
_WAYS = (("rounded", 0.0), ("cut off", 0.5))


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
