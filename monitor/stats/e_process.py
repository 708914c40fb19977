"""Two proportions compared as often as one likes: evidence that holds at any time one stops."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class EProcess:
    r"""Evidence against equal proportions of two sides, block by block.

    A block's factor is the likelihood of its rows under the sides' own earlier shares over that
    under one share, $\theta_0 = (n_a\theta_a + n_b\theta_b)/(n_a + n_b)$. A product of such factors
    is, without a difference, never expected to exceed 1 wherever one looks at it: to stop at 20 is
    to be wrong once in 20 at most. What a block says is judged by earlier blocks alone; the first
    starts from a row of either kind on both sides. The unit is what is assigned to a side, as a
    user: rows of one user are no evidence of their own.

    Source: Turner, Ly & Grünwald, Generic E-variables for exact sequential k-sample tests (2021).

    >>> process = EProcess()
    >>> for _ in range(12):
    ...     process = process.after(18, 100, 6, 100)
    >>> process.e_value > 20, process.p_value < 0.05
    (True, True)
    """

    log_e: float = 0.0
    #: The greatest so far, as evidence that was there is not lost by looking on.
    log_most: float = 0.0
    a: tuple[int, int] = (0, 0)
    b: tuple[int, int] = (0, 0)

    @property
    def e_value(self) -> float:
        """The evidence now; 1 is none."""
        return math.exp(min(self.log_e, 700.0))

    @property
    def p_value(self) -> float:
        """A p-value that holds at every time: one over the greatest evidence so far."""
        return math.exp(-max(self.log_most, 0.0))

    def after(self, count_a: int, rows_a: int, count_b: int, rows_b: int) -> "EProcess":
        """Return the process with one more block: counts of rows on both sides."""
        for count, rows in ((count_a, rows_a), (count_b, rows_b)):
            if not 0 <= count <= rows:
                raise ValueError(f"{count} of {rows} rows; give 0 <= count <= rows")
        log_e = self.log_e
        if rows_a and rows_b:
            one, other = _share(self.a), _share(self.b)
            same = (rows_a * one + rows_b * other) / (rows_a + rows_b)
            log_e += _likelihood(count_a, rows_a, one) + _likelihood(count_b, rows_b, other)
            log_e -= _likelihood(count_a + count_b, rows_a + rows_b, same)
        return replace(
            self,
            log_e=log_e,
            log_most=max(self.log_most, log_e),
            a=(self.a[0] + count_a, self.a[1] + rows_a),
            b=(self.b[0] + count_b, self.b[1] + rows_b),
        )


def _share(seen: tuple[int, int]) -> float:
    return (seen[0] + 1) / (seen[1] + 2)


def _likelihood(count: int, rows: int, share: float) -> float:
    return count * math.log(share) + (rows - count) * math.log1p(-share)
