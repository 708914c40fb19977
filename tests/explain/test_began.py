"""When a change began, against every split tried by hand, and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.explain.began import BEFORE, began

USUAL, AFTER = [0.5, 0.3, 0.2], [0.4, 0.3, 0.3]


def windows(rng: np.random.Generator, before: int, after: int, rows: int = 400) -> np.ndarray:
    return np.concatenate(
        [rng.multinomial(rows, USUAL, before), rng.multinomial(rows, AFTER, after)]
    )


def likelihood(counts: np.ndarray) -> float:
    total = counts.sum(axis=0)
    return sum(int(c) * math.log(c / total.sum()) for c in total if c)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_split_of_the_greatest_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = windows(rng, int(rng.integers(4, 12)), int(rng.integers(3, 9)))
    splits = range(BEFORE, len(counts))
    best = max(splits, key=lambda s: likelihood(counts[:s]) + likelihood(counts[s:]))
    found = began(counts)
    assert found is not None
    assert found.at == best
    assert found.low <= found.at <= found.high


def test_the_interval_holds_the_true_beginning_and_is_short() -> None:
    rng, inside, widths = np.random.default_rng(1), 0, []
    for _ in range(300):
        found = began(windows(rng, 10, 6))
        assert found is not None
        inside += found.low <= 10 <= found.high
        widths.append(found.high - found.low)
    assert inside >= 0.93 * 300
    assert np.mean(widths) < 3


@pytest.mark.parametrize("concentration", [None, 60.0])
def test_no_change_has_no_beginning_also_where_days_differ(concentration: float | None) -> None:
    rng, found = np.random.default_rng(2), 0
    for _ in range(1000):
        shares = (
            np.tile(USUAL, (14, 1))
            if concentration is None
            else rng.dirichlet(np.array(USUAL) * concentration, 14)
        )
        found += began(np.array([rng.multinomial(400, p) for p in shares])) is not None
    assert found <= 5


def test_a_change_in_the_last_window_is_told_at_once() -> None:
    found = began(windows(np.random.default_rng(4), 9, 1, 5_000))
    assert found is not None
    assert (found.low, found.at, found.high) == (9, 9, 9)


def test_empty_windows_are_passed_over_and_counted() -> None:
    rng = np.random.default_rng(3)
    counts = windows(rng, 8, 6, 5_000)
    gap = np.insert(counts, [3, 8], 0, axis=0)
    whole, holed = began(counts), began(gap)
    assert whole is not None
    assert holed is not None
    assert (whole.at, holed.at) == (8, 10)


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((0, 3)), np.zeros((9, 3)), np.full((9, 1), 50), np.full((9, 3), 50),
        np.array([[50, 0], [50, 0], [0, 50]]), np.array([[50, 0], [0, 50], [0, 50], [0, 50]]),
    ],
)  # fmt: skip
def test_too_little_says_nothing(counts: np.ndarray) -> None:
    assert began(counts.astype(np.int64)) is None


@settings(max_examples=80, deadline=None)
@given(
    st.integers(2, 5).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(0, 300), min_size=k, max_size=k), min_size=0, max_size=16
        )
    )
)
def test_whatever_the_counts_the_beginning_is_one_of_the_windows(rows: list[list[int]]) -> None:
    counts = np.array(rows, dtype=np.int64) if rows else np.zeros((0, 2), dtype=np.int64)
    found = began(counts)
    if found is not None:
        assert 0 < found.low <= found.at <= found.high < len(counts)
        assert 0 <= found.p_value < 1e-3
        mirrored = began(counts[:, ::-1].copy())
        assert mirrored is not None
        assert (mirrored.at, mirrored.low, mirrored.high) == (found.at, found.low, found.high)
        assert began(counts * 2) is not None
