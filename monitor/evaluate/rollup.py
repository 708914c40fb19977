"""Roll-ups: aligned units of time, panes to hours to days, of which every window is made.

A window is cut where the greatest units lie that fit into it, so that thirty days by the hour are
at most 75 sums, whatever the number of panes in them::

    00:00     01:00     02:00     03:00
      ..|..|..|---------|---------|..|
         panes   hour      hour   pane
"""

from collections.abc import Iterator


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
