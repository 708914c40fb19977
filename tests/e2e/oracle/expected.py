"""Estimates before labels: the metrics written out, their derivatives by complex steps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.NDArray[Any]
Metric = Callable[[Numbers, Numbers], Any]
STEP = 1e-40j


def accuracy(rows: Numbers, rates: Numbers) -> Any:
    """Hits among all rows."""
    return (rows * rates).sum() / rows.sum()


def auc(rows: Numbers, rates: Numbers) -> Any:
    """Pairs in which the positive is in a higher cell, half of those in one: as a matrix."""
    places = np.arange(len(rows))
    higher = np.where(places[:, None] > places, 1.0, np.where(places[:, None] == places, 0.5, 0.0))
    positives, negatives = rows * rates, rows * (1 - rates)
    return (positives @ higher @ negatives) / (positives.sum() * negatives.sum())


def slopes(metric: Metric, rows: Numbers, rates: Numbers) -> tuple[Numbers, Numbers]:
    """How a metric moves with each cell's rows, and with its rate: exact."""
    steps = np.eye(len(rows)) * STEP
    by_row = [metric(rows + step, rates).imag / STEP.imag for step in steps]
    by_rate = [metric(rows, rates + step).imag / STEP.imag for step in steps]
    return np.array(by_row), np.array(by_rate)


def expected(
    rows: Numbers, reference: Numbers, labelled: Numbers, hits: Numbers, metric: Metric
) -> dict[str, Any] | None:
    """The estimate of a window, by cells of scores: its value, interval, and how unlikely it is."""
    told = labelled >= 10
    rates = np.array([h / m if m >= 10 else 0.0 for h, m in zip(hits, labelled, strict=True)])
    unknown = rows[~told].sum() / rows.sum() if rows.sum() else 1.0
    known, then = np.where(told, rows, 0.0), np.where(told, reference, 0.0)

    def defined(counted: Numbers) -> bool:
        positives = (counted * rates).sum()
        both = metric is accuracy or 0 < positives < counted.sum()
        return bool(counted.sum() > 0 and both)

    if unknown > 0.05 or not defined(known) or not defined(then):
        return None
    value, before = float(metric(known, rates)), float(metric(then, rates))
    smooth = (hits + 0.5) / (labelled + 1)
    spread = smooth * (1 - smooth)
    (row_now, rate_now), (row_then, rate_then) = (slopes(metric, n, rates) for n in (known, then))
    of_labels = sum(
        rate_now[k] ** 2 * spread[k] * (1 / labelled[k] + 1 / known[k])
        for k in np.flatnonzero(known)
    )
    half = float(stats.norm.ppf(0.975)) * math.sqrt(of_labels)
    ends = [value]
    if unknown:
        usual = np.where(told, rates, value)
        good = slopes(metric, rows * 1.0, usual)[1] > 0
        ends += [float(metric(rows, np.where(told, rates, side * 1.0))) for side in (good, ~good)]
    variance = (known * row_now**2).sum() + (then * row_then**2).sum() + sum(
        (rate_now[k] - rate_then[k]) ** 2 * spread[k] / labelled[k] for k in np.flatnonzero(told)
    )  # fmt: skip
    p = float(stats.norm.sf((before - value) / math.sqrt(variance))) if variance > 1e-18 else 1.0
    interval = (max(0.0, min(ends) - half), min(1.0, max(ends) + half))
    return {"value": value, "reference": before, "interval": interval, "unknown": unknown, "p": p}
