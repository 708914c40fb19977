"""Where columns lie in the flat array of a window."""

import numpy as np
import pytest

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.grid import CategoricalGrid, build_numeric
from monitor.stats.layout import Column, Layout, fingerprint


def layout(columns: int) -> Layout:
    return Layout(
        tuple(
            Column(f"feature/{i}", CategoricalGrid(tuple(str(c) for c in range(i % 5 + 1))))
            for i in range(columns)
        )
    )


@pytest.mark.parametrize("columns", [0, 1, 31, 32, 33, 64, 100])
def test_slices_and_blocks_cover_the_array_once(columns: int) -> None:
    made = layout(columns)
    for parts in ([made.slice(s) for s in made.subjects], made.blocks):
        covered = [i for part in parts for i in range(part.start, part.stop)]
        assert covered == list(range(made.width))
    assert len(made.blocks) == -(-columns // 32)
    assert made.zeros().shape == (made.width,)


def test_a_subject_has_its_grid() -> None:
    made = Layout((Column("a", CategoricalGrid(("x",))), Column("b", build_numeric(np.ones(3)))))
    assert made.grid("a").kind == "categorical"
    assert made.grid("b").kind == "numeric"
    assert "a" in made
    assert "c" not in made


def test_what_is_not_counted_is_named_with_what_is() -> None:
    with pytest.raises(BaselineError, match="feature/9 is not in the baseline; known: feature/0"):
        layout(1).slice("feature/9")


def test_a_subject_occurs_once() -> None:
    with pytest.raises(BaselineError, match="a occurs twice"):
        Layout((Column("a", CategoricalGrid(("x",))),) * 2)


def test_counts_of_another_layout_are_refused_with_the_fingerprint() -> None:
    made = layout(2)
    assert made.check(made.zeros()) is not None
    with pytest.raises(GridMismatch, match=made.fingerprint):
        made.check(np.zeros(made.width + 1, dtype=np.int64))


def test_equal_layouts_have_equal_fingerprints_and_others_have_not() -> None:
    assert layout(3).fingerprint == layout(3).fingerprint
    assert layout(3).fingerprint != layout(4).fingerprint
    assert fingerprint({"a": 0.1, "b": 1}) == fingerprint({"b": 1, "a": 0.1})
    assert fingerprint([0.1]) != fingerprint([0.1 + 2e-17 + 1e-16])
