"""Fisher's exact test, one-sided, at a cost that grows with the spread of a count, not its size."""

import math

import numpy as np

#: Terms of a sum that are added at a time.
BLOCK = 4096
#: A term so far below the sum, as a logarithm, changes no digit of it.
NEGLIGIBLE = 50.0


def excess_p(count: int, rows: int, reference_count: int, reference_rows: int) -> float | None:
    """Chance of `count` or more of `rows`, if both sides share one rate; None if a side is empty.

    The hypergeometric tail of the count given both totals. Its terms are products of the ratios
    of neighbours, followed from `count` both ways: no factorial has to be known.

    Source: Fisher, The design of experiments (1935).

    >>> round(excess_p(5, 10, 1, 20), 6)
    0.008842
    """
    if rows == 0 or reference_rows == 0:
        return None
    marked = count + reference_count
    if count <= max(0, marked - reference_rows):
        return 1.0
    tail = np.logaddexp(0.0, _others(count, rows, reference_count, reference_rows))
    # The other way round the same walk goes down: fewer here is more there.
    rest = _others(reference_count, reference_rows, count, rows)
    return math.exp(tail - np.logaddexp(tail, rest))


def _others(count: int, rows: int, reference_count: int, reference_rows: int) -> float:
    """The chance of more than `count` over that of `count` itself, as a logarithm."""
    marked, most = count + reference_count, min(rows, count + reference_count)
    total, last = -math.inf, 0.0
    for first in range(count, most, BLOCK):
        k = np.arange(first, min(first + BLOCK, most), dtype=float)
        steps = np.log((marked - k) / (k + 1) * ((rows - k) / (reference_rows - marked + k + 1)))
        terms = last + np.cumsum(steps)
        total = float(np.logaddexp(total, np.logaddexp.reduce(terms)))
        last = float(terms[-1])
        # Once they fall, they go on falling, and ever faster.
        if steps[-1] < 0 and last < total - NEGLIGIBLE:
            break
    return total
