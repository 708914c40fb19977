"""Laws of categories: one name a value, frequent ones apart, the rest not lost."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.categorical import KNOWN, canonical, is_null
from monitor.stats.grid import CategoricalGrid, build_categorical, grid_from_dict

VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["a", "b", "", "1", "true", "é", "__other__"]),
    st.lists(st.integers(), max_size=1),
)
VALUES = st.lists(VALUE, max_size=60)
REFERENCE = VALUES.filter(lambda vs: any(not is_null(v) and canonical(v) is not None for v in vs))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (np.int64(1), "1"),
        (np.float32(1), "1"),
        (np.str_("a"), "a"),
        (-0.0, "0"),
        (True, "true"),
        (np.False_, "false"),
        (2.5, "2.5"),
        (1e300, str(int(1e300))),
        (float("inf"), "inf"),
        (b"x", None),
        ({}, None),
    ],
)
def test_a_value_has_one_name(value: object, name: str | None) -> None:
    assert canonical(value) == name


def test_an_integer_with_more_digits_than_python_prints_has_none() -> None:
    assert canonical(10**5000) is None


@given(st.integers(-(2**53), 2**53))
def test_an_integer_and_its_float_are_one_category(value: int) -> None:
    assert canonical(value) == canonical(float(value)) == str(value)


@given(REFERENCE, VALUES)
def test_every_row_lands_in_the_slot_of_its_name(
    reference: list[object], current: list[object]
) -> None:
    grid = build_categorical(reference)
    for value, slot in zip(current, grid.codes(current).tolist(), strict=True):
        name = canonical(value)
        if is_null(value):
            assert slot - grid.width == grid.NULL
        elif name is None:
            assert slot - grid.width == grid.TYPE_ERROR
        elif slot < grid.bins:
            assert grid.categories[slot] == name
        else:
            assert slot - grid.width == (grid.OTHER if name in grid.others else grid.UNSEEN)


@given(REFERENCE, VALUES, VALUES)
def test_counts_of_a_union_are_the_sum_of_counts(
    reference: list[object], first: list[object], second: list[object]
) -> None:
    grid = build_categorical(reference)
    assert (
        grid.counts(first + second).tolist() == (grid.counts(first) + grid.counts(second)).tolist()
    )


@given(REFERENCE)
def test_nothing_in_the_reference_is_unseen_and_frequent_categories_come_first(
    reference: list[object],
) -> None:
    grid = build_categorical(reference)
    counts = grid.counts(reference)
    assert counts[grid.UNSEEN] == 0
    own = counts[: grid.bins].tolist()
    assert own == sorted(own, reverse=True)
    names = Counter(canonical(v) for v in reference if not is_null(v))
    names.pop(None, None)
    assert grid.singletons == sum(1 for n in names.values() if n == 1)


@given(REFERENCE)
def test_a_grid_survives_its_dict(reference: list[object]) -> None:
    grid = build_categorical(reference)
    back = grid_from_dict(grid.to_dict())
    assert back == grid
    assert hash(back) == hash(grid)
    assert isinstance(back, CategoricalGrid)
    assert dict(back.lookup) == dict(grid.lookup)


def test_rare_categories_share_one_slot_and_very_many_are_unseen() -> None:
    grid = build_categorical([f"c{i}" for i in range(30_000)])
    assert grid.bins == 100
    assert len(grid.others) == KNOWN
    counts = grid.counts([f"c{i}" for i in range(30_000)])
    assert counts[grid.OTHER] == KNOWN
    assert counts[grid.UNSEEN] == 30_000 - 100 - KNOWN


@pytest.mark.parametrize("values", [[], [None, float("nan")], [[1], {}]])
def test_a_reference_without_categories_is_refused(values: list[object]) -> None:
    with pytest.raises(BaselineError, match=f"no value in {len(values)} reference rows"):
        build_categorical(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": ["a", "a"]}, "occurs twice"),
        ({"others": ["a"]}, "occurs twice"),
        ({"categories": [1]}, "must be strings"),
        ({"categories": 1}, "not a categorical grid"),
        ({"others": [[]]}, "not a categorical grid"),
        ({"singletons": "x"}, "not a categorical grid"),
    ],
)
def test_a_description_that_is_no_grid_is_refused(change: dict[str, object], message: str) -> None:
    good = build_categorical(["a", "b"]).to_dict()
    with pytest.raises(BaselineError, match=message):
        grid_from_dict(good | change)


def test_counts_over_other_categories_are_refused() -> None:
    with pytest.raises(GridMismatch, match="5 slots"):
        build_categorical(["a"]).check(np.zeros(6, dtype=np.int64))
