"""A table of past predictions becomes a baseline: roles, declared features, one model's events."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.errors import BaselineError, DataError
from monitor.files.reference import learn
from monitor.files.table import Table
from monitor.files.tables import read_table
from monitor.registry.specs import (
    AnnotationSpec,
    DataDriftSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    WindowSpec,
)

HOUR = 3_600_000
MAY = 1367366400000
SPEC = ModelSpec(id="delays", data_drift=DataDriftSpec(), labels=LabelsSpec(max_delay_ms=8 * HOUR))
RNG = np.random.default_rng(3)
FLAT = Table(
    "t.csv",
    100,
    {
        "distance": RNG.normal(size=100),
        "carrier": RNG.choice(["AA", "UA"], 100).tolist(),
        "prediction": RNG.choice([0, 1], 100),
        "score": RNG.random(100),
        "label": RNG.choice([0, 1], 100),
        "timestamp": [MAY + i for i in range(100)],
        "label_timestamp": [MAY + i + HOUR for i in range(100)],
        "prediction_id": [f"p{i}" for i in range(100)],
        "note": [f"free text {i}" for i in range(100)],
    },
)


def test_columns_with_the_name_of_a_role_have_it() -> None:
    learned = learn(FLAT, SPEC, "may")
    baseline = learned.baseline
    assert dict(baseline.features) == {"distance": "numeric", "carrier": "categorical"}
    assert baseline.layout.subjects[-2:] == ("prediction", "score")
    assert (baseline.start_ms, baseline.end_ms) == (MAY, MAY + 99)
    assert baseline.outcomes is not None
    assert baseline.outcomes.ages_known
    assert baseline.outcomes.cumulative(HOUR).sum() == 100
    assert {s.column: s.reason.partition(":")[0] for s in learned.skipped} == {
        "prediction_id": "names the event",
        "note": "an id or free text",
    }


def test_other_columns_can_be_given_a_role() -> None:
    learned = learn(FLAT, SPEC, "may", {"prediction": "carrier", "label": "carrier"})
    assert learned.baseline.outcomes is not None
    assert learned.baseline.outcomes.classes == ("AA", "UA", "__other__")
    assert "carrier" not in learned.baseline.features
    assert learned.baseline.features["prediction"] == "numeric"


def test_declared_features_are_all_that_is_learned_and_keep_their_kind() -> None:
    spec = ModelSpec(id="delays", features={"score": "categorical", "distance": "numeric"})
    baseline = learn(FLAT, spec, "may").baseline
    assert dict(baseline.features) == {"score": "categorical", "distance": "numeric"}
    assert "score" not in baseline.layout


def test_excluded_features_are_left_out() -> None:
    spec = ModelSpec(id="delays", data_drift=DataDriftSpec(exclude=("dist*",)))
    learned = learn(FLAT, spec, "may")
    assert dict(learned.baseline.features) == {"carrier": "categorical"}
    assert ("distance", "excluded in the configuration") in [
        (s.column, s.reason) for s in learned.skipped
    ]


def test_of_events_only_the_models_own_are_taken() -> None:
    events = Table(
        "e.jsonl",
        4,
        {"x": [1.0, 2.0, 3.0, 4.0], "c": np.array([1, 2, 3, 4])},
        fields={
            "model_id": ["delays", "other", "delays", "delays"],
            "prediction": [True, False, True, False],
            "timestamp": ["2013-05-01T00:00:00Z"] * 4,
        },
    )
    baseline = learn(events, SPEC, "may").baseline
    assert baseline.rows == 3
    assert baseline.counts("prediction")[:2].tolist() == [2, 1]
    assert baseline.start_ms == MAY
    with pytest.raises(
        DataError, match="0 of 4 events are of model zzz; they are of delays, other"
    ):
        learn(events, ModelSpec(id="zzz"), "may")


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        (SPEC, {"score": "nope"}, "no column 'nope' for --score; it has distance"),
        (ModelSpec(id="m", features={"y": "numeric"}), {}, "no column for the declared features y"),
        (SPEC, {"timestamp": "score"}, "score .* in row 1 is no time"),
        (SPEC, {"label": "carrier"}, "no class in common"),
    ],
)
def test_what_does_not_fit_is_named(spec: ModelSpec, given: dict[str, str], message: str) -> None:
    with pytest.raises((DataError, BaselineError), match=message):
        learn(FLAT, spec, "may", given)


def test_times_of_labels_without_labels() -> None:
    columns = {n: v for n, v in FLAT.columns.items() if n != "label"}
    table = Table("t.csv", 100, columns)
    assert learn(table, SPEC, "may").baseline.outcomes is None
    with pytest.raises(DataError, match="times of labels without labels"):
        learn(table, SPEC, "may", {"label_timestamp": "label_timestamp"})


def test_a_table_of_nothing_to_learn_is_refused() -> None:
    with pytest.raises(DataError, match=r"no column to learn .*prediction_id: names the event"):
        learn(Table("t.csv", 1, {"prediction_id": ["1"]}), SPEC, "may")


def without(*names: str) -> Table:
    return Table("t.csv", 100, {n: v for n, v in FLAT.columns.items() if n not in names})


JUDGED = ModelSpec(id="m", performance=PerformanceSpec(), labels=SPEC.labels)
OUTPUTS = ModelSpec(id="m", prediction_drift=PredictionDriftSpec())


@pytest.mark.parametrize(
    ("spec", "lacking", "message"),
    [
        (JUDGED, ("label",), "no column of label, .* has performance on; .* --label COLUMN, or"),
        (JUDGED, ("prediction",), "no column of prediction, .* with --prediction COLUMN, or"),
        (JUDGED, ("prediction", "label"), "--prediction COLUMN and --label COLUMN, or take perf"),
        (OUTPUTS, ("prediction",), "has prediction_drift on; .* take prediction_drift out of"),
    ],
)
def test_a_table_without_what_a_signal_needs_is_refused(
    spec: ModelSpec, lacking: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        learn(without(*lacking), spec, "may")


def test_what_no_signal_needs_may_be_lacking() -> None:
    assert "prediction" in learn(without("label"), OUTPUTS, "may").baseline.layout
    assert learn(without("prediction", "label"), SPEC, "may").baseline.outcomes is None


@pytest.mark.parametrize(
    "late",
    [
        {"label_timestamp": [MAY + 9 * HOUR + i for i in range(100)]},
        {"label": [None] * 100},
    ],
)
def test_labels_of_which_none_came_in_time_are_no_baseline_of_performance(
    late: dict[str, list[int | None]],
) -> None:
    table = Table("t.csv", 100, {**FLAT.columns, **late})
    assert learn(table, SPEC, "may").baseline.outcomes is not None
    with pytest.raises(DataError, match=r"0 of 100 predictions have a label within .* \(8h\), and"):
        learn(table, JUDGED, "may")


def year(rows: int = 5000, hours: int = 2) -> Table:
    rng = np.random.default_rng(8)
    times: list[int | None] = [MAY + i * hours * HOUR for i in range(rows)]
    times[17] = times[4000] = None
    return Table("y.csv", rows, {"x": rng.normal(size=rows), "timestamp": times})


def test_own_windows_are_of_the_lengths_by_which_inputs_and_outputs_are_judged() -> None:
    spec = ModelSpec(
        id="m",
        data_drift=DataDriftSpec(windows=(window(24), window(6))),
    )
    learned = learn(year(), spec, "y")
    # 416 whole days, 167 of them reference, and two whole quarters of the next one.
    assert [(own.size_ms // HOUR, own.windows) for own in learned.baseline.own] == [
        (6, 998), (24, 249),
    ]  # fmt: skip
    assert learned.baseline.rows == 167 * 12 + 1
    assert learned.history is not None
    assert learned.history.untimed == 2
    assert sum(own.counts["feature/x"].sum() for own in learned.baseline.own[1:]) == 249 * 12 - 1


def test_all_rows_are_the_reference_where_it_is_wanted_or_there_are_no_times() -> None:
    spec = ModelSpec(id="m", data_drift=DataDriftSpec(windows=(window(24),)))
    assert learn(year(), spec, "y").baseline.own
    wanted = learn(year(), spec, "y", own_windows=False)
    timeless = learn(Table("y.csv", 5000, {"x": year().columns["x"]}), spec, "y")
    for learned in (wanted, timeless):
        assert (learned.baseline.rows, learned.baseline.own, learned.history) == (5000, (), None)


def test_rows_of_annotated_periods_are_left_out_of_everything() -> None:
    day = 24 * HOUR
    period = AnnotationSpec(from_ms=MAY + 200 * day, until_ms=MAY + 203 * day, why="a strike")
    early = AnnotationSpec(from_ms=MAY + HOUR, until_ms=MAY + 3 * HOUR, why="a deploy")
    drift = DataDriftSpec(windows=(window(24),))
    spec = ModelSpec(id="m", data_drift=drift, annotations=(early, period))
    learned = learn(year(), spec, "y")
    assert learned.annotated == 3 * 12 + 1
    (own,) = learned.baseline.own
    starts = (own.starts - MAY) // day
    assert not set(starts.tolist()) & {200, 201, 202}
    # The first day is touched, and so is no window; three more are gone.
    assert own.windows == 412 - 165
    assert learned.baseline.rows == 166 * 12 - 1 + 1
    whole = learn(year(), spec, "y", own_windows=False)
    assert whole.baseline.rows == 5000 - 37
    labelled = Table("t.csv", 100, {**FLAT.columns, "x": FLAT.columns["distance"]})
    half = AnnotationSpec(from_ms=MAY, until_ms=MAY + 50, why="half")
    baseline = learn(labelled, msgspec.structs.replace(SPEC, annotations=(half,)), "b").baseline
    assert baseline.outcomes is not None
    assert (baseline.rows, baseline.outcomes.predictions) == (50, 50)


def test_a_history_of_annotated_rows_alone_is_refused() -> None:
    every = AnnotationSpec(from_ms=MAY, until_ms=MAY + 100, why="all")
    with pytest.raises(DataError, match=r"all 100 rows are of periods .* mend annotations"):
        learn(FLAT, msgspec.structs.replace(SPEC, annotations=(every,)), "b")
    assert learn(without("timestamp"), msgspec.structs.replace(SPEC, annotations=(every,)), "b")


def test_a_file_of_text_keeps_its_text_row_by_row(tmp_path: Path) -> None:
    """Codes are counted as they were written, whichever rows are left out."""
    rows = "".join(f"0{n % 3},{MAY + n * HOUR}\n" for n in range(90))
    (tmp_path / "codes.csv").write_text("code,timestamp\n" + rows)
    first = AnnotationSpec(from_ms=MAY, until_ms=MAY + 60 * HOUR + 1, why="a backfill")
    spec = ModelSpec(id="m", features={"code": "categorical"}, annotations=(first,))
    baseline = learn(read_table(str(tmp_path / "codes.csv")), spec, "b").baseline
    assert baseline.rows == 29
    assert baseline.counts("feature/code").tolist() == [10, 10, 9, 0, 0, 0, 0]


def window(hours: int) -> WindowSpec:
    return WindowSpec(size_ms=hours * HOUR, hop_ms=hours * HOUR, allowed_lateness_ms=0)
