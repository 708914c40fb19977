import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import Day
from monitor.registry.specs import DAY_MS, LabelsSpec, ModelSpec, PerformanceSpec
from monitor.stats.trend_in_days import falling_days
from tests.detectors.windows import END, baseline, confusion, days, outcome_window, spec

(TREND,) = (found for found in detectors_for("performance") if found.name == "performance_trend")
BASE = baseline()
#: Accuracy 0.9.
REFERENCE = confusion([4500, 500], [500, 4500])


def week(*right: int, rows: int = 1000) -> tuple[Day, ...]:
    """Days of so many right of so many."""
    return days(*(confusion([n, rows - n], [0, 0]) for n in right))


def judged(ended: tuple[Day, ...], model: ModelSpec | None = None) -> Finding:
    window = outcome_window(BASE, REFERENCE, model=model, reference=REFERENCE, days=ended)
    (found,) = TREND.judge(window)
    return found


@given(st.lists(st.integers(0, 1000), min_size=7, max_size=14))
def test_the_article_s_figures_stand_beside(right: list[int]) -> None:
    found = judged(week(*right))
    values = np.array(right[-7:]) / 1000
    said = found.statistics
    if np.ptp(values) == 0:
        assert (said["slope"], said["slope_p"], said["plain_trend_detected"]) == (0.0, 1.0, 0.0)
        assert said["projected_7d"] == values[-1]
        return
    line = stats.linregress(np.arange(7), values)
    assert said["slope"] == pytest.approx(line.slope, abs=1e-12)
    assert said["slope_p"] == pytest.approx(line.pvalue, abs=1e-9)
    projected = line.intercept + line.slope * 14
    assert said["projected_7d"] == pytest.approx(projected, abs=1e-12)
    assert found.value == pytest.approx(0.9 - projected, abs=1e-12)
    if abs(line.pvalue - 0.05) > 1e-9:
        assert said["plain_trend_detected"] == float(line.slope < 0 and line.pvalue < 0.05)


@given(st.lists(st.integers(700, 999), min_size=5, max_size=7))
def test_it_is_found_by_the_counts_at_the_level_of_a_day(right: list[int]) -> None:
    """One in a month, of which a fifth; a look a day, at four ages, one question of four."""
    found, oracle = judged(week(*right)), falling_days(right, [1000] * len(right))
    assert oracle is not None
    level = 0.2 / 30 / 4 / 4
    assert found.p_value == oracle.p_value
    assert found.statistics["level"] == pytest.approx(level)
    assert found.statistics["found"] == float(oracle.p_value <= level)
    assert (found.verdict == "medium") == (
        oracle.p_value <= level and found.value is not None and round(found.value, 9) > 0.03
    )


FALLING = (905, 902, 898, 894, 891, 887, 884)


def test_a_fall_is_told_with_the_day_on_which_the_limit_is_reached() -> None:
    few = judged(week(*FALLING))
    assert few.verdict == "low", "1,000 rows a day are too few for this budget"
    assert few.message.endswith("the baseline's is 0.900.")
    found = judged(week(*(40 * n for n in FALLING), rows=40_000))
    assert (found.verdict, found.threshold) == ("medium", 0.03)
    assert found.detection is not None
    assert (found.detection.found, found.detection.windows) == (True, 7)
    assert found.message == (
        "accuracy falls by 0.0036 a day over 7 days (n=280,000; p = 3.1e-05 by chance, found at "
        "4.2e-04). If it goes on it is 0.855 in 7 days; the baseline's is 0.900. It is 0.03 below "
        "that on 2023-11-16."
    )


def test_a_limit_that_is_crossed_needs_no_date() -> None:
    found = judged(week(*(40 * n - 1600 for n in FALLING), rows=40_000))
    assert found.statistics["days_to_limit"] == 0.0
    assert found.message.endswith("It is 0.03 below that already.")


def test_there_is_no_date_where_the_slope_may_be_nothing_or_days_are_missing() -> None:
    wavering = judged(week(*(20 * n for n in (905, 860, 900, 870, 880, 890, 850)), rows=20_000))
    assert wavering.statistics["days_to_limit"] is None
    assert " on 20" not in wavering.message
    ended = week(*(40 * n for n in FALLING), rows=40_000)
    early = [replace_day(day, day.start_ms - DAY_MS) for day in ended[:3]]
    gap = judged((*early, *ended[3:]))
    assert gap.verdict == "medium"
    assert gap.statistics["days_to_limit"] is None


def replace_day(day: Day, start: int) -> Day:
    return Day(start, day.predictions, day.labelled, day.tally)


def test_what_is_found_and_small_is_low() -> None:
    right = [200_000 - 300 * n for n in range(7)]
    found = judged(week(*right, rows=220_000))
    assert found.statistics["found"] == 1.0
    assert found.verdict == "low"


def test_days_with_too_few_labels_are_passed_over() -> None:
    ended = week(*range(900, 907), rows=1000)
    few = Day(END - 20 * DAY_MS, 1000, 799, (0, 799))
    scarce = Day(END - 21 * DAY_MS, 99, 99, (0, 99))
    assert judged((scarce, few, *ended)).statistics == judged(ended).statistics
    found = judged((scarce, few, *ended[:4]))
    assert found.verdict == "insufficient_data"
    assert found.message == (
        "accuracy: a trend needs 5 days of 100 labels among the last 14, at a label age of 1 d, "
        "has 4"
    )
    model = spec(labels=LabelsSpec(min_coverage=0.7), performance=PerformanceSpec(min_samples=50))
    assert len(judged((scarce, few, *ended[:4]), model).statistics["days"]) == 6  # type: ignore[arg-type]


def test_it_is_asked_only_where_a_day_has_ended() -> None:
    window = outcome_window(BASE, REFERENCE, days=None)
    assert TREND.judge(window) == []


def test_by_the_article_alone_its_significance_decides() -> None:
    ended = week(*FALLING)
    model = spec(performance=PerformanceSpec(method="plain"))
    assert judged(ended).verdict == "low"
    assert judged(ended, model).verdict == "medium"


def test_an_average_over_classes_is_told_by_its_line() -> None:
    matrices = [confusion([900 - 5 * n, 100 + 5 * n], [40 + n, 960]) for n in range(7)]
    model = spec(performance=PerformanceSpec(metric="recall"))
    window = outcome_window(
        BASE, REFERENCE, model=model, reference=REFERENCE, days=days(*matrices, metric="recall")
    )
    (found,) = TREND.judge(window)
    assert found.p_value is not None
    line = stats.linregress(range(7), [(m[0, 0] + m[1, 1]) / 2000 for m in matrices])
    assert found.p_value == pytest.approx(line.pvalue / 2, abs=1e-12)
    assert found.statistics["dispersion"] is None


def test_a_baseline_of_few_labels_is_not_compared_with() -> None:
    window = outcome_window(
        BASE, REFERENCE, reference=confusion([5, 0], [0, 5]), days=week(*[900] * 7)
    )
    (found,) = TREND.judge(window)
    assert found.verdict == "insufficient_data"
    assert "n=10 < 100" in found.message
