"""The pure stages against the oracle, without Kafka; and whether the oracle notices anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.stream.models import read_config, read_models
from tests.e2e import verdicts
from tests.e2e.oracle.intake import Entry, Taken, take
from tests.e2e.scenario import ABROAD, T0, Scenario, scenario
from tests.pipeline import PARTITIONS, Pipeline

INPUTS = ("predictions", "labels", "reviews")
#: The broker's clock: long after the story, and before what it dates into the future.
NOW = T0 + ABROAD // 2
RESPONSES = ("alerts", "review-mode", "retraining", "rollbacks")


@pytest.fixture(scope="module")
def story() -> Scenario:
    return scenario(hours=26, rate=250, seed=3)


def run(story: Scenario, folder: Path) -> Pipeline:
    config = read_config(story.write(folder, "127.0.0.1:1", "pure"))
    pipeline = Pipeline(list(read_models(config)))
    for sent in story.sent:
        if sent.partition is None or sent.partition < PARTITIONS:
            pipeline.append(sent.topic, sent.key, sent.value, sent.partition, NOW)
    pipeline.run()
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


def differences(pipeline: Pipeline, story: Scenario) -> list[str]:
    read = taken(pipeline, story)
    expected = verdicts.judged(story.models, read)
    drift = outputs(pipeline, "drift-events")["drift-events"]
    wrong = verdicts.findings(drift, expected)
    wrong += verdicts.windows(drift, expected)
    wrong += verdicts.responses(outputs(pipeline, *RESPONSES), expected)
    wrong += verdicts.letters(outputs(pipeline, "dead-letters", "late"), read)
    rows = pipeline.accounting().to_rows()
    if rows != read.accounting():
        wrong.append(f"accounting: {rows}, expected {read.accounting()}")
    return wrong


def test_the_pure_stages_say_what_the_oracle_says(story: Scenario, tmp_path: Path) -> None:
    wrong = differences(run(story, tmp_path), story)
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])
