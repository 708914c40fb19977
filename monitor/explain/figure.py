"""The figure of a map, as a factor or a shift: the likeliest, and how far it may be another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitor.explain.evidence import Evidence
from monitor.stats.grid import Floats

#: Log-likelihood that an interval of 99 % gives up: half of chi-squared's quantile.
_GIVEN_UP = 3.317
#: And for jumps, of the square root of what chance in the baseline's cells adds to it.
_JUMPS = 1.5
#: An interval is looked for so far on either side, in steps that grow.
_ASIDE = np.concatenate(([0.0], np.geomspace(1e-6, 1.0, 60)))
_AROUND = np.concatenate((-_ASIDE[:0:-1], _ASIDE))
#: The part of a deviance that a map must remove soon, to be looked at more closely.
_PROMISING = 0.5
_NEAR = np.linspace(-1, 1, 11)

#: Of figures float64[T] the shares float64[T, K] that they predict.
Predict = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Figure:
    """The likeliest of a figure, and an interval that holds the true one 19 times of 20."""

    at: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How much room the interval leaves."""
        return self.high - self.low

    def told(self, room: float) -> bool:
        """Whether it lies apart from 0, no change, and leaves no more than a part of it as room."""
        return self.width <= room * abs(self.at) and not self.low <= 0 <= self.high


def fitted(evidence: Evidence, shares: Predict, seeds: Floats, step: float) -> Figure | None:
    """The likeliest figure near one of the seeds; None if none is promising.

    Around the best ones the steps become smaller and smaller, beginning with `step`.
    """
    seeds = np.unique(seeds)
    best = seeds[np.argsort(-evidence.likelihoods(shares(seeds)))[:5]]
    for turn in range(10):
        if turn == 3 and not promising(evidence, shares(best[:1])[0]):
            return None
        near = np.concatenate((best, (best[:, None] + _NEAR * step / 4**turn).ravel()))
        best = near[np.argsort(-evidence.likelihoods(shares(near)), kind="stable")[:3]]
    return around(evidence, shares, float(best[0]))


def promising(evidence: Evidence, predicted: Floats) -> bool:
    """Whether a prediction float64[K] removes half of the deviance from the baseline's shares."""
    then = evidence.reference / evidence.reference.sum()
    now = evidence.current / evidence.rows
    before, after, least = evidence.likelihoods(np.stack((then, predicted, now)))
    return bool(after - before >= _PROMISING * (least - before))


def around(evidence: Evidence, shares: Predict, at: float) -> Figure | None:
    """The interval of a figure; None if `at` is not within that of a likelier one near it."""
    likely = evidence.likelihoods(shares(at + _AROUND))
    best = at + _AROUND[np.argmax(likely)]
    least = float(likely.max()) - _given_up(evidence, shares(np.array([best]))[0])
    if likely[_AROUND.size // 2] < least:
        return None
    inside = at + _AROUND[likely >= least]
    return Figure(at, float(inside.min()), float(inside.max()))


def among(evidence: Evidence, shares: Predict, figures: Floats, step: float) -> Figure:
    """The likeliest of figures that are a `step` apart, and those that may be it."""
    likely = evidence.likelihoods(shares(figures))
    at = int(np.argmax(likely))
    least = likely[at] - _given_up(evidence, shares(figures[at : at + 1])[0])
    inside = figures[likely >= least]
    return Figure(
        float(figures[at]), float(inside.min()) - step / 4, float(inside.max()) + step / 4
    )


def _given_up(evidence: Evidence, predicted: Floats) -> float:
    """Log-likelihood that an interval around a prediction float64[K] gives up.

    More, the worse the prediction fits, by the mean of what chi-squared adds up; and the fewer rows
    the baseline has: what is chance in its cells makes the likelihood of neighbours jump.
    """
    ratio = evidence.worth / max(int(evidence.reference.sum()), 1)
    expected = np.maximum(predicted * evidence.worth, 1.0)
    rows = evidence.current / evidence.dispersion
    misfit = float(np.sum((rows - expected) ** 2 / expected)) / max(expected.size - 2, 1)
    jumps = math.sqrt(ratio * expected.size)
    return _GIVEN_UP * max(1 + ratio, misfit) + _JUMPS * jumps
