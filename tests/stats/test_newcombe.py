import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.newcombe import newcombe, wilson

SIDE = st.integers(1, 10_000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_examples_of_newcombe_s_table(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(*one, *other)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(SIDE, SIDE)
def test_the_interval_holds_the_difference_within_bounds_and_turns_with_the_sides(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    found, turned = newcombe(*one, *other), newcombe(*other, *one)
    assert found is not None
    assert turned is not None
    difference = one[0] / one[1] - other[0] / other[1]
    assert -1 - 1e-9 <= found.low <= difference <= found.high <= 1 + 1e-9
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-12)


def test_without_rows_there_is_no_interval() -> None:
    assert wilson(0, 0) is None
    assert newcombe(0, 0, 1, 2) is None
    assert newcombe(1, 2, 0, 0) is None


@pytest.mark.parametrize(("count", "rows"), [(3, 2), (-1, 2)])
def test_what_is_no_proportion_is_refused(count: int, rows: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        newcombe(count, rows, 1, 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson(1, 2, confidence=95)
