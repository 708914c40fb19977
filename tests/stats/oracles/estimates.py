"""Estimates before labels, beside those that the oracle of the whole stream makes."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from monitor.stats.estimated import estimated_accuracy, estimated_auc
from monitor.stats.score_cells import ScoreCells
from tests.e2e.oracle.expected import Metric, Numbers, accuracy, auc, expected
from tests.stats.oracles import Result, row


def _counts(seed: int, bins: int) -> tuple[Numbers, ...]:
    """Rows of two sides over cells of scores; some without labels, some without rows."""
    rng = np.random.default_rng(seed)
    reference = rng.integers(30, 200, bins)
    labelled = np.where(rng.random(bins) < 0.1, rng.integers(0, 9, bins), reference)
    hits = rng.binomial(labelled, np.sort(rng.random(bins)))
    rows = rng.integers(0, 60, bins) * (rng.random(bins) < 0.8)
    rows = np.where(labelled >= 10, rows, rng.integers(0, 3, bins))
    return rows, reference, labelled, hits


def _pair(found: Any, counts: tuple[Numbers, ...], metric: Metric) -> tuple[Result, Result]:
    wanted = expected(*counts, metric)
    if found is None or wanted is None:
        return found, wanted
    interval = (found.interval.low, found.interval.high)
    return (found.value, found.reference, interval, found.unknown, found.p_value), tuple(
        wanted.values()
    )


@row("estimated.estimated_accuracy", "Białek et al.", "the sum written out, derivatives by complex "
     "steps", st.integers(0, 10**6), st.integers(1, 12), rel=1e-7)  # fmt: skip
def _estimated_accuracy(seed: int, bins: int) -> tuple[Result, Result]:
    counts = _counts(seed, bins)
    return _pair(estimated_accuracy(ScoreCells(*counts)), counts, accuracy)


@row("estimated.estimated_auc", "Mann & Whitney (1947)", "every pair of cells, derivatives by "
     "complex steps", st.integers(0, 10**6), st.integers(1, 12), rel=1e-7)  # fmt: skip
def _estimated_auc(seed: int, bins: int) -> tuple[Result, Result]:
    counts = _counts(seed, bins)
    return _pair(estimated_auc(ScoreCells(*counts)), counts, auc)
