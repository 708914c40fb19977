"""What breaks columns, and what merely drifts: raw rows, by name, for every shape of a column."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]
Rng = np.random.Generator

#: Columns as they are met: smooth, skewed, whole numbers, few values, many zeros, both signs.
COLUMNS: dict[str, Callable[[Rng, int], Rows]] = {
    "normal": lambda rng, n: rng.normal(50, 10, n),
    "lognormal": lambda rng, n: np.exp(rng.normal(6, 0.6, n)),
    "gamma": lambda rng, n: rng.gamma(2, 3, n),
    "whole": lambda rng, n: np.floor(rng.gamma(3, 30, n)),
    "hour": lambda rng, n: np.clip(np.round(rng.normal(13, 5, n)), 0, 23),
    "zeros": lambda rng, n: np.where(
        rng.random(n) < 0.3, 0, np.round(np.exp(rng.normal(3, 1, n)), 2)
    ),
    "signed": lambda rng, n: np.where(
        rng.random(n) < 0.7, rng.exponential(10, n), -rng.exponential(4, n)
    ),
    "tenths": lambda rng, n: np.round(rng.normal(55, 18, n), 1),
}


def _at(rows: Rows, level: float) -> float:
    return float(np.quantile(rows, level, method="nearest"))


def _some(rows: Rows, rng: Rng, share: float, value: float) -> Rows:
    return np.where(rng.random(rows.size) < share, value, rows)


#: What happened, the names that are right for it, and the columns of which counts can tell it.
Break = tuple[Callable[[Rows, Rng], Rows], set[str], set[str]]
_ALL = set(COLUMNS)
BREAKS: dict[str, Break] = {
    "miles to kilometres": (lambda rows, rng: rows * 1.609344, {"unit_change", "scale"}, _ALL),
    "the same, rounded": (
        lambda rows, rng: np.round(rows * 1.609344),
        {"unit_change", "scale"},
        {"normal", "lognormal", "whole", "hour", "tenths"},
    ),
    "pounds to kilograms": (
        lambda rows, rng: rows * 0.45359237,
        {"unit_change", "scale"},
        {"lognormal", "gamma", "whole", "hour", "zeros", "signed"},
    ),
    "times 1.3": (
        lambda rows, rng: rows * 1.3,
        {"scale"},
        {"normal", "lognormal", "gamma", "hour", "tenths"},
    ),
    "Celsius for Fahrenheit": (
        lambda rows, rng: (rows - 32) / 1.8,
        {"unit_change"},
        {"lognormal", "whole", "signed", "tenths"},
    ),
    "shifted": (lambda rows, rng: rows + np.ceil(rows.std() / 2), {"shift"}, _ALL),
    "other sign": (lambda rows, rng: -rows, {"sign_flip"}, {"signed"}),
    "clipped above": (lambda rows, rng: np.minimum(rows, _at(rows, 0.8)), {"clipping"}, _ALL),
    "clipped at both ends": (
        lambda rows, rng: np.clip(rows, _at(rows, 0.15), _at(rows, 0.85)),
        {"clipping"},
        _ALL - {"zeros"},
    ),
    "tail gone": (lambda rows, rng: rows[rows < _at(rows, 0.8)], {"truncation"}, _ALL),
    "filled with 0": (
        lambda rows, rng: _some(rows, rng, 0.2, 0.0),
        {"filled_in", "foreign_values"},
        _ALL,
    ),
    "filled with the median": (
        lambda rows, rng: _some(rows, rng, 0.25, _at(rows, 0.5)),
        {"filled_in"},
        _ALL,
    ),
    "filled with -999": (lambda rows, rng: _some(rows, rng, 0.2, -999.0), {"foreign_values"}, _ALL),
    "one value": (lambda rows, rng: np.full(rows.size, _at(rows, 0.5)), {"constant"}, _ALL),
    "rounded to tens": (
        lambda rows, rng: np.round(rows, -1),
        {"rounding"},
        {"normal", "lognormal", "whole", "tenths"},
    ),
}


def _ranked(rows: Rows) -> Rows:
    return np.argsort(np.argsort(rows)) / rows.size


def _reweighted(rows: Rows, rng: Rng, strength: float) -> Rows:
    """Rows drawn again, by weights that wander over their ranks."""
    knots = np.cumsum(rng.normal(0, strength, 9))
    weights = np.exp(np.interp(_ranked(rows), np.linspace(0, 1, 9), knots))
    return rng.choice(rows, rows.size, p=weights / weights.sum())


def _mixed(rows: Rows, rng: Rng) -> Rows:
    """A part of the rows is of another kind: moved, and spread otherwise."""
    share, by, wide = rng.uniform(0.1, 0.6), rng.normal(0, 2), rng.uniform(0.4, 2)
    middle = rows.mean()
    other = middle + (rows - middle) * wide + by * rows.std()
    return np.where(rng.random(rows.size) < share, other, rows)


def _bent(rows: Rows, rng: Rng) -> Rows:
    """Every value is moved by how high it stands: no constant, and no factor."""
    moves = np.cumsum(rng.normal(0, 0.35, 7)) * rows.std()
    return rows + np.interp(_ranked(rows), np.linspace(0, 1, 7), moves - moves.mean())


#: What drifts without any of the causes that have a name.
DRIFTS: dict[str, Callable[[Rows, Rng], Rows]] = {
    "nothing": lambda rows, rng: rows,
    "other weights": lambda rows, rng: _reweighted(rows, rng, 0.7),
    "heavier tail": lambda rows, rng: _reweighted(np.sort(rows), rng, 0.4),
    "a part is of another kind": _mixed,
    "bent": _bent,
    "spread about the middle": lambda rows, rng: (
        rows.mean() + (rows - rows.mean()) * rng.uniform(1.3, 2.0)
    ),
}
