"""Whether a figure has stopped growing: a slope that a few odd values don't move, and its bound.

A state that never forgets grows on, past the horizon, as it has grown up to it: by about its own
size in another horizon. One that forgets stays as it is. So the slope is told as growth a horizon,
a share of the figure itself: near 1 for the former, near 0 for the latter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: Fewer values say nothing.
LEAST = 8


@dataclass(frozen=True)
class Flatness:
    """Growth in another horizon, as a share of the figure, and the most that is called flat."""

    growth: float
    bound: float

    @property
    def flat(self) -> bool:
        """Whether it grows by no more than the bound; to shrink is no fault."""
        return self.growth <= self.bound


def slope(at: Sequence[float], values: Sequence[float]) -> float:
    """The median of the slopes between all pairs (Theil and Sen).

    Up to 29 % of the values may be anything.

    >>> slope([0, 1, 2, 3, 4], [1.0, 3.0, 5.0, 700.0, 9.0])
    2.0
    """
    pairs = [
        (values[j] - values[i]) / (at[j] - at[i])
        for i in range(len(at))
        for j in range(i + 1, len(at))
        if at[j] > at[i]
    ]
    return median(pairs)


def flatness(
    at: Sequence[float], values: Sequence[float], since: float, horizon: float, bound: float
) -> Flatness:
    """How a figure goes on from `since`, in the unit of `at`; raises ValueError for too few values.

    >>> flatness(range(20), [min(n, 10) for n in range(20)], since=10, horizon=10, bound=0.1)
    Flatness(growth=0.0, bound=0.1)
    >>> flatness(range(20), [float(n) for n in range(20)], since=10, horizon=10, bound=0.1).flat
    False
    """
    after = [(x, y) for x, y in zip(at, values, strict=True) if x >= since]
    if len(after) < LEAST:
        raise ValueError(f"{len(after)} values from {since:g} on, at least {LEAST} are needed")
    x, y = zip(*after, strict=True)
    level = median(y)
    return Flatness(slope(x, y) * horizon / level if level else 0.0, bound)


def linearity(events: Sequence[float], values: Sequence[float], since: int) -> float:
    """Growth an event in the second half of what follows the first `since` values, over the first.

    1 where a figure is linear in events.

    >>> linearity([0, 10, 20, 30, 40], [5, 25, 45, 65, 85], since=0)
    1.0
    """
    middle = (since + len(events) - 1) // 2

    def rate(first: int, last: int) -> float:
        return (values[last] - values[first]) / (events[last] - events[first])

    return rate(middle, len(events) - 1) / rate(since, middle)
