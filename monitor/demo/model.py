"""A small model: logistic regression in numpy, that says at departure who will arrive late."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from monitor.demo.flights import CATEGORICAL, NUMERIC, Flags, Flights, Floats

CLASSES = ("late", "on_time")
POSITIVE = "late"

#: An outlier beyond so many standard deviations says no more than one at them.
_CLIP = 5.0
#: The L2 penalty keeps the weights of carriers with a handful of flights finite.
_RIDGE = 1.0
_STEPS = 25


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights over standardised numbers, and over the categories seen in training.

    A gap in a number is filled with the training mean; an unseen category adds nothing.
    """

    mean: Floats
    scale: Floats
    categories: tuple[tuple[str, str], ...]
    weights: Floats

    def scores(self, flights: Flights) -> Floats:
        """Return each flight's probability of a late arrival, float64[n]."""
        return _sigmoid(_design(self, flights) @ self.weights)


def classes(scores: Floats) -> list[str]:
    """Return the class that each score stands for.

    >>> classes(np.array([0.2, 0.5, 0.9]))
    ['on_time', 'late', 'late']
    """
    return [CLASSES[0] if score >= 0.5 else CLASSES[1] for score in scores.tolist()]


def train(flights: Flights, target: Flags) -> Model:
    """Fit on the flights that have a label, by Newton's method from zero: the same every time.

    `target` bool[n] is what the model is to foretell; the right one is `flights.late`.
    """
    known = flights.labelled
    numbers = np.stack([flights.numeric[name][known] for name in NUMERIC])
    categories = tuple(
        (name, value)
        for name in CATEGORICAL
        for value in np.unique(flights.categorical[name][known].astype(str)).tolist()
    )
    unfitted = Model(
        mean=np.nanmean(numbers, axis=1),
        scale=np.nanstd(numbers, axis=1),
        categories=categories,
        weights=np.zeros(0),
    )
    return replace(unfitted, weights=_newton(_design(unfitted, flights)[known], target[known]))


def _design(model: Model, flights: Flights) -> Floats:
    columns = [np.ones(len(flights))]
    for name, mean, scale in zip(NUMERIC, model.mean, model.scale, strict=True):
        standard = (flights.numeric[name] - mean) / scale
        columns.append(np.clip(np.nan_to_num(standard, nan=0.0), -_CLIP, _CLIP))
    columns += [(flights.categorical[name] == value) * 1.0 for name, value in model.categories]
    return np.stack(columns, axis=1)


def _newton(design: Floats, target: Flags) -> Floats:
    weights = np.zeros(design.shape[1])
    ridge = _RIDGE * np.eye(design.shape[1])
    for _ in range(_STEPS):
        chance = _sigmoid(design @ weights)
        gradient = design.T @ (target - chance) - ridge @ weights
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float64)
