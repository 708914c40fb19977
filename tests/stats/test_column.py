"""Raw values into counts: what is a number, what is null, what is of the wrong type."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.column import codes, count, infer_kind, numbers
from monitor.stats.grid import build_categorical, build_numeric

RAW = st.lists(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=2), st.just([1])
    ),
    max_size=40,
)


@given(RAW)
def test_only_numbers_are_numbers(values: list[object]) -> None:
    column = numbers(values)
    for raw, number, wrong in zip(values, column.values, column.wrong, strict=True):
        if isinstance(raw, bool | str | list):
            assert wrong
            assert math.isnan(number)
        else:
            assert not wrong
            expected = math.nan if raw is None else float(raw)  # type: ignore[arg-type]
            assert number == expected or (math.isnan(number) and math.isnan(expected))


@given(RAW, st.sampled_from([build_numeric(np.array([0.0, 1.0])), build_categorical(["a", 1])]))
def test_every_row_is_counted_once_in_the_slot_of_its_code(
    values: list[object], grid: object
) -> None:
    assert hasattr(grid, "width")
    found = count(grid, values)  # type: ignore[arg-type]
    assert found.sum() == len(values)
    by_code = np.bincount(codes(grid, values), minlength=grid.width)  # type: ignore[arg-type]
    assert by_code.tolist() == found.tolist()


def test_integers_beyond_a_float_are_infinite() -> None:
    assert numbers([10**400, -(10**400), 0.5]).values.tolist() == [math.inf, -math.inf, 0.5]


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2], dtype=np.int64),
        np.array([1, 2], dtype=np.uint8),
        np.array([1, 2], dtype=np.float32),
        np.array([1, 2.0], dtype=object),
        [np.int64(1), np.float32(2)],
        (1, 2),
    ],
)
def test_numbers_come_in_many_containers(values: object) -> None:
    column = numbers(values)  # type: ignore[arg-type]
    assert column.values.tolist() == [1.0, 2.0]
    assert column.values.dtype == np.float64
    assert not column.wrong.any()


def test_arrays_of_text_and_booleans_hold_no_numbers() -> None:
    assert numbers(np.array(["1"])).wrong.all()
    assert numbers(np.array([True])).wrong.all()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None, math.nan], "numeric"),
        ([np.float64(1)], "numeric"),
        ([10**400], "numeric"),
        ([1, True], "categorical"),
        ([1, "2"], "categorical"),
        ([True, False], "categorical"),
        (["a", None], "categorical"),
        ([None, math.nan], None),
        ([], None),
        (np.array([1, 2]), "numeric"),
        (np.array([np.nan]), None),
        (np.array([True]), "categorical"),
        (np.array(["a"]), "categorical"),
        (np.array([1, "a"], dtype=object), "categorical"),
        (np.array([None, None], dtype=object), None),
    ],
)
def test_a_column_is_numeric_only_if_all_its_values_are(values: object, kind: str | None) -> None:
    assert infer_kind(values) == kind  # type: ignore[arg-type]
