import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from tests.detectors.windows import baseline, confusion, outcome_window, spec

(CONCEPT,) = (found for found in detectors_for("performance") if found.name == "concept_drift")
BASE = baseline()


#: Accuracy 0.9.
REFERENCE = confusion([4500, 500], [500, 4500])


def judged(accuracy_of_1000: int, *history: float, periods: int = 4, times: int = 1) -> Finding:
    model = spec()
    model = msgspec.structs.replace(
        model, performance=msgspec.structs.replace(model.performance, periods=periods)
    )
    matrix = confusion([accuracy_of_1000, 1000 - accuracy_of_1000], [0, 0]) * times
    (found,) = CONCEPT.judge(
        outcome_window(BASE, matrix, model=model, history=history, reference=REFERENCE)
    )
    return found


def test_fewer_periods_than_needed_are_not_judged() -> None:
    found = judged(100, 0.9, 0.9)
    assert found.verdict == "insufficient_data"
    assert found.message == "accuracy: needs 4 earlier periods, has 2"
    assert judged(100, 0.9, 0.9, periods=2).verdict == "critical"


@pytest.mark.parametrize(
    ("right", "verdict"),
    [(900, "low"), (870, "low"), (869, "medium"), (849, "high"), (800, "high"), (799, "critical")],
)
def test_the_degradation_is_graded(right: int, verdict: str) -> None:
    found = judged(right, 0.9, 0.9, 0.9, 0.9, times=10)
    assert found.verdict == verdict
    assert found.value == pytest.approx(0.9 - right / 1000)


def test_only_the_last_periods_count() -> None:
    found = judged(800, 0.1, 0.1, 0.9, 0.7, 0.8, 0.9)
    assert found.value == pytest.approx(0.825 - 0.8)
    assert found.statistics["recent_mean"] == pytest.approx(0.825)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=12), st.integers(0, 1000))
def test_the_article_s_verdict_is_shown(history: list[float], right: int) -> None:
    degradation = float(np.mean(history[-4:])) - right / 1000
    found = judged(right, *history)
    assert found.value == pytest.approx(degradation, abs=1e-12)
    if abs(degradation - 0.05) > 1e-8:
        assert found.statistics["plain_concept_drift"] == float(degradation > 0.05)


@given(st.integers(750, 950))
def test_it_is_found_by_two_proportions_against_the_baseline(right: int) -> None:
    found = judged(right, 0.97, 0.97, 0.97, 0.97)
    table = [[9000, 1000], [right, 1000 - right]]
    oracle = stats.chi2_contingency(table, correction=False)
    one_sided = oracle.pvalue / 2 if right < 900 else 1 - oracle.pvalue / 2
    assert found.p_value == pytest.approx(one_sided, rel=1e-6)
    level = found.statistics["level"]
    assert isinstance(level, float)
    exact = stats.fisher_exact([[1000 - right, right], [1000, 9000]], alternative="greater")
    assert found.statistics["found"] == float(max(one_sided, exact.pvalue) <= level)
    if not found.statistics["found"]:
        assert found.verdict == "low", "below what it was of late, and yet not below the baseline"


def test_a_degradation_that_chance_explains_is_low() -> None:
    found = judged(872, 0.95, 0.95, 0.95, 0.95)
    assert (found.verdict, found.threshold) == ("low", 0.03)
    assert found.statistics["plain_concept_drift"] == 1.0
    assert found.message == (
        "accuracy 0.872 after a mean of 0.950 over the last 4 periods: degradation 0.078, which "
        "chance explains (n=1,000; p = 0.003 against the baseline's 0.900, not found at 2.3e-05)."
    )


def test_a_baseline_of_few_labels_cannot_tell_whether_it_is_real() -> None:
    window = outcome_window(
        BASE, REFERENCE, history=(0.9,) * 4, reference=confusion([5, 0], [0, 5])
    )
    (found,) = CONCEPT.judge(window)
    assert found.verdict == "insufficient_data"
    assert "the baseline has n=10 < 100 needed" in found.message


def test_the_message_tells_both_numbers() -> None:
    assert judged(840, 0.9, 0.91, 0.9, 0.89).message == (
        "accuracy 0.840 after a mean of 0.900 over the last 4 periods: degradation 0.060 > 0.050 "
        "(n=1,000; p = 1.9e-09 against the baseline's 0.900, found at 2.3e-05)."
    )
