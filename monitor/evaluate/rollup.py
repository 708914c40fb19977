"""Roll-ups: aligned units of time, panes to hours to days, of which every window is made.

A window is cut where the greatest units lie that fit into it, so that thirty days by the hour are
at most 75 sums, whatever the number of panes in them::

    00:00     01:00     02:00     03:00
      ..|..|..|---------|---------|..|
         panes   hour      hour   pane
"""

from collections.abc import Iterator

from monitor.registry.specs import DAY_MS, HOUR_MS

#: How many of a unit make the next one, where panes make neither whole hours nor whole days.
MANY = 24


def units(pane_ms: int) -> tuple[int, ...]:
    """The lengths of panes and of their roll-ups in ms, each a multiple of the one before.

    >>> [unit // 60_000 for unit in units(5 * 60_000)]
    [5, 60, 1440]
    >>> [unit // 60_000 for unit in units(7 * 60_000)]
    [7, 168, 4032]
    """
    found = [pane_ms]
    for natural in (HOUR_MS, DAY_MS):
        if natural > found[-1] and natural % found[-1] == 0:
            found.append(natural)
    return tuple(found) if len(found) > 1 else (pane_ms, pane_ms * MANY, pane_ms * MANY**2)


def finest(hop_ms: int, lengths: tuple[int, ...]) -> int:
    """The index of the shortest unit that windows of a hop are made of: the longest dividing it."""
    return max(n for n, unit in enumerate(lengths) if hop_ms % unit == 0)


def pieces(start_ms: int, end_ms: int, lengths: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Cut [start, end) into units: yield the index of each unit, and its start in ms.

    >>> list(pieces(3, 13, (1, 5)))
    [(0, 3), (0, 4), (1, 5), (0, 10), (0, 11), (0, 12)]
    """
    at = start_ms
    while at < end_ms:
        n = max(
            (n for n, unit in enumerate(lengths) if at % unit == 0 and at + unit <= end_ms),
            default=0,
        )
        yield n, at
        at += lengths[n]
