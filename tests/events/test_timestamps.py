from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InvalidEvent
from monitor.events.timestamps import rfc3339, to_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
#: A day after the calendar begins, so that no offset leads out of it.
FIRST = datetime.min.replace(day=2, tzinfo=UTC).replace(tzinfo=None)
MILLISECONDS = st.integers(LEAST, LAST)


@given(MILLISECONDS)
def test_read_again_it_is_the_same_millisecond(ms: int) -> None:
    assert to_ms(rfc3339(ms)) == ms


@given(MILLISECONDS)
def test_it_is_written_as_the_standard_library_writes_it(ms: int) -> None:
    when = EPOCH + timedelta(milliseconds=ms)
    text = when.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    assert rfc3339(ms) == text.replace("+00:00", "Z")


@given(MILLISECONDS, MILLISECONDS)
def test_text_sorts_as_time_does_within_whole_seconds(one: int, other: int) -> None:
    one, other = one - one % 1000, other - other % 1000
    assert (rfc3339(one) < rfc3339(other)) == (one < other)


@given(
    st.datetimes(min_value=FIRST, max_value=FIRST.replace(year=9998)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from("Tt "),
    st.integers(0, 9),
)
def test_any_offset_and_precision_is_read_exactly(
    local: datetime, minutes: int, separator: str, digits: int
) -> None:
    when = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    sign = "-" if minutes < 0 else "+"
    fraction = f"{local.microsecond:06}000"[:digits]
    text = (
        f"{local:%Y}".zfill(4) + f"{local:-%m-%d}{separator}{local:%H:%M:%S}"
        f"{'.' if digits else ''}{fraction}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    )
    cut = timedelta(microseconds=int(f"{fraction:0<6}"[:6]))
    exact = when.replace(microsecond=0) + cut
    assert to_ms(text) == (exact - EPOCH) // timedelta(milliseconds=1)


@given(st.datetimes(timezones=st.timezones(), min_value=FIRST))
def test_an_aware_datetime_is_cut_to_its_millisecond(when: datetime) -> None:
    assert to_ms(when) == (when - EPOCH) // timedelta(milliseconds=1)


def test_integers_are_milliseconds_already() -> None:
    assert to_ms(-5) == -5
    assert type(to_ms(np.int64(7))) is int


def test_a_leap_second_is_the_second_after_it() -> None:
    assert to_ms("2016-12-31T23:59:60Z") == to_ms("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "value",
    [
        "", "2013-01-01", "2013-01-01T00:00:00", "2013-01-01T00:00Z", "2013-01-01T00:00:00z\n",
        "2013-01-01T00:00:00.Z", "2013-01-01T00:00:00.0000000000Z", "2013-1-1T00:00:00Z",
        "2013-02-29T00:00:00Z", "2013-13-01T00:00:00Z", "2013-01-00T00:00:00Z",
        "2013-01-01T24:00:00Z", "2013-01-01T00:60:00Z", "2013-01-01T00:00:61Z",
        "2013-01-01T00:00:00+24:00", "2013-01-01T00:00:00+0100", "0000-01-01T00:00:00Z",
        "2013-01-01T00:00:00٠Z", "٢٠١٣-01-01T00:00:00Z", "2013-W01-1T00:00:00Z", "now",
        datetime(2013, 1, 1), 1.0, True, None, b"2013-01-01T00:00:00Z",  # noqa: DTZ001
    ],
)  # fmt: skip
def test_nothing_else_is_a_time(value: object) -> None:
    with pytest.raises(InvalidEvent):
        to_ms(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("ms", [LEAST - 1, LAST + 1, 10**18])
def test_beyond_the_calendar_there_is_no_text(ms: int) -> None:
    with pytest.raises(InvalidEvent, match="years 1 to 9999"):
        rfc3339(ms)
