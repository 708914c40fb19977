"""Limits of metrics: Newcombe's where they are proportions, and by simulation where not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.grid import Counts
from monitor.stats.metric_interval import metric_difference, metric_interval
from monitor.stats.newcombe import newcombe, wilson
from monitor.stats.performance import METRICS, performance

MATRIX = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.sampled_from([0, 0, 1, 3, 40, 900]), min_size=k * k, max_size=k * k).map(
        lambda cells: np.array(cells, dtype=np.int64).reshape(k, k)
    )
)


@given(MATRIX, MATRIX, st.sampled_from([0.9, 0.999]))
def test_a_difference_of_proportions_is_newcombes(one: Counts, other: Counts, level: float) -> None:
    for metric, rows in (
        ("accuracy", (one.sum(), other.sum())),
        ("precision", (one[:, 1].sum(), other[:, 1].sum())),
        ("recall", (one[1].sum(), other[1].sum())),
    ):
        found = metric_difference(one, other, metric, 1, level)
        if not all(rows):
            assert found is None
            continue
        hits = [int(m.trace() if metric == "accuracy" else m[1, 1]) for m in (one, other)]
        oracle = newcombe(hits[0], int(rows[0]), hits[1], int(rows[1]), level)
        assert found is not None
        assert oracle is not None
        assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@given(MATRIX, st.sampled_from(METRICS), st.sampled_from([0, 1, None]))
def test_limits_hold_their_metric(matrix: Counts, metric: str, positive: int | None) -> None:
    found, value = metric_interval(matrix, metric, positive), performance(matrix, metric, positive)
    assert (found is None) == (value is None)
    if found is not None and value is not None:
        assert 0 <= found.low <= value + 1e-12
        assert value - 1e-12 <= found.high <= 1


@given(MATRIX, MATRIX, st.sampled_from(METRICS), st.sampled_from([0, None]))
def test_a_difference_the_other_way_round_is_its_mirror(
    one: Counts, other: Counts, metric: str, positive: int | None
) -> None:
    there = metric_difference(one, other, metric, positive)
    back = metric_difference(other, one, metric, positive)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


@given(MATRIX, st.sampled_from(METRICS), st.sampled_from([0, None]))
def test_more_confidence_and_fewer_rows_are_wider(
    matrix: Counts, metric: str, positive: int | None
) -> None:
    narrow = metric_interval(matrix * 10, metric, positive, 0.9)
    if narrow is None:
        return
    for wide in (
        metric_interval(matrix * 10, metric, positive, 0.99),
        metric_interval(matrix, metric, positive, 0.9),
    ):
        assert wide is not None
        assert wide.low <= narrow.low + 1e-12
        assert wide.high >= narrow.high - 1e-12


def test_f1_of_one_class_has_the_limits_of_its_overlap() -> None:
    """F1 rises with J = TP / (TP + FP + FN), of which each row says yes or no."""
    found = metric_interval(np.array([[900, 30], [20, 50]]), "f1", 1)
    overlap = wilson(50, 100)
    assert found is not None
    assert overlap is not None
    assert found.low == pytest.approx(2 * overlap.low / (1 + overlap.low))
    assert found.high == pytest.approx(2 * overlap.high / (1 + overlap.high))


def test_a_class_of_which_no_row_came_is_not_known() -> None:
    """Three predictions of a class among a thousand are none at times, by chance."""
    before, now = np.array([[997, 0], [0, 3]]), np.array([[1000, 0], [0, 0]])
    before[1, 0], now[1, 0] = 2, 2
    found = metric_difference(before, now, "precision")
    assert found is not None
    assert found.low < 0 < found.high


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("positive", [2, None])
def test_intervals_hold_the_truth_as_often_as_they_say(metric: str, positive: int | None) -> None:
    """Of 1,000 draws around a known truth; 95 of 100 at least, for F1's average nearly all."""
    truth = np.array([[0.40, 0.03, 0.02], [0.04, 0.26, 0.03], [0.02, 0.02, 0.18]])
    worse = np.array([[0.37, 0.05, 0.04], [0.04, 0.24, 0.05], [0.03, 0.03, 0.15]])
    was, is_ = (performance((m * 1e9).astype(np.int64), metric, positive) for m in (truth, worse))
    assert was is not None
    assert is_ is not None
    rng = np.random.default_rng(12)
    held = 0
    for _ in range(1000):
        one = rng.multinomial(2000, truth.ravel()).reshape(3, 3)
        two = rng.multinomial(300, worse.ravel()).reshape(3, 3)
        found = metric_difference(one, two, metric, positive)
        assert found is not None
        held += found.low <= was - is_ <= found.high
    assert held >= 935
    assert held < 1000 or (metric, positive) == ("f1", None)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("positive", [1, None])
def test_no_drop_is_found_where_nothing_has_changed(metric: str, positive: int | None) -> None:
    """One-sided, at 1 in 100: of 4,000 windows no more than 60."""
    share = np.array([0.85, 0.05, 0.04, 0.06])
    rng = np.random.default_rng(13)
    befores = rng.multinomial(5000, share, size=4000).reshape(-1, 2, 2)
    nows = rng.multinomial(400, share, size=4000).reshape(-1, 2, 2)
    found = 0
    for before, now in zip(befores, nows, strict=True):
        interval = metric_difference(before, now, metric, positive, confidence=0.98)
        assert interval is not None
        found += interval.low > 0
    assert found <= 60
