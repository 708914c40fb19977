"""The pure stages against the oracle, without Kafka; and whether the oracle notices anything."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor.evaluate.outcome_sums import OutcomeSums
from monitor.evaluate.rollup import pieces
from monitor.observe.outcomes import Label
from monitor.observe.rejection import trace
from monitor.observe.waiting import Claimed
from monitor.response.actions import decide
from monitor.stats.psi import psi
from monitor.stream.models import read_config, read_keyring, read_models
from tests.e2e import verdicts
from tests.e2e.oracle.actions import actions
from tests.e2e.oracle.intake import Entry, Taken, take
from tests.e2e.oracle.windows import Judgement
from tests.e2e.scenario import ABROAD, T0, Scenario, scenario
from tests.pipeline import PARTITIONS, Pipeline

INPUTS = ("predictions", "labels", "reviews", "approvals")
#: The broker's clock: long after the story, and before what it dates into the future.
NOW = T0 + ABROAD // 2
RESPONSES = ("alerts", "review-mode", "retraining", "rollbacks")


@pytest.fixture(scope="module")
def story() -> Scenario:
    return scenario(hours=26, rate=250, seed=21, now=NOW)


def run(story: Scenario, folder: Path, schedule: random.Random | None = None) -> Pipeline:
    config = read_config(story.write(folder, "127.0.0.1:1", "pure"))
    pipeline = Pipeline(list(read_models(config)), read_keyring(config))
    for sent in story.sent:
        if sent.partition is None or sent.partition < PARTITIONS:
            pipeline.append(sent.topic, sent.key, sent.value, sent.partition, NOW)
    pipeline.run(schedule)
    return pipeline


def taken(pipeline: Pipeline, story: Scenario) -> Taken:
    log = (
        Entry(topic, partition, record.offset, record.timestamp, record.value)
        for topic in INPUTS
        for partition in range(PARTITIONS)
        for record in pipeline.logs[topic, partition]
    )
    return take(log, story.models)


def outputs(pipeline: Pipeline, *topics: str) -> dict[str, list[Any]]:
    return {
        topic: [
            json.loads(record.value)
            for partition in range(PARTITIONS)
            for record in pipeline.logs[topic, partition]
        ]
        for topic in topics
    }


@dataclass(frozen=True)
class Expected:
    taken: Taken
    judged: list[Judgement]

    def differences(self, pipeline: Pipeline) -> list[str]:
        drift = outputs(pipeline, "drift-events")["drift-events"]
        wrong = verdicts.findings(drift, self.judged)
        wrong += verdicts.windows(drift, self.judged)
        wrong += verdicts.responses(outputs(pipeline, *RESPONSES), self.judged)
        wrong += verdicts.letters(outputs(pipeline, "dead-letters", "late"), self.taken)
        rows = pipeline.accounting().to_rows()
        if rows != self.taken.accounting():
            wrong.append(f"accounting: {rows}, expected {self.taken.accounting()}")
        return wrong


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pure")


@pytest.fixture(scope="module")
def plain(story: Scenario, folder: Path) -> Pipeline:
    return run(story, folder)


@pytest.fixture(scope="module")
def expected(story: Scenario, plain: Pipeline) -> Expected:
    read = taken(plain, story)
    return Expected(read, verdicts.judged(story.models, read))


def test_the_pure_stages_say_what_the_oracle_says(plain: Pipeline, expected: Expected) -> None:
    wrong = expected.differences(plain)
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])


def test_the_story_has_everything(expected: Expected) -> None:
    """Each detector at each grade, each reason for having none, each fate: else who would know?"""
    said = {(j.detector, f.verdict) for j in expected.judged for f in j.findings}
    assert said >= verdicts.GRADED
    by_chance = [
        finding
        for j in expected.judged
        for finding in j.findings
        if j.detector == "performance" and finding.verdict == "low"
        if finding.value is not None and finding.value > 0.1
    ]
    assert by_chance, "a fall that the article calls critical, and that chance explains"
    verdicts_ = {verdict for _, verdict in said}
    assert verdicts_ >= {"insufficient_data", "baseline_missing", "labels_immature"}
    fates = {(place[0], fate.outcome) for place, fate in expected.taken.fates.items()}
    assert fates >= set(product(INPUTS, ("counted", "duplicate", "dead", "quarantined")))
    assert fates >= {("predictions", "late"), ("reviews", "late"), ("approvals", "late")}
    reasons = {fate.reason for fate in expected.taken.fates.values()}
    assert reasons >= {
        "malformed", "limit_size", "limit_id", "limit_class", "limit_features", "schema_missing",
        "schema_type", "schema_version", "schema_range", "future_timestamp", "late",
        "id_conflict", "bad_signature", "orphan_label", "orphan_review", "reviews_undeclared",
        "unknown_model",
    }  # fmt: skip
    commands = {(a.topic, a.action) for a in actions(expected.judged)}
    assert commands >= {(t, t.removesuffix("s").replace("-", "_")) for t in RESPONSES}
    assert ("alerts", "monitor_closely") in commands


def test_revisions_revise(expected: Expected) -> None:
    """Late events change counts and figures; alerts come early, and their commands later."""
    told: dict[str, list[tuple[int, float | None]]] = {}
    for j in expected.judged:
        for finding in j.findings if j.age is None and j.version else ():
            told.setdefault(j.key(finding.subject), []).append((j.predictions, finding.value))
    twice = [both for both in told.values() if len(both) == 2]
    assert any(one == other for one, other in twice)
    assert sum(one[0] < other[0] and one[1] != other[1] for one, other in twice) > 20
    acted: dict[str, set[tuple[str, str]]] = {}
    for action in actions(expected.judged):
        key, revision = action.finding.split(".")
        if key in told:
            acted.setdefault(key, set()).add((revision, action.topic))
    assert any(each >= {("0", "alerts"), ("1", "retraining")} for each in acted.values())


def _always_another(pane: Any, numbers: Iterator[int] = count()) -> Any:  # noqa: B008 - one for all
    return ("pane", pane.model_id, "outcome", pane.version, pane.start_ms, next(numbers), 0, "")


def _remembering(sums: OutcomeSums, pane: Any) -> None:
    """Replace a snapshot, but none of the sums that it was in."""
    remembered = [dict(held) for held in sums._sums]
    REPLACE(sums, pane)
    for held, before in zip(sums._sums, remembered, strict=True):
        held.update(before)


def _a_pane_more(start: int, end: int, lengths: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return pieces(start, end + lengths[0], lengths)


REPLACE = OutcomeSums.restore_snapshot


MUTATIONS: dict[str, tuple[str, Any]] = {
    "what is remembered is forgotten at once": (
        "monitor.observe.state.ModelState.horizon",
        lambda self, _, mark: mark + self.pane_ms,
    ),
    "a review finds no prediction that came after it": (
        "monitor.observe.memory.Memory.claim_reviews",
        lambda self, key: Claimed(0, 0, []),
    ),
    "what is out of reach counts": ("monitor.observe.intake.in_reach", lambda *_: True),
    "a signature always holds": (
        "monitor.events.signatures.Keyring.refusal",
        lambda self, event, by: None,
    ),
    "payloads are not compared": ("monitor.observe.intake.zlib.crc32", lambda value: 0),
    "a repeated snapshot is added": (
        "monitor.evaluate.outcome_sums.snapshot_key",
        _always_another,
    ),
    "a watermark goes with the last event": (
        "monitor.observe.watermark.Watermarks.advance_rows",
        lambda self, topic, models, rows, times: (
            self.greatest.update(
                {(topic, models[n]): t for n, t in zip(rows.of, times.tolist(), strict=True)}
            ),
            np.full(len(times), -(2**62)),
        )[1],
    ),
    "labels are as old as they say": (
        "monitor.observe.intake.Label",
        lambda timestamp, offset, label, known: Label(timestamp, offset, label, timestamp),
    ),
    "a window of inputs holds its end": ("monitor.evaluate.input_sums.pieces", _a_pane_more),
    "a window of outcomes holds its end": ("monitor.evaluate.outcome_sums.pieces", _a_pane_more),
    "a sum of an hour is not made anew": (
        "monitor.evaluate.outcome_sums.OutcomeSums.restore_snapshot",
        _remembering,
    ),
    "a limit is exceeded where it is met": (
        "monitor.detectors.severity.exceeds",
        lambda value, limit: round(value, 3) >= round(limit, 3),
    ),
    "an unseen category goes with the rare ones": (
        "monitor.stats.categorical.CategoricalGrid.UNSEEN",
        -4,
    ),
    "empty cells weigh more": (
        "monitor.detectors.comparison.psi",
        lambda current, reference: psi(current, reference, floor=1e-3),
    ),
    "what comes later than its pane's end is on time": (
        "monitor.observe.piles.Piles._passed",
        lambda self, block, found: np.zeros(block.rows, dtype=bool),
    ),
    "a provisional window commands": (
        "monitor.response.partition.decide",
        lambda finding: decide(msgspec.structs.replace(finding, decidable=True)),
    ),
    "what is part of a finding acts by itself": (
        "monitor.response.partition.decide",
        lambda finding: decide(msgspec.structs.replace(finding, part_of=msgspec.UNSET)),
    ),
    "two features that moved are told as one": ("monitor.detectors.inputs.ALONE", 1),
    "every revision acts": (
        "monitor.response.partition._RANK",
        {"medium": 3, "high": 2, "critical": 1},
    ),
    "a dead letter tells of its neighbour": (
        "monitor.observe.letters.trace",
        lambda *given: trace(*given)._replace(sha256=b"neighbour"),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_would_be_noticed(
    name: str, story: Scenario, folder: Path, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison itself is tested: with one thing broken in the stream it must fail."""
    target, replacement = MUTATIONS[name]
    monkeypatch.setattr(target, replacement)
    # Some show only in some orders of reading.
    assert any(expected.differences(run(story, folder, random.Random(seed))) for seed in range(5))


def test_a_drawn_order_changes_nothing(story: Scenario, folder: Path, expected: Expected) -> None:
    wrong = expected.differences(run(story, folder, random.Random(1)))
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])
