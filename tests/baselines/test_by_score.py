"""Labels by score: counted as rows are, kept in the file, and refused where they cannot be."""

import json

import numpy as np
import pytest

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.baselines.by_score import ByScore
from monitor.errors import BaselineError
from monitor.stats.layout import fingerprint

ROWS = 900


def columns() -> dict[str, list[object]]:
    rng = np.random.default_rng(5)
    score = np.round(rng.random(ROWS), 2)
    labels = (rng.random(ROWS) < score).astype(object)
    labels[::7] = None
    given = score.astype(object)
    given[::11] = None
    predictions = np.where(np.arange(ROWS) % 13, score > 0.5, None)
    return {
        "prediction": predictions.tolist(), "score": given.tolist(), "labels": labels.tolist()
    }  # fmt: skip


def built() -> Baseline:
    return build_baseline("b", "m", {}, **columns())  # type: ignore[arg-type]


def counted(baseline: Baseline) -> ByScore:
    assert baseline.outcomes is not None
    assert baseline.outcomes.by_score is not None
    return baseline.outcomes.by_score


def test_every_labelled_row_with_a_score_is_counted_once() -> None:
    baseline, given = built(), columns()
    found, grid = counted(baseline), baseline.grid("score")
    assert baseline.outcomes is not None
    rows = [
        (s, label, made)
        for s, label, made in zip(given["score"], given["labels"], given["prediction"], strict=True)
        if s is not None and label is not None and made is not None
    ]
    assert found.labelled.sum() == len(rows) < baseline.outcomes.total.sum()
    for at, name in enumerate(baseline.outcomes.classes[:-1]):
        own = np.array([s for s, label, _ in rows if str(bool(label)).lower() == name], float)
        assert found.labels[at].tolist() == grid.counts(own)[: grid.bins].tolist()  # type: ignore[union-attr]
    right = np.array([s for s, label, made in rows if bool(label) == made], float)
    assert found.right.tolist() == grid.counts(right)[: grid.bins].tolist()  # type: ignore[union-attr]


def test_they_survive_the_file_and_are_covered_by_its_fingerprint() -> None:
    baseline = built()
    read = Baseline.from_json(baseline.to_json())
    assert counted(read).labels.tolist() == counted(baseline).labels.tolist()
    assert counted(read).right.tolist() == counted(baseline).right.tolist()
    assert read.fingerprint == baseline.fingerprint
    file = json.loads(baseline.to_json())
    at = int(np.argmax(counted(baseline).right))
    file["outcomes"]["by_score"]["right"][at] -= 1
    with pytest.raises(BaselineError, match="altered"):
        Baseline.from_json(json.dumps(file).encode())


def test_a_file_of_before_has_none() -> None:
    file = json.loads(built().to_json())
    del file["outcomes"]["by_score"]
    judging = ("rows", "columns", "outcomes")
    file["fingerprint"] = fingerprint({part: file[part] for part in judging})
    read = Baseline.from_json(json.dumps(file).encode())
    assert read.outcomes is not None
    assert read.outcomes.by_score is None
    assert "by_score" not in json.loads(read.to_json())["outcomes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda by: by["right"].append(0), "not outcomes|not a whole baseline|shape"),
        (lambda by: by.pop("labels"), "not outcomes: KeyError"),
        (lambda by: by["labels"].append(by["labels"][0]), "labels by score of shape"),
        (lambda by: by.update(right=[9999] * len(by["right"])), "more right predictions"),
        (lambda by: by.update(labels=[[-1] * len(by["right"])] * 3), "more right predictions"),
    ],
)
def test_what_cannot_have_been_counted_is_refused(change: object, message: str) -> None:
    file = json.loads(built().to_json())
    change(file["outcomes"]["by_score"])  # type: ignore[operator]
    with pytest.raises(BaselineError, match=message):
        Baseline.from_json(json.dumps(file).encode())


def test_labels_by_score_need_a_score() -> None:
    file = json.loads(built().to_json())
    file["columns"] = [c for c in file["columns"] if c["subject"] != "score"]
    with pytest.raises(BaselineError, match="score is not in the baseline"):
        Baseline.from_json(json.dumps(file).encode())
