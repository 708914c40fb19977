"""Windows of performance: judged at fixed label ages, on what was known at that age.

The baseline's ages are 1, 2, 4 and 8 hours; windows are an hour long, and minutes count from T0.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detectors.finding import Finding
from monitor.detectors.registry import Detector
from monitor.detectors.window import OutcomeWindow
from monitor.events.cloudevents import rfc3339
from monitor.observe.model import Monitored
from monitor.registry.specs import LabelsSpec, PerformanceSpec, WindowSpec
from tests.evaluate.scene import Scene, minutes
from tests.observe.stream import HOUR, T0, baseline, spec

BASELINE = baseline()
HOURLY = minutes(60)
RIGHT, WRONG = "yes", "no"


def model(
    window: WindowSpec = HOURLY, min_coverage: float = 0.5, id: str = "m", **changes: Any
) -> Monitored:
    """A model whose performance alone is judged."""
    settings_: dict[str, Any] = {
        "data_drift": None,
        "prediction_drift": None,
        "performance": PerformanceSpec(windows=(window,), min_samples=10),
        "labels": LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=min_coverage),
    }
    return Monitored(spec(id, **{**settings_, **changes}), BASELINE)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[OutcomeWindow]:
    """The windows that a detector of performance is given."""
    windows: list[OutcomeWindow] = []

    def question(window: OutcomeWindow) -> list[Finding]:
        windows.append(window)
        return []

    spy = Detector("spy", "performance", question)
    monkeypatch.setattr("monitor.evaluate.outcomes.detectors_for", lambda signal: (spy,))
    return windows


def looked(scene: Scene) -> list[tuple[int, int, int, str]]:
    """End and label age (minutes), revision and verdict of each judgement by `performance`."""
    scene.flush()
    return [
        (
            (event["data"]["age_ms"] or 0) // 60_000,
            event["data"]["revision"],
            event["data"]["predictions"],
            event["data"]["results"][0]["verdict"],
        )
        for event in scene.told
        if event["data"]["kind"] == "window" and event["data"]["detector"] == "performance"
    ]


def labelled(age: int, n: int, right: int | None = None) -> dict[tuple[int, str, str], int]:
    """Labels of one age for predictions of "yes", `right` of them right."""
    right = n if right is None else right
    return {(age, RIGHT, "yes"): right, (age, WRONG, "yes"): n - right}


def test_a_window_is_judged_when_covered_then_at_half_and_at_the_whole_delay() -> None:
    """
    hours after the window   0   1   2   3   4   5   6   7   8
    labels known of 100          20  60      80              90
    judged                           ^       ^               ^
    """
    scene = Scene(model())
    counts = labelled(0, 20) | labelled(1, 40) | labelled(2, 20) | labelled(3, 10)
    scene.send(scene.outcome(0, 100, counts))
    for hour in range(10):
        scene.send(scene.progress(60 + 60 * hour, labels=60 + 60 * hour))
    assert [told[:3] for told in looked(scene)] == [(120, 0, 100), (240, 1, 100), (480, 2, 100)]


def test_it_is_judged_at_once_where_labels_come_fast() -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 100, labelled(0, 50)), scene.progress(None, labels=None))
    assert [told[:2] for told in looked(scene)] == [(60, 0), (240, 1), (480, 2)]


def test_too_few_labels_are_immature_and_never_a_verdict() -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 100, labelled(0, 49, right=0)), scene.progress(None, labels=None))
    assert looked(scene) == [(240, 0, 100, "labels_immature"), (480, 1, 100, "labels_immature")]


def test_without_any_label_it_still_says_so() -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 100), scene.progress(None, labels=None))
    assert looked(scene) == [(240, 0, 100, "labels_immature"), (480, 1, 100, "labels_immature")]


def test_coverage_is_reached_at_exactly_the_share_declared() -> None:
    for coverage, age in ((0.5, 60), (0.51, 120)):
        scene = Scene(model(min_coverage=coverage))
        scene.send(
            scene.outcome(0, 100, labelled(0, 50) | labelled(1, 10)),
            scene.progress(None, labels=None),
        )
        assert looked(scene)[0][0] == age


def test_only_labels_up_to_the_age_count(seen: list[OutcomeWindow]) -> None:
    """A correction made after four hours is not known at two: -1 there, +1 here."""
    scene = Scene(model())
    counts = labelled(0, 60) | {(2, RIGHT, "yes"): -5, (2, WRONG, "yes"): 5} | labelled(3, 7)
    scene.send(scene.outcome(0, 100, counts), scene.progress(None, labels=None))
    yes, no = BASELINE.outcomes.index("yes"), BASELINE.outcomes.index("no")  # type: ignore[union-attr]
    assert [
        (w.age_ms // HOUR, int(w.matrix[yes, yes]), int(w.matrix[no, yes]), int(w.matrix.sum()))  # type: ignore[index,union-attr]
        for w in seen
    ] == [(1, 60, 0, 60), (4, 55, 5, 60), (8, 62, 5, 67)]


def test_the_baseline_is_taken_at_the_same_age(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 100, labelled(0, 60)), scene.progress(None, labels=None))
    outcomes = BASELINE.outcomes
    assert outcomes
    assert len(seen) == 3
    for window, ages in zip(seen, (1, 3, 4), strict=True):
        assert window.reference is not None
        assert window.reference.tolist() == outcomes.counts[:ages].sum(axis=0).tolist()
        assert window.reference_predictions == outcomes.predictions


def test_it_waits_for_the_labels_of_every_partition() -> None:
    """
    predictions  passed in both
    labels       source 0 up to 6 h, source 1 up to 2 h: what it says may still change
    """
    scene = Scene(model(), sources=2)
    scene.send(
        scene.outcome(0, 50, labelled(0, 40)), scene.outcome(0, 50, labelled(0, 20), source=1)
    )
    scene.send(scene.progress(600, labels=360), scene.progress(600, source=1, labels=119.9))
    assert looked(scene) == []
    scene.send(scene.progress(600, source=1, labels=120))
    assert [told[:3] for told in looked(scene)] == [(60, 0, 100)]


def test_labels_that_run_ahead_of_predictions_do_not_close_a_window() -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 100, labelled(0, 60)), scene.progress(59, labels=2000))
    assert looked(scene) == []


def test_a_window_waits_for_its_lateness() -> None:
    late = model(minutes(60, lateness=90))
    scene = Scene(late)
    scene.send(scene.outcome(0, 100, labelled(0, 60)), scene.progress(149, labels=149))
    assert looked(scene) == []
    scene.send(scene.progress(150, labels=150))
    assert [told[:2] for told in looked(scene)] == [(60, 0)]


def test_a_revised_snapshot_replaces() -> None:
    scene = Scene(model())
    scene.send(scene.outcome(0, 90, labelled(0, 10)), scene.outcome(0, 100, labelled(0, 60)))
    scene.send(scene.outcome(0, 100, labelled(0, 60)), scene.progress(None, labels=None))
    assert [told[:3] for told in looked(scene)] == [(60, 0, 100), (240, 1, 100), (480, 2, 100)]


def test_a_snapshot_counted_with_another_baseline_is_superseded(seen: list[OutcomeWindow]) -> None:
    """Observe counts outcomes anew where the baseline has changed: predictions count once."""
    scene = Scene(model())
    scene.send(
        scene.outcome(0, 100, labelled(0, 60), fingerprint="of the one before"),
        scene.outcome(0, 100, labelled(0, 60)),
        scene.progress(None, labels=None),
    )
    assert [(w.predictions, int(w.matrix.sum())) for w in seen] == [(100, 60)] * 3  # type: ignore[union-attr]


def test_counts_over_another_baseline_s_classes_are_not_judged() -> None:
    scene = Scene(model())
    scene.send(
        scene.outcome(0, 100, labelled(0, 60), fingerprint="of another/60000"),
        scene.progress(None, labels=None),
    )
    assert looked(scene) == [(240, 0, 100, "baseline_missing"), (480, 1, 100, "baseline_missing")]


def test_versions_are_judged_apart(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model())
    scene.send(
        scene.outcome(0, 100, labelled(0, 60)),
        scene.outcome(0, 40, labelled(0, 4), version="2"),
        scene.progress(None, labels=None),
    )
    assert [(w.version, w.age_ms // HOUR, w.predictions) for w in seen] == [
        ("1", 1, 100), ("1", 4, 100), ("2", 4, 40), ("1", 8, 100), ("2", 8, 40),
    ]  # fmt: skip


def test_a_silence_is_passed_over() -> None:
    """Beyond predictions there is no performance; that nothing comes is told by the inputs."""
    scene = Scene(model())
    scene.send(scene.outcome(0, 100, labelled(0, 60)), scene.progress(6000, labels=6000))
    scene.send(scene.outcome(6000, 100, labelled(0, 60)), scene.progress(None, labels=None))
    assert [told[:2] for told in looked(scene)] == [(60, 0), (240, 1), (480, 2)] * 2


def test_without_a_baseline_performance_says_so() -> None:
    scene = Scene(model())
    pane = scene.outcome(0, 100)
    scene = Scene(Monitored(model().spec, None))
    bare = type(pane)("m", "1", pane.start_ms, 0, 100, scene.list[0].at(0).fingerprint, pane.counts)
    scene.send(bare, scene.progress(None, labels=None))
    assert looked(scene) == [(240, 0, 100, "baseline_missing"), (480, 1, 100, "baseline_missing")]


# -- what came before, at equal age -------------------------------------------------------------


def hours(scene: Scene, accuracies: list[tuple[int, int]]) -> None:
    """An hour each: of 100 predictions, 50 labelled within an hour and 50 within eight."""
    for hour, (early, late) in enumerate(accuracies):
        counts = labelled(0, 50, right=early) | labelled(3, 50, right=late)
        scene.send(scene.outcome(60 * hour, 100, counts))


def test_the_history_of_an_age_holds_what_was_known_at_that_age(seen: list[OutcomeWindow]) -> None:
    """Young labels against young ones: else labels that come late would look like a change."""
    scene = Scene(model())
    hours(scene, [(50, 0), (40, 0), (30, 50), (20, 50), (10, 50), (0, 50)])
    scene.send(scene.progress(None, labels=None))
    by_age = {age: [w.history for w in seen if w.age_ms == age * HOUR] for age in (1, 4, 8)}
    young = [1.0, 0.8, 0.6, 0.4, 0.2]
    assert by_age[1] == [tuple(young[max(0, n - 4) : n]) for n in range(6)]
    assert by_age[4] == by_age[1]
    old = [0.5, 0.4, 0.8, 0.7, 0.6]
    assert by_age[8] == [tuple(old[max(0, n - 4) : n]) for n in range(6)]


def test_periods_before_a_sliding_window_do_not_overlap_it(seen: list[OutcomeWindow]) -> None:
    """
    windows of 2 h every hour       0   1   2   3   4   5   6
                                    [-------)
    before the last one, disjoint       [-------)
                                                    [-------)  judged
    """
    scene = Scene(model(minutes(120, hop=60)))
    hours(scene, [(50, 50)] * 7)
    scene.send(scene.progress(None, labels=None))
    for window in (w for w in seen if w.age_ms == 8 * HOUR):
        before = [
            w for w in seen
            if w.age_ms == 8 * HOUR and w.end_ms <= window.start_ms
        ]  # fmt: skip
        assert len(window.history) == min(4, len(before))


def test_a_period_with_too_few_labels_is_no_part_of_the_history(seen: list[OutcomeWindow]) -> None:
    scene = Scene(model())
    scene.send(
        scene.outcome(0, 100, labelled(0, 90)),
        scene.outcome(60, 100, labelled(0, 9, right=0)),
        scene.outcome(120, 9, labelled(0, 9, right=0)),
        scene.outcome(180, 100, labelled(0, 90)),
        scene.progress(None, labels=None),
    )
    assert [w.history for w in seen if w.age_ms == 8 * HOUR] == [(), (1.0,), (1.0,), (1.0,)]


# -- laws ---------------------------------------------------------------------------------------

COUNTS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(["yes", "no", "?"]), st.just("yes")),
    st.integers(0, 40),
    max_size=6,
)
PANES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1), COUNTS), min_size=1, max_size=8,
    unique_by=lambda pane: pane[:2],
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(PANES, st.lists(st.integers(0, 16), max_size=6).map(sorted), st.lists(st.booleans()))
def test_judgements_depend_on_event_time_alone(
    panes: list[tuple[int, int, dict[tuple[int, str, str], int]]],
    marks: list[int],
    crashes: list[bool],
) -> None:
    """However the watermarks move and whenever the worker crashes: against a loop over windows."""
    scene = Scene(model(), sources=2)
    for hour, source, counts in panes:
        scene.send(scene.outcome(60 * hour, 100, counts, source))
    for n, mark in enumerate([*marks, None]):
        when = None if mark is None else 60 * mark
        scene.send(*(scene.progress(when, source=s, labels=when) for s in (0, 1)))
        if n < len(crashes) and crashes[n]:
            scene.flush()
            scene.crash()
    scene.flush()
    found = sorted(
        (e["data"]["window"]["end"], e["data"]["age_ms"], e["data"]["revision"],
         e["data"]["predictions"], e["data"]["results"][0]["n_current"],
         tuple(e["data"][word] for word in ("provisional", "decidable", "settled")))
        for e in scene.told
        if e["data"]["kind"] == "window" and e["data"]["detector"] == "performance"
    )  # fmt: skip
    assert found == expected(panes)


def expected(panes: list[tuple[int, int, dict[tuple[int, str, str], int]]]) -> list[Any]:
    judged = []
    for hour in sorted({pane[0] for pane in panes}):
        mine = [counts for h, _, counts in panes if h == hour]
        predictions = 100 * len(mine)
        revision = 0
        for age, hours_ in enumerate((1, 2, 4, 8)):
            labels = sum(n for c in mine for (a, *_), n in c.items() if a <= age)
            first = revision == 0 and labels / predictions >= 0.5
            if first or age >= 2:
                end = rfc3339(T0 + (hour + 1) * HOUR)
                enough, last = labels / predictions >= 0.5, age == 3
                words = (not enough and not last, enough, last)
                judged.append((end, hours_ * HOUR, revision, predictions, labels, words))
                revision += 1
    return sorted(judged)


def test_panes_are_forgotten_when_every_age_has_been_judged() -> None:
    scene = Scene(model())
    hours(scene, [(50, 50)] * 30)
    scene.send(scene.progress(30 * 60, labels=30 * 60))
    scene.flush()
    sums = scene.partition.windows["m"].outcome_sums
    assert min(sums.starts) >= scene.outcome(30 * 60 - 8 * 60 - 2 * 60, 1).start_ms
    assert len([row for row in scene.rows if b"pane" in row]) == len(sums.starts)
    assert sums.starts == sorted(sums.snapshots)
    assert {len(snapshots) for snapshots in sums.snapshots.values()} == {1}
