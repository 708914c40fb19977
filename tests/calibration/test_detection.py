"""False alarms and delays on simulated windows, and what is said where nothing can be."""

import numpy as np
import pytest

from monitor.calibration.detection import LOOKS, PART, detect, lasting
from monitor.calibration.usual import Usual
from monitor.stats.grid import Counts
from tests.calibration.usual import REFERENCE, days, drawn, rows

COLUMNS = 20
ALPHA = 1e-3


def test_a_quarter_of_a_standard_deviation_is_found_in_two_windows_or_so() -> None:
    """20 independent columns of 200 rows: the reach that is asked, at 1 false window in 1,000."""
    rng = np.random.default_rng(10)
    delays, false, looked = [], 0, 0
    for _ in range(12):
        usual = {f"{n}": rows(rng, 200) for n in range(COLUMNS)}
        windows: dict[str, list[Counts]] = {name: [] for name in usual}
        for _ in range(25):
            for name in usual:
                windows[name] = [*windows[name], drawn(rng, 0.0, 200)][-LOOKS:]
            false += any(one.found for one in detect(usual, windows, ALPHA).values())
            looked += 1
        for delay in range(1, 20):
            for name in usual:
                shift = 0.25 if name == "0" else 0.0
                windows[name] = [*windows[name], drawn(rng, shift, 200)][-LOOKS:]
            if detect(usual, windows, ALPHA)["0"].found:
                delays.append(delay)
                break
    assert len(delays) == 12
    assert np.median(delays) <= 3
    assert false <= 2, f"{false} of {looked} windows"


def remembering(rng: np.random.Generator, rho: float, after: int) -> tuple[Usual, list[Counts]]:
    """A column whose days remember, and so many windows after those of the baseline."""
    shifts = days(rng, rho, 150 + after)
    windows = [drawn(rng, shift, 2000) for shift in shifts]
    return Usual(drawn(rng, 0.0, REFERENCE), np.array(windows[:150]), ordered=True), windows[150:]


@pytest.mark.parametrize("rho", [0.2, 0.4, 0.6])
def test_days_that_remember_raise_no_alarm(rho: float) -> None:
    """Where i.i.d. tests find drift on most days. At 1 in 1,000, of 80 looks apart."""
    rng = np.random.default_rng(int(rho * 10))
    false = 0
    for _ in range(4):
        made = {f"{n}": remembering(rng, rho, 96) for n in range(10)}
        usual = {name: one for name, (one, _) in made.items()}
        for end in range(16, 96, 4):
            looks = {name: windows[end - 16 : end] for name, (_, windows) in made.items()}
            false += any(one.found for one in detect(usual, looks, ALPHA).values())
    assert false <= 2


def test_a_shift_of_days_is_found_by_ranks() -> None:
    """Three standard deviations of the days' own, in a few windows."""
    rng = np.random.default_rng(12)
    usual, windows = remembering(rng, 0.2, 20)
    moved = windows[:12] + [drawn(rng, 0.45, 2000) for _ in range(8)]
    found = [
        detect({"x": usual}, {"x": moved[: n + 1]}, ALPHA)["x"].found for n in range(len(moved))
    ]
    assert not any(found[:12])
    assert found.index(True) <= 12 + 5
    assert all(found[17:])


def test_one_wild_window_is_gross_and_two_last() -> None:
    rng = np.random.default_rng(13)
    usual, windows = remembering(rng, 0.2, 10)
    wild = drawn(rng, 2.5, 2000)
    once = detect({"x": usual}, {"x": [*windows, wild]}, ALPHA)["x"]
    assert (once.gross, once.lasting) == (True, False)
    twice = detect({"x": usual}, {"x": [*windows, wild, wild]}, ALPHA)["x"]
    assert (twice.gross, twice.lasting) == (True, True)
    over = detect({"x": usual}, {"x": [*windows, wild, windows[0]]}, ALPHA)["x"]
    assert not over.gross


def test_windows_are_merged_only_up_to_a_part_of_the_reference() -> None:
    """Beyond it all merges share the reference's own chance: a false alarm would stay."""
    rng = np.random.default_rng(14)
    usual = rows(rng, 200)
    while usual.path != "rows":
        usual = rows(rng, 200)
    window = drawn(rng, 0.1, REFERENCE // PART)
    found = detect({"x": usual}, {"x": [window] * 8}, ALPHA)["x"]
    assert found.windows == 1
    small = drawn(rng, 0.1, 60)
    assert detect({"x": usual}, {"x": [small] * 8}, ALPHA)["x"].windows == 8


def test_categories_are_tested_by_chi_squared() -> None:
    rng = np.random.default_rng(15)
    p = [0.5, 0.3, 0.2]
    reference = rng.multinomial(REFERENCE, p)
    draws = (Usual(reference, rng.multinomial(400, p, 150), ordered=False) for _ in range(9))
    usual = next(one for one in draws if one.path == "rows")
    same = detect({"x": usual}, {"x": [rng.multinomial(400, p)]}, ALPHA)["x"]
    assert not same.found
    moved = detect({"x": usual}, {"x": [rng.multinomial(400, [0.4, 0.3, 0.3])]}, ALPHA)["x"]
    assert moved.found


def test_where_nothing_can_be_told_it_says_why() -> None:
    rng = np.random.default_rng(16)
    few = rows(rng, 200, 5)
    found = detect({"x": few}, {"x": [drawn(rng, 0.0, 200)]}, ALPHA)["x"]
    assert (found.found, found.p_value, found.path) == (False, None, None)
    assert "5 windows of its own" in found.why
    usual, windows = remembering(rng, 0.9, 16)
    strict = detect({"x": usual}, {"x": windows}, 1e-300)["x"]
    assert (strict.p_value, strict.path) == (None, None)
    assert "150 windows of the baseline" in strict.why
    assert detect({"x": usual}, {"x": []}, ALPHA)["x"].p_value is None
    assert detect({}, {}, ALPHA) == {}


def test_a_drift_lasts_if_each_of_the_last_windows_found_it() -> None:
    rng = np.random.default_rng(17)
    usual = rows(rng, 400)
    while usual.path != "rows":
        usual = rows(rng, 400)
    moved = [drawn(rng, 0.4, 400) for _ in range(8)]
    assert lasting(usual, moved, 1e-4, 8)
    assert not lasting(usual, moved[:7], 1e-4, 8)
    # The one before last is merged with moved ones and found all the same; alone it is not.
    assert not lasting(usual, [drawn(rng, 0.0, 400), *moved[:7]], 1e-4, 8)
