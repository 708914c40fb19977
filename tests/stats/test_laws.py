"""What holds of statistics whatever the data: of distances, of orders, of limits, of merging."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from monitor.stats.auc import auc
from monitor.stats.chi2 import chi2
from monitor.stats.clopper_pearson import clopper_pearson
from monitor.stats.effect import effect
from monitor.stats.fisher import excess_p
from monitor.stats.grid import Counts, Floats, build_numeric
from monitor.stats.hellinger import hellinger
from monitor.stats.js import js
from monitor.stats.ks import ks
from monitor.stats.newcombe import wilson
from monitor.stats.psi import psi
from monitor.stats.total_variation import total_variation
from monitor.stats.two_proportions import two_proportions
from monitor.stats.wasserstein import bin_means, wasserstein
from tests.stats.columns import smooth

Distance = Callable[[Counts, Counts], float | None]


def _divergence(current: Counts, reference: Counts) -> float | None:
    found = js(current, reference)
    return found.divergence_nats if found else None


def _statistic(current: Counts, reference: Counts) -> float | None:
    found = chi2(current, reference)
    return found.statistic if found else None


#: Distances of shares: the rows of a side count only through them.
DISTANCES: dict[str, Distance] = {
    "psi": psi,
    "js": _divergence,
    "hellinger": hellinger,
    "total_variation": total_variation,
}
EVERY = DISTANCES | {"chi2": _statistic}
#: Of a coarser view they never see more; PSI neither, but for the share that stands for none.
LOWERED = {name: DISTANCES[name] for name in ("js", "hellinger", "total_variation")}
CELLS = st.integers(2, 9).flatmap(
    lambda k: st.tuples(
        *[st.lists(st.integers(0, 300), min_size=k, max_size=k).map(np.array) for _ in range(2)]
    )
)
Two = tuple[Counts, Counts]


def known(cells: Two) -> Two:
    assume(cells[0].sum() > 0 and cells[1].sum() > 0)
    return cells


def each(distances: dict[str, Distance]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("distance", distances.values(), ids=distances)


@each(EVERY)
@given(CELLS)
def test_a_distance_has_no_direction_and_is_never_negative(distance: Distance, cells: Two) -> None:
    a, b = known(cells)
    assert (found := distance(a, b)) is not None
    assert found >= 0
    assert found == pytest.approx(distance(b, a), rel=1e-9, abs=1e-12)


@each(DISTANCES)
@given(CELLS, st.integers(1, 1000))
def test_nothing_lies_between_equal_shares_and_of_more_rows_it_is_the_same(
    distance: Distance, cells: Two, times: int
) -> None:
    a, b = known(cells)
    assert distance(a, a * times) == pytest.approx(0.0, abs=1e-7)
    assert distance(a * times, b) == pytest.approx(distance(a, b), rel=1e-9, abs=1e-9)


@each(EVERY)
@given(CELLS, st.randoms(use_true_random=False))
def test_cells_have_no_order(distance: Distance, cells: Two, random: "object") -> None:
    a, b = known(cells)
    order = list(range(a.size))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert distance(a[order], b[order]) == pytest.approx(distance(a, b), rel=1e-9, abs=1e-12)


@each(LOWERED | {"chi2": _statistic})
@given(CELLS)
def test_cells_that_are_merged_hide_and_never_invent(distance: Distance, cells: Two) -> None:
    a, b = known(cells)
    merged = [np.concatenate(([side[0] + side[1]], side[2:])) for side in (a, b)]
    whole, hidden = distance(a, b), distance(merged[0], merged[1])
    assert whole is not None
    assert hidden is not None
    assert hidden <= whole + 1e-9 * (1 + whole)


@given(CELLS)
def test_distances_bound_one_another(cells: Two) -> None:
    """Le Cam: H² <= TV <= H √(2 - H²); Lin: JS <= TV ln 2."""
    a, b = known(cells)
    h, tv, divergence = hellinger(a, b), total_variation(a, b), _divergence(a, b)
    assert h is not None
    assert tv is not None
    assert divergence is not None
    assert h**2 - 1e-9 <= tv <= h * math.sqrt(2 - h**2) + 1e-9
    assert divergence <= tv * math.log(2) + 1e-9


@given(CELLS)
def test_an_effect_lies_above_its_bound_and_below_its_raw_value(cells: Two) -> None:
    found = effect(*known(cells))
    assert found is not None
    assert 0 <= found.corrected <= found.psi
    assert 0 <= found.lower <= found.psi
    assert effect(cells[0], cells[0]) == effect(cells[0], cells[0].copy())


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(smooth(), smooth(), st.integers(-20, 20))
def test_a_change_of_the_unit_on_both_sides_changes_no_order(
    reference: Floats, current: Floats, power: int
) -> None:
    assume(1e-200 < np.abs(reference).max() < 1e200 and 1e-200 < np.abs(current).max() < 1e200)
    told = []
    for unit in (1.0, 2.0**power):
        grid = build_numeric(reference * unit)
        then, now = grid.counts(reference * unit), grid.counts(current * unit)
        told.append((auc(now, then, grid), ks(now, then, grid)))
    assert told[0] == told[1]


@given(smooth(), smooth())
def test_what_is_greater_one_way_is_less_the_other(reference: Floats, current: Floats) -> None:
    grid = build_numeric(reference, 32)
    now, then = grid.counts(current), grid.counts(reference)
    up, down = auc(now, then, grid), auc(then, now, grid)
    assert up is not None
    assert down is not None
    assert up.value + down.value == pytest.approx(1.0, abs=1e-12)
    assert (up.z, up.p_value) == pytest.approx((-down.z, down.p_value), rel=1e-6, abs=1e-9)
    one, other = ks(now, then, grid), ks(then, now, grid)
    assert one is not None
    assert other is not None
    assert (one.d, one.p_value) == (other.d, other.p_value)


@given(smooth(), smooth(), smooth())
def test_windows_merge_into_what_all_their_rows_say(
    reference: Floats, one: Floats, other: Floats
) -> None:
    grid = build_numeric(reference)
    then, union = grid.counts(reference), grid.counts(np.concatenate((one, other)))
    for merged in (grid.counts(one) + grid.counts(other), grid.counts(other) + grid.counts(one)):
        assert auc(merged, then, grid) == auc(union, then, grid)
        assert ks(merged, then, grid) == ks(union, then, grid)
        assert psi(merged, then) == psi(union, then)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(-30, 30),
       st.sampled_from([0.5, 2.0, 16.0]))  # fmt: skip
def test_a_column_that_is_moved_lies_as_far_as_it_was_moved(
    rows: list[int], shift: int, unit: float
) -> None:
    values = np.array(rows, dtype=float) * unit
    grid = build_numeric(values)
    moved = values + shift * unit
    low, high = moved[moved < grid.edges[0]], moved[moved >= grid.edges[-1]]
    means = bin_means(values, grid)
    then, now = grid.counts(values), grid.counts(moved)
    found = wasserstein(now, then, grid, means, float(low.sum()), float(high.sum()))
    widest = float(np.diff(grid.edges).max())
    assert found == pytest.approx(abs(shift) * unit, abs=widest + 1e-9)
    assert wasserstein(then, then, grid, means) == 0.0


PART = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@given(PART, st.floats(0.5, 0.99))
def test_limits_hold_the_share_and_turn_with_it_and_widen_with_confidence(
    interval: Callable[..., object], part: tuple[int, int], confidence: float
) -> None:
    k, n = part
    found, turned = interval(k, n, confidence), interval(n - k, n, confidence)
    wider = interval(k, n, (1 + confidence) / 2)
    assert found.low - 1e-12 <= k / n <= found.high + 1e-12  # type: ignore[attr-defined]
    assert (turned.low, turned.high) == pytest.approx(  # type: ignore[attr-defined]
        (1 - found.high, 1 - found.low), abs=1e-9  # type: ignore[attr-defined]
    )  # fmt: skip
    assert wider.low <= found.low + 1e-12  # type: ignore[attr-defined]
    assert wider.high >= found.high - 1e-12  # type: ignore[attr-defined]


@given(PART, PART)
def test_more_misses_are_less_likely_by_chance(now: tuple[int, int], then: tuple[int, int]) -> None:
    (k, n), (r, m) = now, then
    found, turned = two_proportions(k, n, r, m), two_proportions(r, m, k, n)
    assert found is not None
    assert turned is not None
    assert (found.difference, found.z) == (-turned.difference, -turned.z)
    assert found.p_value == turned.p_value
    if k < n:
        fewer, more = excess_p(k, n, r, m), excess_p(k + 1, n, r, m)
        assert fewer is not None
        assert more is not None
        assert more <= fewer * (1 + 1e-9)
