"""What the incidents' detectors must say, by numpy alone, from the flights themselves."""

import numpy as np

from monitor.demo.incidents import DAY_MS
from monitor.demo.traffic import Traffic


def days(traffic: Traffic) -> list[int]:
    """Return the beginning of every day on which something departed, in ms."""
    return (np.unique(traffic.flights.departed_ms // DAY_MS) * DAY_MS).tolist()


def on(traffic: Traffic, start_ms: int) -> np.ndarray:
    """Return the rows of a day."""
    departed = traffic.flights.departed_ms
    return (departed >= start_ms) & (departed < start_ms + DAY_MS)


def decile_psi(current: np.ndarray, reference: np.ndarray) -> float:
    """Return the population stability index over the reference's deciles."""
    cuts = np.unique(np.quantile(reference, np.arange(0.1, 1.0, 0.1), method="inverted_cdf"))
    return psi_between(current, reference, cuts)


def psi_between(current: np.ndarray, reference: np.ndarray, cuts: np.ndarray) -> float:
    """Return the population stability index over the cells between cuts, outer ones open."""

    def shares(values: np.ndarray) -> np.ndarray:
        counts = np.bincount(np.searchsorted(cuts, values, "right"), minlength=len(cuts) + 1)
        return np.where(counts == 0, 1e-4, counts / len(values))

    p, q = shares(current), shares(reference)
    return float(np.sum((p - q) * np.log(p / q)))


def accuracy(traffic: Traffic, rows: np.ndarray, age_ms: int) -> float:
    """Return the share of right predictions among those labelled within an age."""
    flights = traffic.flights
    known = flights.labelled & (flights.landed_ms - flights.departed_ms <= age_ms)
    return float(traffic.correct[rows & known].mean())


def drop(traffic: Traffic, march: Traffic, rows: np.ndarray, age_ms: int) -> float:
    """Return how far accuracy lies below March's, both from labels up to an age."""
    everything = np.ones(len(march.flights), dtype=bool)
    return accuracy(march, everything, age_ms) - accuracy(traffic, rows, age_ms)
