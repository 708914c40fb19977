"""Instants as a configuration writes them: RFC 3339, to milliseconds since 1970 and back."""

from datetime import UTC, datetime, timedelta

INSTANT_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$(?!\n)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_ms(text: str) -> int:
    """Return milliseconds since 1970; ValueError where there is no such day or time of day.

    >>> instant_ms("2026-03-01T01:00:00+01:00") == instant_ms("2026-03-01T00:00:00Z")
    True
    """
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)


def instant_text(ms: int) -> str:
    """Write whole seconds since 1970, given in ms, as UTC.

    >>> instant_text(instant_ms("2026-03-01T01:00:00+01:00"))
    '2026-03-01T00:00:00Z'
    """
    return (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%SZ")
