import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import monitor.detectors as package
from monitor.detectors import registry
from monitor.detectors.finding import Finding
from tests.detectors.windows import baseline, input_window, outcome_window

TOY = '''
"""Is the score stuck? One file, and nothing else, makes a detector."""

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detector
from monitor.detectors.window import InputWindow


@detector("stuck_score", signal="prediction_drift")
def judge(window: InputWindow) -> list[Finding]:
    layout = window.baseline.layout
    counts = window.counts[layout.slice("score")]
    share = float(counts.max() / counts.sum())
    return [
        Finding(
            detector="stuck_score",
            subject="score",
            statistic="mode_share",
            verdict="high" if share > 0.5 else "low",
            value=share,
            threshold=0.5,
            n_current=window.rows,
            message=f"score: {share:.0%} of {window.rows} rows lie in one bin",
        )
    ]
'''


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Path]:
    """A directory of the package's path; afterwards everything is as it was before."""
    registry.every_detector()
    detectors, path = dict(registry._detectors), list(package.__path__)
    modules = set(sys.modules)
    package.__path__.append(str(tmp_path))
    try:
        yield tmp_path
    finally:
        package.__path__[:] = path
        registry._detectors.clear()
        registry._detectors.update(detectors)
        for name in set(sys.modules) - modules:
            if name.startswith(f"{package.__name__}."):
                delattr(package, name.rpartition(".")[2])
                del sys.modules[name]
        registry.discover()


def names(signal: registry.Signal) -> list[str]:
    return [found.name for found in registry.detectors_for(signal)]


def test_one_new_file_is_a_new_detector(plugins: Path) -> None:
    assert "stuck_score" not in names("prediction_drift")
    (plugins / "stuck_score.py").write_text(TOY)
    registry.discover()
    assert names("prediction_drift")[1:] == ["prediction_drift", "stuck_score"]
    base = baseline()

    def judged(window: object) -> Finding:
        toy = registry.detectors_for("prediction_drift")[2]
        (finding,) = toy.judge(window)
        return finding

    stuck = judged(input_window(base, {"score": [0.5] * 900}))
    assert (stuck.verdict, stuck.value, stuck.n_current) == ("high", 1.0, 900)
    lively = judged(input_window(base, {"score": np.linspace(0.0, 1.0, 900)}))
    assert lively.verdict == "low"
    # What every detector is spared, it is spared too.
    assert judged(input_window(None, {"score": [0.5]})).verdict == "baseline_missing"
    assert judged(input_window(base, {})).verdict == "no_traffic"


def test_a_directory_on_the_path_is_discovered_without_being_asked(plugins: Path) -> None:
    (plugins / "stuck_score.py").write_text(TOY)
    assert "stuck_score" in names("prediction_drift")


def test_the_registry_is_as_before() -> None:
    assert "stuck_score" not in names("prediction_drift")


def test_a_name_that_is_taken_is_refused_with_both_places(plugins: Path) -> None:
    (plugins / "again.py").write_text(TOY.replace("stuck_score", "data_drift"))
    with pytest.raises(ValueError, match=r"'data_drift' in monitor\.detectors\.again is already"):
        registry.discover()


def test_an_unknown_signal_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: data_drift, prediction_drift, performance"):
        registry.detector("toy", signal="weather")


def test_detectors_are_asked_by_signal_in_a_fixed_order() -> None:
    assert names("data_drift") == ["data_drift", "data_quality", "inputs"]
    assert names("performance") == [
        "concept_drift", "label_coverage", "performance", "performance_trend"
    ]  # fmt: skip


def test_labels_without_a_baseline_of_labels_are_not_judged() -> None:
    for found in registry.detectors_for("performance"):
        (finding,) = found.judge(outcome_window(baseline(outputs={}), None, predictions=5))
        assert finding.verdict == "baseline_missing"
        assert "train-2026-05" in finding.message
