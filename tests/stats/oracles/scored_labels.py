"""Scores as probabilities: against sums over the rows, one by one."""

import numpy as np
from hypothesis import strategies as st
from scipy import stats
from scipy.special import xlogy

from monitor.stats.grid import Counts, Floats
from monitor.stats.scored_labels import Scored, brier, calibration_error, log_loss, score_auc
from tests.stats.oracles import Result, row

#: Rows of few scores, each a bin of its own: (score in hundredths, label).
ROWS = st.lists(st.tuples(st.integers(1, 99), st.integers(0, 1)), max_size=60)
Rows = list[tuple[int, int]]


def binned(rows: Rows) -> tuple[Counts, Floats, Floats]:
    """A bin for every score."""
    at = sorted({score for score, _ in rows})
    counts = np.zeros((len(at), 2), dtype=np.int64)
    for score, label in rows:
        counts[at.index(score), label] += 1
    return counts, np.array(at) / 100, np.array(at) / 100


def only(found: Scored | None) -> Result:
    """All three figures, which are one where each bin holds one score."""
    return None if found is None else (found.value, found.low, found.high)


def raw(rows: Rows) -> tuple[Floats, Floats]:
    return np.array([s for s, _ in rows]) / 100, np.array([float(y) for _, y in rows])


@row("scored_labels.brier", "Brier", "the mean over rows", ROWS)
def _brier(rows: Rows) -> tuple[Result, Result]:
    s, y = raw(rows)
    return only(brier(*binned(rows))), (float(np.mean((s - y) ** 2)),) * 3 if rows else None


@row("scored_labels.log_loss", "Good", "scipy.special.xlogy over rows", ROWS)
def _log_loss(rows: Rows) -> tuple[Result, Result]:
    s, y = raw(rows)
    lost = -(xlogy(y, s) + xlogy(1 - y, 1 - s))
    return only(log_loss(*binned(rows))), (float(np.mean(lost)),) * 3 if rows else None


@row("scored_labels.calibration_error", "Naeini", "the mean of each score's rows", ROWS)
def _calibration(rows: Rows) -> tuple[Result, Result]:
    s, y = raw(rows)
    apart = [abs(at - y[s == at].mean()) * np.mean(s == at) for at in np.unique(s)]
    return only(calibration_error(*binned(rows))), (float(np.sum(apart)),) * 3 if rows else None


@row("scored_labels.score_auc", "Hanley", "scipy.stats.mannwhitneyu", ROWS)
def _auc(rows: Rows) -> tuple[Result, Result]:
    s, y = raw(rows)
    found, n, m = score_auc(binned(rows)[0]), int(y.sum()), int((1 - y).sum())
    if not n or not m:
        return found, None
    assert found is not None
    oracle = stats.mannwhitneyu(s[y == 1], s[y == 0], method="asymptotic").statistic / (n * m)
    return found.value, float(oracle)
