"""Counts as bytes: what goes in comes out, and what was written earlier can still be read."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import GridMismatch
from monitor.panes.codec import FORMAT, pack, unpack

LIMITS = (0, 1, 2**8 - 1, 2**8, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**63 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)

#: Packed by format 1, and what it says: a stored pane must outlive the worker that wrote it.
STORED = (
    ("4228b52ffd2000010000", []),
    ("4228b52ffd20031900000003ff", [0, 3, 255]),
    ("4828b52ffd2006310000070000010000", [7, 256, 0]),
    ("6928b52ffd200c610000ffffffff0500000070110100", [-1, 5, 70_000]),
    ("7128b52ffd20108100000000000000010000fbffffffffffffff", [2**40, -5]),
    ("4228b52ffd602d00550000180000020100272ac002", [0] * 300 + [2]),
)


@given(st.lists(st.one_of(INT64, st.integers(0, 300), st.integers(-70_000, 70_000)), max_size=60))
def test_counts_come_back_as_they_were(counts: list[int]) -> None:
    back = unpack(pack(np.array(counts, dtype=np.int64)), len(counts))
    assert back.tolist() == counts
    assert back.dtype == np.int64


@pytest.mark.parametrize("most", LIMITS)
@pytest.mark.parametrize("least", [0, -1, -(2**31), -(2**31) - 1, -(2**63)])
def test_every_limit_of_an_integer_type_comes_back(least: int, most: int) -> None:
    counts = np.array([0, least, most], dtype=np.int64)
    assert unpack(pack(counts), 3).tolist() == [0, least, most]


def test_cells_of_any_shape_are_flattened_in_order() -> None:
    cube = np.arange(-12, 12, dtype=np.int64).reshape(2, 3, 4)
    assert unpack(pack(cube), 24).tolist() == list(range(-12, 12))


def test_what_comes_back_can_be_added_to() -> None:
    """Panes are summed in place: a read-only array would only fail in production."""
    counts = unpack(pack(np.array([1, 2])), 2)
    counts += 1
    assert counts.tolist() == [2, 3]


def test_a_sparse_pane_is_small() -> None:
    """500 features of 300 slots, nearly all of them empty, are far below Kafka's 1 MB."""
    counts = np.zeros(150_000, dtype=np.int64)
    counts[::400] = 17
    assert len(pack(counts)) < 5_000


def test_the_same_counts_are_the_same_bytes() -> None:
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 50, 1000)
    assert zlib.crc32(pack(counts)) == zlib.crc32(pack(counts.copy()))


@pytest.mark.parametrize("size", [0, 2, 4, 300])
def test_counts_over_other_bins_are_refused(size: int) -> None:
    with pytest.raises(GridMismatch, match=rf"3 slots do not fit a grid of {size}.*namespace"):
        unpack(pack(np.array([1, 2, 3])), size)


@pytest.mark.parametrize(("stored", "counts"), STORED)
def test_bytes_of_format_1_are_still_read(stored: str, counts: list[int]) -> None:
    assert FORMAT == 1
    assert unpack(bytes.fromhex(stored), len(counts)).tolist() == counts
