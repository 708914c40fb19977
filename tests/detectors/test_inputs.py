"""The input as a whole: how many features moved, which, by what; and what is part of that."""

import numpy as np
import pytest

from monitor.detectors.finding import Cause, Finding, Verdict
from monitor.detectors.inputs import ALONE, INPUTS, parts
from monitor.detectors.registry import detectors_for
from monitor.stats.column import Values
from tests.detectors.windows import baseline, input_window

(WHOLE,) = (found for found in detectors_for("data_drift") if found.name == INPUTS)
FEATURES = [f"f{n:02}" for n in range(20)]
Columns = dict[str, Values]


def columns(seed: int, rows: int) -> Columns:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(50, 10, rows) for name in FEATURES}


def whole(now: Columns) -> Finding:
    (finding,) = WHOLE.judge(input_window(baseline(columns(1, 6000), {}), now))
    return finding


def broken(now: Columns, names: list[str]) -> Columns:
    """The weather vendor's feed is out for four rows of ten, the same ones for all its features."""
    gone = np.random.default_rng(9).random(len(next(iter(now.values())))) < 0.4
    return now | {name: np.where(gone, np.nan, now[name]) for name in names}


def test_one_fault_that_moves_fifteen_features_is_one_finding_that_names_them() -> None:
    found = whole(broken(columns(2, 1000), FEATURES[:15]))
    assert (found.subject, found.statistic, found.verdict) == (
        "inputs", "features_moved", "critical"
    )  # fmt: skip
    assert (found.value, found.threshold) == (15.0, 2.0)
    assert found.features == tuple(FEATURES[:15])
    (cause,) = found.causes
    assert cause.cause == "null_burst"
    assert cause.evidence["columns"] == 15
    lost = int(cause.evidence["nulls"])
    assert found.message == (
        "inputs: 15 of 20 features moved (n=1,000): "
        "f00, f01, f02, f03, f04, f05, f06, f07, f08, f09 and 5 more. Probably a null burst: "
        f"{lost / 10:.0f} % of the rows have no f00, f01, f02, f03, f04, f05, f06, f07, f08, f09 "
        f"and 5 more; in all of them as many rows, {lost}."
    )


def test_one_unit_that_changed_in_many_features_is_one_cause() -> None:
    now = columns(2, 1000)
    changed = {name: np.asarray(now[name]) * 1.609344 for name in FEATURES[3:7]}
    found = whole(now | changed)
    assert found.features == tuple(FEATURES[3:7])
    (cause,) = found.causes
    assert cause.detail == (
        "a unit change: every value × 1.609 (miles to kilometres), in f03, f04, f05, f06"
    )


@pytest.mark.parametrize("moved", range(ALONE + 1))
def test_few_that_move_are_told_each_by_itself(moved: int) -> None:
    found = whole(broken(columns(2, 1000), FEATURES[:moved]))
    assert (found.verdict, found.value) == ("low", float(moved))
    assert found.features == tuple(FEATURES[:moved])


def test_the_verdict_is_that_of_the_gravest_and_it_is_named_first() -> None:
    now = columns(2, 4000)
    medium = {name: np.asarray(now[name]) + 3.8 for name in FEATURES[:3]}
    assert whole(now | medium).verdict == "medium"
    found = whole(now | medium | {"f09": np.asarray(now["f09"]) + 20})
    assert found.verdict == "critical"
    assert found.features == ("f09", "f00", "f01", "f02")


def test_what_moves_by_different_causes_has_none_in_common() -> None:
    now = columns(2, 1000)
    found = whole(
        now
        | {
            "f00": np.asarray(now["f00"]) * 1.609344,
            "f01": np.full(1000, 50.0),
            "f02": np.minimum(now["f02"], 55.0),
        }
    )
    assert found.features == ("f00", "f01", "f02")
    assert found.causes == ()


def test_what_cannot_be_judged_is_not_counted_as_still() -> None:
    now = columns(2, 1000)
    few: Columns = {name: [None] * 1000 for name in FEATURES[:2]}
    found = whole(now | few)
    assert found.statistics == {"features_moved": 2.0, "features_judged": 20.0}
    found = whole({name: values[:300] for name, values in now.items()})
    assert (found.verdict, found.value) == ("insufficient_data", None)
    assert found.message == "inputs: none of 20 features can be judged (n=300)"


def test_asked_alone_it_asks_the_others_itself() -> None:
    window = input_window(baseline(columns(1, 6000), {}), broken(columns(2, 1000), FEATURES[:5]))
    others = [found for found in detectors_for("data_drift") if not found.sums_up]
    said = [finding for other in others for finding in other.judge(window)]
    assert WHOLE.judge(window, said) == WHOLE.judge(window)


def finding(subject: str, verdict: Verdict = "high", **more: object) -> Finding:
    return Finding(
        detector="d", subject=subject, statistic="s", verdict=verdict, message="1", **more
    )


def test_only_what_a_grave_finding_names_is_part_of_it() -> None:
    said = [finding("feature/a"), finding("feature/b", "low"), finding("feature/c")]
    told = finding("inputs", "high", features=("a", "b"))
    assert [f.part_of for f in parts(said, [told])] == ["inputs", "inputs", ""]
    mild = finding("inputs", "low", features=("a", "b"))
    assert [f.part_of for f in parts(said, [mild])] == ["", "", ""]
    assert parts([], [told]) == []


def test_a_cause_is_told_once_however_many_detectors_say_it() -> None:
    cause = Cause("constant", "c")
    window = input_window(baseline(columns(1, 6000), {}), columns(2, 1000))
    said = [
        finding(f"feature/{name}", causes=(cause,), value=1.0) for name in ("f00", "f01", "f02") * 2
    ]
    (found,) = WHOLE.judge(window, said)
    assert [c.evidence["columns"] for c in found.causes] == [3.0]
