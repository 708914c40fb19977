"""The file of a baseline: exact, fingerprinted, and refused once it was altered."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline, Outcomes, age_limits
from monitor.baselines.build import build_baseline
from monitor.errors import BaselineError, GridMismatch
from monitor.stats.grid import Floats
from tests.stats.columns import REFERENCE


def sample() -> Baseline:
    rng = np.random.default_rng(1)
    return build_baseline(
        "march",
        "delays",
        {"x": rng.normal(size=300), "color": rng.choice(["a", "b"], 300).tolist()},
        prediction=rng.integers(0, 2, 300),
        score=rng.random(300),
        labels=rng.integers(0, 2, 300),
        prediction_ms=np.arange(300) * 1000,
        label_ms=np.arange(300) * 1007,
        max_delay_ms=8000,
    )


def test_a_baseline_survives_its_file() -> None:
    baseline = sample()
    back = Baseline.from_json(baseline.to_json())
    assert back == baseline
    assert hash(back) == hash(baseline)
    assert back.layout.columns == baseline.layout.columns
    assert back.reference.tolist() == baseline.reference.tolist()
    assert (back.id, back.model_id, back.rows) == ("march", "delays", 300)
    assert (back.start_ms, back.end_ms) == (0, 299_000)
    assert back.outcomes is not None
    assert baseline.outcomes is not None
    assert back.outcomes.counts.tolist() == baseline.outcomes.counts.tolist()


@given(REFERENCE)
def test_floats_of_any_size_survive_exactly(values: Floats) -> None:
    baseline = build_baseline("b", "m", {"x": values})
    assert Baseline.from_json(baseline.to_json()) == baseline


def test_the_fingerprint_is_of_what_judges_and_not_of_the_name() -> None:
    values = {"x": [1.0, 2.0, 3.0]}
    one = build_baseline("one", "m", values)
    assert build_baseline("two", "other", values).fingerprint == one.fingerprint
    assert build_baseline("one", "m", {"x": [1.0, 2.0, 4.0]}).fingerprint != one.fingerprint
    assert build_baseline("one", "m", {"y": [1.0, 2.0, 3.0]}).fingerprint != one.fingerprint
    assert build_baseline("one", "m", {"x": [1.0, 2.0, 3.0, 3.0]}).fingerprint != one.fingerprint
    assert len(one.fingerprint) == 32


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path to a number or text in a JSON value."""
    match value:
        case dict():
            return [p for key, item in value.items() for p in places(item, (*path, key))]
        case list():
            return [p for i, item in enumerate(value) for p in places(item, (*path, i))]
        case _:
            return [path]


FILE = json.loads(sample().to_json())
PLACES = [p for p in places(FILE) if p[0] not in {"id", "model_id", "start_ms", "end_ms"}]


@settings(max_examples=300)
@given(
    st.sampled_from(PLACES),
    st.sampled_from([None, -1, 0, 1, 7, 1.5, "x", "nan", [], {}, True, 10**30, 1e308]),
)
def test_an_altered_file_is_refused(place: tuple[Any, ...], value: object) -> None:
    altered = copy.deepcopy(FILE)
    parent = altered
    for key in place[:-1]:
        parent = parent[key]
    if parent[place[-1]] == value:
        return
    parent[place[-1]] = value
    with pytest.raises(BaselineError):
        Baseline.from_json(json.dumps(altered).encode())


@given(st.sampled_from([key for key in FILE if key not in ("id", "model_id")]))
def test_a_file_that_lacks_a_part_is_refused(key: str) -> None:
    with pytest.raises(BaselineError):
        Baseline.from_json(json.dumps({k: v for k, v in FILE.items() if k != key}).encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a baseline: .*baseline build"),
        (b"\xff\xfe\x00", "not a baseline"),
        (b"[1]", "not a baseline"),
        (b"[" * 100_000, "not a baseline"),
        (
            json.dumps(FILE | {"columns": [c | {"x": 1e999} for c in FILE["columns"]]}).encode(),
            "not a",
        ),
        (b"{}", "not a baseline"),
        (json.dumps(FILE | {"format": 2}).encode(), "format 2, and this version reads 1"),
        (json.dumps(FILE | {"rows": 299}).encode(), "fingerprint is .* and the file says"),
        (json.dumps(FILE | {"start_ms": "x"}).encode(), "expected milliseconds"),
        (json.dumps(FILE | {"id": 5}).encode(), "expected a string, got 5"),
    ],
)
def test_what_is_no_baseline_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(BaselineError, match=message) as caught:
        Baseline.from_json(data)
    assert "\n" not in str(caught.value)


def test_a_baseline_cannot_be_changed() -> None:
    baseline = sample()
    with pytest.raises(ValueError, match="read-only"):
        baseline.reference[0] = 5
    assert baseline.outcomes is not None
    with pytest.raises(ValueError, match="read-only"):
        baseline.outcomes.counts[0] = 5


def test_the_callers_arrays_stay_the_callers() -> None:
    counts = sample().reference.copy()
    baseline = Baseline("b", "m", sample().layout, counts, 300)
    counts += 1
    assert baseline.reference.sum() < counts.sum()


def test_counts_of_another_layout_or_below_zero_are_refused() -> None:
    baseline = sample()
    with pytest.raises(GridMismatch, match="merge only with counts over the same baseline"):
        Baseline("b", "m", baseline.layout, np.zeros(3, dtype=np.int64), 0)
    with pytest.raises(BaselineError, match="a count of -1"):
        Baseline("b", "m", baseline.layout, baseline.reference - 1, 0)


def test_outcomes_refuse_another_shape() -> None:
    counts = np.zeros((1, 2, 2), dtype=np.int64)
    for classes, ages, message in (
        (("a", "b"), (1,), "end with __other__"),
        (("a", "a", "__other__"), (1,), "distinct"),
        (("a", "__other__"), (), "ages must increase"),
        (("a", "__other__"), (2, 1), "ages must increase"),
        (("a", "b", "__other__"), (1,), r"of shape \(1, 2, 2\), expected \(1, 3, 3\)"),
    ):
        with pytest.raises(BaselineError, match=message):
            Outcomes(classes, ages, counts, 0)


def test_a_labels_age_falls_in_the_first_limit_that_holds_it() -> None:
    outcomes = sample().outcomes
    assert outcomes is not None
    assert outcomes.ages_ms == age_limits(8000)
    assert [outcomes.age_index(a) for a in (-1, 0, 1000, 1001, 8000, 8001)] == [
        0, 0, 0, 1, 3, None,
    ]  # fmt: skip
    assert outcomes.codes(["0", 0, 0.0, "zz", None]).tolist() == [0, 0, 0, 2, 2]
    assert outcomes.index(1) == 1
