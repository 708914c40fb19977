"""Which path each column takes is known when its baseline is built."""

import numpy as np

from monitor.baselines.build import build_baseline
from monitor.baselines.history import divide
from monitor.calibration.reach import Reach, reach
from monitor.calibration.usual import Usual

DAY = 86_400_000


def found(days: int, alpha: float, rows: int = 100) -> Reach:
    """A column of independent rows, one of days that differ, and one of days that follow on."""
    rng = np.random.default_rng(10)
    times = np.arange(days * rows + 1) * (DAY // rows)
    day = np.minimum(times // DAY, days - 1)
    walk = np.cumsum(rng.normal(size=days))
    columns = {
        "calm": rng.normal(size=times.size),
        "moody": rng.normal(size=times.size) + rng.normal(size=days)[day],
        "slow": rng.normal(size=times.size) + walk[day],
    }
    baseline = build_baseline("b", "m", columns, prediction_ms=times, history=divide(times, [DAY]))
    own = baseline.own_windows(DAY)
    assert own is not None
    return reach(baseline, own, [f"feature/{name}" for name in columns], alpha)


def test_rows_where_they_are_independent_windows_where_days_differ_and_else_nothing() -> None:
    assert found(400, 1e-3) == Reach(("feature/calm",), ("feature/moody",), ("feature/slow",))


def test_few_windows_reach_no_strict_level() -> None:
    lax, strict = found(45, 1e-3), found(45, 1e-6)
    assert "feature/moody" in lax.windows
    assert strict == Reach(("feature/calm",), (), ("feature/moody", "feature/slow"))


def test_windows_that_are_too_thin_to_be_judged_are_not_what_is_usual() -> None:
    """Every other window has three rows: whatever they are, by those no window would be gross."""
    rng = np.random.default_rng(11)
    half = DAY // 2
    day = np.repeat(np.arange(300), 203)
    part = np.tile(np.r_[np.linspace(0, half - 1, 200), half + np.arange(3)], 300)
    times = np.append(day * DAY + part.astype(np.int64), 300 * DAY)
    values = rng.normal(size=times.size)
    baseline = build_baseline(
        "b", "m", {"x": values}, prediction_ms=times, history=divide(times, [half])
    )
    own = baseline.own_windows(half)
    assert own is not None
    every, thick = (Usual.of(baseline, own, "feature/x", least) for least in (1, 50))
    assert (every.windows, thick.windows) == (360, 180)
    assert (thick.own.sum(axis=1) >= 50).all()
    broken = np.array([5] * 5 + [35] * 5)
    assert thick.gross(broken)
    assert not every.gross(broken)
    assert reach(baseline, own, ["feature/x"], 1e-3, least=300).none == ("feature/x",)
