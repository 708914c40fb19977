"""Which path holds, and what is beyond anything usual."""

import numpy as np
import pytest

from monitor.calibration.usual import LEAST_WINDOWS, Usual
from monitor.stats.effect import effect
from tests.calibration.usual import REFERENCE, days, drawn, rows


def test_rows_are_counted_where_windows_differ_no_more_than_they() -> None:
    """Two tests at 5 % each say otherwise now and then."""
    rng = np.random.default_rng(1)
    paths = [rows(rng, 200).path for _ in range(60)]
    assert paths.count("rows") >= 50
    assert set(paths) <= {"rows", "windows"}


def test_dispersion_is_what_windows_vary_beyond_their_rows() -> None:
    rng = np.random.default_rng(2)
    plain = rows(rng, 200)
    assert plain.dispersion == pytest.approx(1.0, abs=0.12)
    # A tenth as many rows, each ten times: the counts vary as if there were a tenth.
    own = 10 * np.array([drawn(rng, 0.0, 200) for _ in range(150)])
    assert Usual(plain.reference, own, ordered=True).dispersion == pytest.approx(9.2, abs=1.2)
    kappa = 1 / own.sum(axis=1) + 1 / plain.reference.sum()
    by_hand = [effect(w, plain.reference).psi for w in own]  # type: ignore[union-attr]
    assert Usual(plain.reference, own, ordered=True).dispersion == pytest.approx(
        float(np.mean(np.array(by_hand) / kappa)) / 9
    )


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_windows_are_ranked_where_days_differ_or_remember(rho: float) -> None:
    rng = np.random.default_rng(3)
    own = np.array([drawn(rng, shift, 2000) for shift in days(rng, rho, 150)])
    usual = Usual(drawn(rng, 0.0, REFERENCE), own, ordered=True)
    assert usual.path == "windows"
    assert usual.dispersion > 2
    assert any(usual.levels(5e-5))


def test_a_cell_that_remembers_makes_the_distance_cautious() -> None:
    """Its square is what the distance must be taken to remember, whatever is estimated of it."""
    rng = np.random.default_rng(4)
    own = np.array([drawn(rng, shift, 2000) for shift in days(rng, 0.7, 400)])
    distance, shift = Usual(drawn(rng, 0.0, REFERENCE), own, ordered=True).ranks
    assert shift.correlation > 0.5
    assert distance.least_correlation >= shift.correlation**2 - 1e-12
    assert distance.cautious_correlation > distance.least_correlation


@pytest.mark.parametrize("windows", [0, 1, LEAST_WINDOWS - 1])
def test_too_few_windows_know_nothing(windows: int) -> None:
    usual = rows(np.random.default_rng(5), 200, windows)
    assert usual.path is None
    assert usual.ranks == () or usual.windows >= 16
    assert not usual.gross(np.array([10_000] + [0] * 9))


def test_a_window_without_a_value_says_nothing() -> None:
    usual = rows(np.random.default_rng(8), 200)
    gaps = np.insert(usual.own, [3, 70], 0, axis=0)
    assert Usual(usual.reference, gaps, ordered=True).own.tolist() == usual.own.tolist()


def test_a_column_that_never_moved_is_judged_by_its_rows_alone() -> None:
    """One cell: no order, no distance, nothing to find, and no error."""
    still = Usual(np.array([500]), np.full((150, 1), 20), ordered=True)
    assert still.dispersion == 1.0
    assert not still.gross(np.array([20]))


def test_gross_is_twice_as_far_as_ever() -> None:
    rng = np.random.default_rng(6)
    usual = rows(rng, 200)
    worst = usual.own[int(np.argmax(usual.psi))]
    assert not usual.gross(worst)
    assert usual.gross(drawn(rng, 2.0, 200))
    assert not usual.gross(np.zeros(10, dtype=np.int64))


def test_chance_in_a_small_window_is_not_gross() -> None:
    """Own windows of 20,000 rows lie near the reference; one of 60 rows is no storm."""
    rng = np.random.default_rng(7)
    usual = rows(rng, 20_000)
    assert effect(window := drawn(rng, 0.0, 60), usual.reference).psi > 2 * usual.psi.max()  # type: ignore[union-attr]
    assert not usual.gross(window)
