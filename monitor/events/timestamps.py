"""RFC 3339 and milliseconds since 1970, exactly: integers only, never a float in between."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from operator import index

from monitor.errors import InvalidEvent

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_LEAST = (date.min.toordinal() - _EPOCH) * _DAY_MS
_LAST = (date.max.toordinal() - _EPOCH + 1) * _DAY_MS - 1
_MILLISECOND = timedelta(milliseconds=1)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_ASCII_DIGITS = partial(re.compile, flags=re.ASCII)
_RFC3339 = _ASCII_DIGITS(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))"
)


def rfc3339(ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339 in UTC; the fraction only where there is one.

    >>> rfc3339(1_367_366_400_000), rfc3339(1_367_366_400_050)
    ('2013-05-01T00:00:00Z', '2013-05-01T00:00:00.050Z')
    """
    if not _LEAST <= ms <= _LAST:
        raise InvalidEvent(f"{ms} ms since 1970 is outside the years 1 to 9999; give milliseconds")
    days, rest = divmod(ms, _DAY_MS)
    seconds, fraction = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{date.fromordinal(days + _EPOCH).isoformat()}T{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{fraction:03}Z" if fraction else f"{text}Z"


def to_ms(value: str | int | datetime) -> int:
    """Return milliseconds since 1970 of RFC 3339 text, a datetime with an offset, or themselves.

    Digits beyond the millisecond are cut off, towards the past; a leap second counts as the
    second after it. Raises InvalidEvent for anything else, a missing offset above all.

    >>> to_ms("2013-05-01T02:00:00.0509+02:00"), to_ms(5), to_ms("1969-12-31T23:59:59.9Z")
    (1367366400050, 5, -100)
    """
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InvalidEvent(f"{value.isoformat()} has no offset; use an aware datetime")
        return (value - _ZERO) // _MILLISECOND
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise InvalidEvent(
            f"{value!r:.80} is no time; give RFC 3339 text with an offset, or integer milliseconds"
        ) from None


def _parse(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidEvent(
            f"{text!r:.80} is not RFC 3339 with an offset; write it as 2013-05-01T00:00:00Z"
        )
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise InvalidEvent(f"{text!r} names a time of day that does not exist")
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError as error:
        raise InvalidEvent(f"{text!r} names a day that does not exist: {error}") from None
    offset = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise InvalidEvent(f"{text!r} has an offset of a day or more")
        offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
    total = ((days * 24 + int(hour)) * 60 + int(minute) - offset) * 60 + int(second)
    return total * 1000 + int(((fraction or "") + "000")[:3])
