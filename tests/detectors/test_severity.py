import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detectors.severity import article_severity, grade, limit_told, rank
from monitor.registry.specs import JS_DIVERGENCE, PSI, Thresholds

UNKNOWN = [None, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1.0, "low"),
        (0.1, "low"),
        (0.1 + 1e-8, "medium"),
        (0.1 + 1e-12, "low"),
        (0.2, "medium"),
        (0.30000000000000004, "high"),
        (0.3001, "critical"),
        (9.0, "critical"),
    ],
)
def test_a_limit_must_be_exceeded_by_more_than_rounding(value: float, expected: str) -> None:
    assert grade(value, PSI) == expected


def test_a_drop_from_85_to_75_percent_does_not_exceed_ten_points_however_it_is_computed() -> None:
    drop = Thresholds(0.03, 0.05, 0.10)
    assert grade(0.85 - 0.75, drop) == grade(0.8 - 0.7, drop) == grade(0.1, drop) == "high"


def test_grades_without_a_limit_are_passed_over() -> None:
    assert grade(99.0, JS_DIVERGENCE) == "medium"
    assert grade(99.0, Thresholds()) == "low"
    assert grade(0.15, Thresholds(critical=0.1)) == "critical"


@pytest.mark.parametrize("value", UNKNOWN)
@pytest.mark.parametrize("limits", [PSI, Thresholds()])
def test_the_unknown_is_refused_and_never_low(value: float | None, limits: Thresholds) -> None:
    with pytest.raises(ValueError, match="insufficient_data"):
        grade(value, limits)


@pytest.mark.parametrize("value", UNKNOWN)
def test_the_article_s_severity_refuses_the_unknown_on_either_side(value: float | None) -> None:
    with pytest.raises(ValueError, match="insufficient_data"):
        article_severity(value, 0.5)
    with pytest.raises(ValueError, match="insufficient_data"):
        article_severity(0.5, value)


@pytest.mark.parametrize(
    ("value", "told"), [(0.0, 0.1), (0.1, 0.1), (0.15, 0.1), (0.25, 0.2), (7.0, 0.3)]
)
def test_the_limit_told_is_the_highest_exceeded_or_the_lowest(value: float, told: float) -> None:
    assert limit_told(value, PSI) == told
    assert limit_told(value, Thresholds()) is None


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_greater_value_never_has_a_lower_grade(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert rank(grade(low, PSI)) <= rank(grade(high, PSI))
