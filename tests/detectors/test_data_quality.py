import math

import numpy as np
import pytest
import scipy.stats

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from tests.detectors.windows import baseline, input_window

(QUALITY,) = (found for found in detectors_for("data_drift") if found.name == "data_quality")


def judged(now: list[object], then: list[object]) -> Finding:
    base = baseline(columns={"x": then}, outputs={})
    (found,) = QUALITY.judge(input_window(base, {"x": now}))
    return found


NUMBERS: list[object] = [float(i % 100) for i in range(2000)]


@pytest.mark.parametrize(
    ("odd", "rate"),
    [
        (None, "null_rate"),
        (math.nan, "null_rate"),
        ("text", "type_error_rate"),
        (True, "type_error_rate"),
        (-1.0, "out_of_range_rate"),
        (1e9, "out_of_range_rate"),
        (-math.inf, "out_of_range_rate"),
    ],
)
@pytest.mark.parametrize(
    ("bad", "verdict"), [(10, "low"), (30, "medium"), (70, "high"), (150, "critical")]
)
def test_each_rate_is_graded_by_its_excess(odd: object, rate: str, bad: int, verdict: str) -> None:
    found = judged([odd] * bad + NUMBERS[: 1000 - bad], NUMBERS)
    assert (found.statistic, found.verdict) == (rate, verdict)
    assert found.value == pytest.approx(bad / 1000)
    assert found.statistics[rate] == pytest.approx(bad / 1000)
    assert found.p_value == pytest.approx(
        scipy.stats.fisher_exact([[bad, 1000 - bad], [0, 2000]], alternative="greater").pvalue
    )


def test_unseen_categories_are_graded() -> None:
    found = judged(["c"] * 200 + ["a"] * 400 + ["b"] * 400, ["a", "b"] * 500)
    assert (found.statistic, found.verdict, found.threshold) == ("unseen_rate", "critical", 0.1)
    assert found.message == (
        "x: unseen rate above the baseline's by 0.200 > 0.100 (n=1,000; p < 1e-12 by chance). "
        "Categories unseen in the baseline rose from 0 % to 20 %."
    )


def test_only_what_exceeds_the_baseline_s_own_rate_counts() -> None:
    then: list[object] = [None] * 600 + NUMBERS[:1400]
    found = judged([None] * 300 + NUMBERS[:700], then)
    assert (found.verdict, found.value) == ("low", pytest.approx(0.0, abs=1e-12))
    found = judged([None] * 380 + NUMBERS[:620], then)
    assert (found.verdict, found.value) == ("high", pytest.approx(0.08))
    assert found.statistics["null_rate_reference"] == pytest.approx(0.3)
    assert found.message.endswith("Nulls rose from 30 % to 38 %.")


def test_what_chance_explains_is_low_and_says_so() -> None:
    then: list[object] = [None] * 300 + NUMBERS[:1700]
    found = judged([None] * 92 + NUMBERS[:408], then)
    assert found.value == pytest.approx(0.034)
    assert found.verdict == "low"
    assert found.threshold == 0.01
    assert 0.001 <= (found.p_value or 0) < 0.1
    assert "which chance explains" in found.message


def test_a_natural_extreme_value_is_no_fault() -> None:
    rng = np.random.default_rng(3)
    found = judged(rng.normal(0, 1, 5000).tolist(), rng.normal(0, 1, 2000).tolist())
    assert found.statistics["out_of_range_rate"] != 0.0
    assert found.verdict == "low"


def test_names_that_never_repeat_are_unseen_without_any_drift() -> None:
    then: list[object] = [f"name {i}" for i in range(1000)]
    now: list[object] = [f"other name {i}" for i in range(1000)]
    assert judged(now, then).verdict == "low"


def test_the_worst_rate_is_the_finding_and_all_are_shown() -> None:
    now = [None] * 60 + ["text"] * 150 + [1e9] * 30 + NUMBERS[:760]
    found = judged(now, NUMBERS)
    assert (found.statistic, found.verdict) == ("type_error_rate", "critical")
    assert found.statistics["null_rate"] == pytest.approx(0.06)
    assert found.statistics["out_of_range_rate"] == pytest.approx(30 / 790)


def test_all_null_is_critical_though_no_row_holds_a_value() -> None:
    found = judged([None] * 500, NUMBERS)
    assert (found.verdict, found.value, found.n_current) == ("critical", 1.0, 500)
    assert found.statistics["out_of_range_rate"] is None


def test_a_rate_needs_the_minimum_of_its_own_rows() -> None:
    # Of 600 rows 100 hold a value, all of them out of range: too few to say so.
    found = judged([None] * 500 + [1e9] * 100, [None] * 1700 + NUMBERS[:300])
    assert found.statistic != "out_of_range_rate"
    assert found.verdict == "low"
    assert found.statistics["out_of_range_rate"] == 1.0


def test_another_constant_is_out_of_range() -> None:
    found = judged([6.0] * 900, [5.0] * 1000)
    assert (found.statistic, found.verdict, found.value) == ("out_of_range_rate", "critical", 1.0)


def test_the_side_that_was_left_is_named() -> None:
    found = judged([*[1e9] * 100, *[-5.0] * 50, *[math.inf] * 20, *NUMBERS[:830]], NUMBERS)
    assert [(b.bin, b.reference, b.current) for b in found.top_bins] == [
        ("above 99", 0.0, 0.1),
        ("below 0", 0.0, 0.05),
        ("infinite", 0.0, 0.02),
    ]
