"""Levels and Holm's procedure, against arithmetic done by hand and a plain reading of it."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.calibration.budget import MONTH_MS, SHARES, found, level

P_VALUES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


def test_shares_spend_the_budget_and_no_more() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("lengths", [1, 3])
def test_the_looks_of_a_month_spend_a_share_of_the_budget(lengths: int) -> None:
    hour = 3_600_000
    spent = lengths * (MONTH_MS / hour) * level(2.0, "inputs", hour, lengths)
    assert spent == pytest.approx(2.0 * 0.4)
    assert level(1000.0, "inputs", MONTH_MS) == 1.0


@given(P_VALUES, st.floats(1e-6, 1))
def test_holm_is_the_closure_of_bonferroni(p_values: dict[str, float], alpha: float) -> None:
    """A hypothesis is rejected if Bonferroni rejects every set that it is in (Marcus, 1976)."""
    names = sorted(p_values)
    sets = [s for n in range(1, len(names) + 1) for s in combinations(names, n)]
    rejected = {s for s in sets if min(p_values[x] for x in s) <= alpha / len(s) * (1 + 1e-9)}
    closed = {x for x in names if all(s in rejected for s in sets if x in s)}
    assert found(p_values, alpha) == closed


def test_what_is_not_known_is_not_found() -> None:
    assert found({"a": float("nan"), "b": 1e-9}, 0.05) <= {"b"}
    assert found({}, 0.05) == set()
