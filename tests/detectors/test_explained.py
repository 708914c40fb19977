"""Findings with their causes in words, in every detector of inputs and outputs."""

import numpy as np

from monitor.calibration.usual import Usual
from monitor.detectors.explained import explained
from monitor.detectors.features import ColumnCounts
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import Calibrated
from monitor.events.timestamps import rfc3339
from monitor.events.types import Span
from monitor.stats.coarse import coarse
from monitor.stats.column import Values
from monitor.stats.grid import build_numeric
from tests.detectors.windows import END, baseline, input_window

HOUR = 3_600_000


def judged(then: dict[str, Values], now: dict[str, Values]) -> dict[tuple[str, str], Finding]:
    window = input_window(baseline(then, {}), now)
    return {
        (found.detector, found.subject.removeprefix("feature/")): found
        for detector in detectors_for("data_drift")
        for found in detector.judge(window)
    }


def rows(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(500, 120, n)


def test_a_unit_change_is_told_in_the_message_with_its_evidence() -> None:
    found = judged({"distance": rows(0, 9000)}, {"distance": rows(1, 2000) * 1.609344})
    drift = found["data_drift", "distance"]
    assert drift.message.endswith(
        "Probably a unit change: every value × 1.609 (miles to kilometres)."
    )
    (cause,) = drift.causes
    assert cause.cause == "unit_change"
    assert cause.evidence["explained"] > 0.95


def test_what_is_low_is_not_explained() -> None:
    found = judged({"x": rows(0, 9000)}, {"x": rows(1, 2000) + 12})
    assert found["data_drift", "x"].verdict == "low"
    assert found["data_drift", "x"].causes == ()
    assert "Probably" not in found["data_drift", "x"].message


def test_a_null_burst_is_a_cause_and_not_told_twice() -> None:
    now = np.where(np.arange(2000) % 4 == 0, np.nan, rows(1, 2000))
    quality = judged({"x": rows(0, 9000)}, {"x": now})["data_quality", "x"]
    assert [cause.cause for cause in quality.causes] == ["null_burst"]
    assert "Probably" not in quality.message


def test_a_renamed_category_is_told_by_drift_and_by_quality() -> None:
    rng = np.random.default_rng(0)
    then = rng.choice(["a", "b", "c", "d"], 9000, p=[0.4, 0.3, 0.2, 0.1]).tolist()
    now = ["B" if name == "b" else name for name in then[:2000]]
    found = judged({"kind": then}, {"kind": now})
    for detector in ("data_drift", "data_quality"):
        assert found[detector, "kind"].causes[0].cause == "renamed_category"
        assert 'a renamed category: "b"' in found[detector, "kind"].message


def test_two_columns_that_were_swapped_name_each_other() -> None:
    one, other = rows(0, 9000), rows(1, 9000) + 100
    found = judged({"a": one, "b": other}, {"a": other[:2000], "b": one[:2000]})
    assert "it holds the values of b, and b its" in found["data_drift", "a"].message
    assert "it holds the values of a, and a its" in found["data_drift", "b"].message


def test_outputs_are_explained_too() -> None:
    (drift,) = (d for d in detectors_for("prediction_drift") if d.name == "prediction_drift")
    scores = np.random.default_rng(0).beta(3, 4, 9000)
    base = baseline({"x": rows(0, 9000)}, {"score": scores})
    window = input_window(base, {"x": rows(1, 2000), "score": np.minimum(scores[:2000], 0.5)})
    (found,) = (f for f in drift.judge(window) if f.subject == "score")
    assert [cause.cause for cause in found.causes] == ["clipping"]


class TestWhenItBegan:
    def told(self, looks: int, changed: int, before: float = 0.0) -> Finding:
        """The last `changed` of so many hourly looks have moved; the others by `before`."""
        reference = rows(0, 9000)
        grid = build_numeric(reference)
        then = grid.counts(reference)

        def window(seed: int, by: float) -> np.ndarray:
            return grid.counts(rows(seed, 2000) + by)

        moved = [120.0 if n >= looks - changed else before for n in range(looks)]
        seen = [window(n + 5, by) for n, by in enumerate(moved)]
        column = ColumnCounts("feature/x", grid, seen[-1], then)
        cells = [coarse(counts, grid) for counts in seen]
        own = np.array([coarse(window(n + 90, 0.0), grid) for n in range(30)])
        calibrated = Calibrated(
            {"feature/x": Usual(coarse(then, grid), own, True)},
            {"feature/x": cells}, 0.01, 1.0,
            {"feature/x": [END - HOUR * (looks - 1 - n) for n in range(looks)]}, HOUR,
        )  # fmt: skip
        finding = Finding(
            detector="data_drift", subject="feature/x", statistic="psi", verdict="critical",
            message="x: PSI 1.",
        )  # fmt: skip
        (found,) = explained([finding], [column], calibrated)
        return found

    def test_the_window_of_the_change_is_told(self) -> None:
        found = self.told(12, 4)
        assert found.began is not None
        assert found.began.start == rfc3339(END - 4 * HOUR)
        assert found.began.end == rfc3339(END - 3 * HOUR)
        assert found.message.endswith(
            "It began between 2023-11-14T19:13:20Z and 2023-11-14T20:13:20Z."
        )
        assert "Probably a shift: every value + " in found.message

    def test_a_change_in_this_window_began_in_this_window(self) -> None:
        assert self.told(12, 1).began == Span(rfc3339(END - HOUR), rfc3339(END))

    def test_what_was_so_in_all_windows_began_before_them_and_few_say_nothing(self) -> None:
        assert self.told(12, 12).began is None
        # A further change, among windows that had all moved already, is not the beginning.
        assert self.told(12, 4, before=90.0).began is None
        assert self.told(3, 1).began is None
