"""What each model has seen before a row, against a loop over the rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.observe.grouped import Grouped
from monitor.panes.messages import END, UNHEARD

VALUES = st.one_of(st.integers(0, 50), st.sampled_from([UNHEARD, END]))


@given(st.lists(st.tuples(st.integers(0, 4), VALUES), min_size=1, max_size=60), st.data())
def test_each_row_finds_the_greatest_of_its_model_before_it(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    grouped = Grouped.by(np.array([of for of, _ in rows], dtype=np.intp))
    models = sorted({of for of, _ in rows})
    before = data.draw(st.lists(VALUES, min_size=len(models), max_size=len(models)))
    values = np.array([value for _, value in rows], dtype=np.int64)
    found, last = grouped.greatest_before(values, np.array(before, dtype=np.int64))
    held = dict(zip(models, before, strict=True))
    expected = []
    for of, value in rows:
        expected.append(held[of])
        held[of] = max(held[of], value)
    assert found.tolist() == expected
    assert grouped.models.tolist() == models
    assert last.tolist() == [held[model] for model in models]


@given(st.lists(st.integers(0, 4), max_size=60))
def test_the_rows_of_a_model_stand_together_in_the_order_of_the_log(of: list[int]) -> None:
    grouped = Grouped.by(np.array(of, dtype=np.intp))
    assert grouped.order.tolist() == sorted(range(len(of)), key=lambda n: of[n])
    assert grouped.first.tolist() == [sorted(of).index(model) for model in sorted(set(of))]
