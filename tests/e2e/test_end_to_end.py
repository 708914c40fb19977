"""Two days of events through Apache Kafka and the real commands; everything that comes out checked.

Every event of every output topic is compared with what the oracle computes from the input log, and
nothing may be missing or too many.
"""

import ast
import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes, verdicts
from tests.e2e.logs import INPUTS, RESPONSES, Observed
from tests.e2e.oracle.actions import severe
from tests.e2e.oracle.intake import Taken, take
from tests.e2e.oracle.setting import Model
from tests.e2e.oracle.windows import Judgement
from tests.e2e.scenario import scenario

NAMESPACE = "two-days"


@dataclass(frozen=True)
class Run:
    models: tuple[Model, ...]
    found: Observed
    taken: Taken
    judged: list[Judgement]
    said: str
    code: int


@pytest.fixture(scope="module")
def run(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("two-days")
    story = scenario(hours=48, rate=500)
    config = story.write(folder, kafka.address, NAMESPACE)
    made = processes.run("topics", "create", config)
    assert made.returncode == 0, made.stderr
    with processes.Worker(folder / "worker.log", config) as worker:
        # Half of it is there when the worker comes, half comes while it runs.
        half = len(story.sent) // 2
        asyncio.run(logs.send(kafka.address, NAMESPACE, story.sent[:half]))
        worker.owns()
        asyncio.run(logs.send(kafka.address, NAMESPACE, story.sent[half:]))
        asyncio.run(logs.at_rest(kafka.address, NAMESPACE, timeout=60))
        code = worker.stop()
    found = asyncio.run(logs.observed(kafka.address, NAMESPACE))
    taken = take(found.log, story.models)
    return Run(story.models, found, taken, verdicts.judged(story.models, taken), worker.said, code)


def told(wrong: list[str]) -> str:
    return f"{len(wrong)} differences:\n" + "\n".join(wrong[:40])


def test_every_drift_event_is_the_oracle_s(run: Run) -> None:
    wrong = verdicts.findings(run.found.events["drift-events"], run.judged)
    assert not wrong, told(wrong)
    assert len(severe(run.judged)) > 80


def test_every_window_is_judged_by_every_detector(run: Run) -> None:
    wrong = verdicts.windows(run.found.events["drift-events"], run.judged)
    assert not wrong, told(wrong)
    said = {(j.detector, f.verdict) for j in run.judged for f in j.findings}
    assert said >= verdicts.GRADED
    reasons = {"insufficient_data", "no_traffic", "baseline_missing", "labels_immature"}
    assert {verdict for _, verdict in said} >= reasons


def test_every_alert_and_command_is_the_article_s(run: Run) -> None:
    events = {topic: run.found.events[topic] for topic in RESPONSES}
    wrong = verdicts.responses(events, run.judged)
    assert not wrong, told(wrong)
    assert all(events.values())


def test_no_command_is_more_than_a_dry_run(run: Run) -> None:
    for topic in RESPONSES:
        for event in run.found.events[topic]:
            data = event["data"]
            assert data["dry_run"] is (data["action"] != "alert")
            assert data["actuated"] is False
            assert data["authority"] == ("observe" if data["model_id"] == "price" else "dry_run")
    commanded = {e["data"]["model_id"] for t in RESPONSES[1:] for e in run.found.events[t]}
    assert commanded == {"credit", "fraud"}


def test_every_dead_letter_tells_reason_place_and_payload(run: Run) -> None:
    events = {topic: run.found.events[topic] for topic in ("dead-letters", "late")}
    wrong = verdicts.letters(events, run.taken)
    assert not wrong, told(wrong)


def test_what_was_read_is_accounted_for_to_the_event(run: Run) -> None:
    rows = run.found.accounting
    assert rows == run.taken.accounting()
    for topic in INPUTS:
        ends = sum(
            entry.topic == topic and b'"end_of_stream"' in (entry.value or b"")
            and b"never" not in (entry.value or b"")
            for entry in run.found.log
        )  # fmt: skip
        sent = sum(entry.topic == topic for entry in run.found.log)
        assert rows[topic]["read"] == sent - ends
        outcomes = {name: n for name, n in rows[topic].items() if name != "read"}
        assert sum(outcomes.values()) == rows[topic]["read"]
        assert "waiting" not in outcomes


def test_no_event_is_published_twice(run: Run) -> None:
    for topic, events in run.found.events.items():
        identities = [event["id"] for event in events]
        assert len(identities) == len(set(identities)), topic


def test_events_are_cloud_events_that_say_what_they_rest_on(run: Run) -> None:
    assert run.found.headers == {("content-type", b"application/cloudevents+json; charset=UTF-8")}
    last = {
        topic: [max((e.offset for e in run.found.log if (e.topic, e.partition) == (topic, n)),
                    default=-1)
                for n in range(logs.PARTITIONS)]
        for topic in INPUTS
    }  # fmt: skip
    hashes: dict[str, set[str]] = {}
    for event in run.found.events["drift-events"]:
        data = event["data"]
        hashes.setdefault(data["model_id"], set()).add(data["config_hash"])
        offsets = data["source_offsets"]
        assert offsets.keys() <= set(INPUTS)
        for topic, partitions in offsets.items():
            assert len(partitions) == logs.PARTITIONS
            assert all(-1 <= n <= end for n, end in zip(partitions, last[topic], strict=True))
    assert all(len(found) == 1 for found in hashes.values())
    assert len(set.union(*hashes.values())) == len(run.models)


def test_the_worker_stops_in_good_order_and_says_little(run: Run) -> None:
    assert run.code == 0
    assert "Traceback" not in run.said
    lines = run.said.splitlines()
    assert 1 <= len(lines) <= 10, run.said


def test_no_part_of_the_oracle_comes_from_what_it_judges() -> None:
    parts = sorted(Path(__file__).with_name("oracle").glob("*.py"))
    assert len(parts) > 4
    for path in parts:
        tree = ast.parse(path.read_text())
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [
            a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
        ]
        assert not [name for name in names if name.partition(".")[0] == "monitor"], path
        assert not [n for n in names if n.startswith("tests.") and "e2e.oracle" not in n], path
