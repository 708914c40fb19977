"""Columns of times as milliseconds since 1970, from what files bring."""

from datetime import UTC, datetime
from typing import Any

from monitor.errors import DataError, InvalidEvent
from monitor.events.timestamps import to_ms
from monitor.stats.column import Values, listed
from monitor.stats.grid import is_null

#: A number below is seconds, or no time at all: as milliseconds it would lie before April 1973.
LEAST_MS = 10**11


def epoch_ms(values: Values, name: str) -> list[int | None]:
    """Return each time of column `name` in milliseconds since 1970, None where it is null.

    Accepted are integer milliseconds and ISO 8601; text without an offset is taken as UTC. Raises
    DataError with the row (from 1) of what is neither.

    >>> epoch_ms(["2013-05-01T02:00:00+02:00", "2013-05-01 00:00:00", 1367366400000, None], "t")
    [1367366400000, 1367366400000, 1367366400000, None]
    """
    return [
        None if is_null(value) else _ms(value, name, row)
        for row, value in enumerate(listed(values), start=1)
    ]


def _ms(value: Any, name: str, row: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < LEAST_MS:
            raise DataError(
                f"{name} {value} in row {row} looks like seconds: give milliseconds since 1970 "
                f"(at least {LEAST_MS:.0e}), or ISO 8601"
            )
        return value
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            value = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
        return to_ms(value)
    except (InvalidEvent, ValueError):
        raise DataError(
            f"{name} {value!r:.80} in row {row} is no time: "
            "give milliseconds since 1970, or ISO 8601 as 2013-05-01T00:00:00Z"
        ) from None
