"""Agreement of predictions and labels that a rare class weighs in as much as a frequent one."""

import math

import numpy as np

from monitor.stats.grid import Counts


def balanced_accuracy(matrix: Counts) -> float | None:
    """Return the mean recall over the classes that have labels; None without labels.

    Unlike the macro average of recall it leaves out classes that were predicted only.

    Source: Brodersen et al., The balanced accuracy and its posterior distribution (2010).

    >>> round(balanced_accuracy(np.array([[950, 30], [10, 10]])), 6)
    0.734694
    """
    labels = matrix.sum(axis=1)
    some = labels > 0
    if not some.any():
        return None
    return float(np.mean(np.diag(matrix)[some] / labels[some]))


def matthews(matrix: Counts) -> float | None:
    r"""Return Matthews' correlation of labels and predictions, −1 to 1, for any number of classes.

    $\frac{c s - \sum_k p_k t_k}{\sqrt{(s^2 - \sum_k p_k^2)(s^2 - \sum_k t_k^2)}}$ with $s$ rows,
    $c$ of them right, and $t_k$ labels and $p_k$ predictions of class k. None where all labels or
    all predictions are of one class: then there is nothing to correlate.

    Source: Matthews (1975); Gorodkin, Comparing two K-category assignments by a K-category
    correlation coefficient (2004).

    >>> round(matthews(np.array([[950, 30], [10, 10]])), 6)
    0.335347
    """
    # Whole numbers: the squares of a million rows are no floats any more.
    t, p = ([int(n) for n in matrix.sum(axis=axis)] for axis in (1, 0))
    rows, right = sum(t), int(np.trace(matrix))
    spread = (rows**2 - sum(n * n for n in p)) * (rows**2 - sum(n * n for n in t))
    if spread == 0:
        return None
    along = right * rows - sum(a * b for a, b in zip(p, t, strict=True))
    return along / math.sqrt(spread)
