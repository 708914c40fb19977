"""Agreement: against rows told one by one."""

import numpy as np
from hypothesis import strategies as st

from monitor.stats.agreement import balanced_accuracy, matthews
from monitor.stats.grid import Counts
from tests.stats.oracles import Result, row

MATRIX = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.integers(0, 3) | st.integers(0, 40), min_size=k * k, max_size=k * k).map(
        lambda cells: np.array(cells, dtype=np.int64).reshape(k, k)
    )
)


def told(matrix: Counts) -> tuple[Counts, Counts]:
    """The label and the prediction of every row."""
    cells = np.repeat(np.arange(matrix.size), matrix.ravel())
    return cells // len(matrix), cells % len(matrix)


@row("agreement.balanced_accuracy", "Brodersen", "the mean over classes of rows that are right",
     MATRIX)  # fmt: skip
def _balanced(matrix: Counts) -> tuple[Result, Result]:
    labels, predictions = told(matrix)
    each = [float(np.mean(predictions[labels == k] == k)) for k in np.unique(labels)]
    return balanced_accuracy(matrix), float(np.mean(each)) if each else None


@row("agreement.matthews", "Matthews", "the covariance of one column a class: numpy.cov",
     MATRIX, abs=1e-9)  # fmt: skip
def _matthews(matrix: Counts) -> tuple[Result, Result]:
    labels, predictions = told(matrix)
    if len(np.unique(labels)) < 2 or len(np.unique(predictions)) < 2:
        return matthews(matrix), None
    one = [np.eye(len(matrix))[codes].T for codes in (labels, predictions)]

    def covariance(a: int, b: int) -> float:
        return sum(float(np.cov(x, y)[0, 1]) for x, y in zip(one[a], one[b], strict=True))

    return matthews(matrix), covariance(0, 1) / np.sqrt(covariance(0, 0) * covariance(1, 1))
