"""Durations as people write them, `30s`, `5m`, `1h`, `7d`, and as they are told: `3 h 12 min`."""

import re
from itertools import pairwise

from monitor.registry.specs import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

DURATION_PATTERN = r"^(0|[1-9][0-9]{0,8})[smhd]$"
_WORDS = (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS), ("ms", 1))
_UNITS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


def duration_ms(text: str) -> int:
    """Return milliseconds; ValueError for anything but a whole number and one of s, m, h, d.

    >>> duration_ms("5m"), duration_ms("7d")
    (300000, 604800000)
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"{text!r:.40} is no duration; write it as 30s, 5m, 1h or 7d")
    return int(text[:-1]) * _UNITS[text[-1]]


def duration_text(ms: int) -> str:
    """Return the shortest way to write whole seconds as a duration.

    >>> duration_text(5_400_000), duration_text(86_400_000)
    ('90m', '1d')
    """
    for unit in "dhms":
        if ms % _UNITS[unit] == 0 and ms:
            return f"{ms // _UNITS[unit]}{unit}"
    return f"{ms / 1000:g}s"


def duration_words(ms: int) -> str:
    """Tell a duration in its two greatest units, rounded down.

    >>> duration_words(11_523_456), duration_words(7_200_000), duration_words(1_500)
    ('3 h 12 min', '2 h', '1 s 500 ms')
    """
    for (name, unit), (smaller, part) in pairwise(_WORDS):
        if ms >= unit:
            rest = ms % unit // part
            return f"{ms // unit} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{ms} ms"
