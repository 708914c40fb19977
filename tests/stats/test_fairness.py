"""Fairness by its laws, and by how often its intervals hold what they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.fairness import LEAST, equal_opportunity, equalized_odds, parity

GROUP = st.integers(LEAST, 9000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
Part = tuple[int, int]


@given(GROUP, GROUP)
def test_the_other_group_s_view_is_the_mirror(one: Part, other: Part) -> None:
    here, there = parity(*one, *other), parity(*other, *one)
    assert here is not None
    assert there is not None
    assert here.difference == pytest.approx(-there.difference, abs=1e-12)
    assert here.difference_interval.low == pytest.approx(-there.difference_interval.high, abs=1e-12)
    if here.ratio_interval is not None and there.ratio_interval is not None:
        assert here.ratio is not None
        assert there.ratio == pytest.approx(1 / here.ratio)
        assert here.ratio_interval.low == pytest.approx(1 / there.ratio_interval.high)


@given(GROUP)
def test_groups_of_one_rate_are_at_par(group: Part) -> None:
    found = parity(*group, *group)
    assert found is not None
    assert found.difference == 0
    assert found.difference_interval.low <= 0 <= found.difference_interval.high
    if group[0]:
        assert found.ratio == 1
        assert found.ratio_interval is not None
        assert found.ratio_interval.low <= 1 <= found.ratio_interval.high


@pytest.mark.parametrize(("rows", "known"), [(499, False), (500, True)])
def test_a_group_of_fewer_than_500_is_not_compared(rows: int, known: bool) -> None:
    assert (parity(100, rows, 300, 1000) is not None) == known
    assert (parity(300, 1000, 100, rows) is not None) == known
    assert parity(0, 0, 0, 0, least=0) is None
    labelled = np.array([[900, 0], [rows - 100, 100]])
    assert (equal_opportunity(labelled, labelled, 1) is not None) == known
    odds = equalized_odds(labelled, labelled, 1)
    assert (odds.worst == 0.0) == known
    assert odds.false_positive is not None, "of the others there are enough"


def test_a_rate_of_nothing_has_no_ratio() -> None:
    none, all_ = parity(0, 600, 300, 600), parity(300, 600, 0, 600)
    assert none is not None
    assert all_ is not None
    assert (none.ratio, none.ratio_interval) == (0.0, None)
    assert (all_.ratio, all_.ratio_interval) == (None, None)
    assert (none.difference, all_.difference) == (-0.5, 0.5)


@pytest.mark.parametrize(("p", "q"), [(0.3, 0.3), (0.05, 0.08), (0.9, 0.7)])
def test_intervals_hold_the_truth_nineteen_times_of_twenty(p: float, q: float) -> None:
    rng = np.random.default_rng(31)
    held = np.zeros(2)
    for one, other in zip(rng.binomial(600, p, 2000), rng.binomial(900, q, 2000), strict=True):
        found = parity(int(one), 600, int(other), 900)
        assert found is not None
        assert found.ratio_interval is not None
        held += [
            found.difference_interval.low <= p - q <= found.difference_interval.high,
            found.ratio_interval.low <= p / q <= found.ratio_interval.high,
        ]
    assert (held >= 0.93 * 2000).all()
    assert (held < 0.985 * 2000).all()


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="700 of 600 rows"):
        parity(700, 600, 1, 600)
