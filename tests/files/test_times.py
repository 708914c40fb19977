"""Times as files bring them."""

import numpy as np
import pytest

from monitor.errors import DataError
from monitor.files.times import epoch_ms

MAY = 1367366400000


@pytest.mark.parametrize(
    "value",
    [
        "2013-05-01T00:00:00Z",
        "2013-05-01T02:00:00+02:00",
        "2013-05-01 00:00:00",
        "2013-05-01",
        " 2013-05-01T00:00 ",
        MAY,
        float(MAY),
    ],
)
def test_milliseconds_and_iso_8601_are_times(value: object) -> None:
    assert epoch_ms([value, None], "t") == [MAY, None]


def test_an_array_with_holes_is_a_column_of_times() -> None:
    assert epoch_ms(np.array([MAY, np.nan]), "t") == [MAY, None]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1367366400, "t 1367366400 in row 2 looks like seconds"),
        (-5, "looks like seconds"),
        ("yesterday", "t 'yesterday' in row 2 is no time"),
        (True, "t True in row 2 is no time"),
        (1.5e12 + 0.5, "is no time"),
        ("2013-02-30", "is no time"),
    ],
)
def test_what_is_no_time_is_named_with_its_row(value: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        epoch_ms([MAY, value], "t")
