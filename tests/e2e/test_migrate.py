"""From four partitions to six, by the real commands: verdicts are those of a stream that stays."""

import asyncio
import json
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.scenario import Sent
from tests.e2e.test_split import configured, judged
from tests.story import END
from tests.test_migration_laws import Keyed, keyed

MORE = 6


def records(story: Keyed, partitions: int, ends: bool) -> list[Sent]:
    """A story's records, each to the partition of its key; ends of streams go everywhere."""
    sent = []
    for topic, events in story.items():
        sent += [Sent(topic, key.encode(), json.dumps(event).encode()) for key, event in events]
        for n in range(partitions) if ends else ():
            sent.append(Sent(topic, b"end", json.dumps(END).encode(), n))
    return sent


def stream(
    kafka: EmbeddedKafka, config: Path, namespace: str, sent: list[Sent], partitions: int
) -> None:
    """Let a worker read what was sent, up to its end."""
    asyncio.run(logs.send(kafka.address, namespace, sent))
    with processes.Worker(config.with_suffix(".log"), config) as worker:
        worker.owns()
        asyncio.run(logs.at_rest(kafka.address, namespace, 90, partitions))
        assert worker.stop() == 0


def grown(config: Path, old: str, new: str) -> Path:
    """The same models under another namespace, with more partitions."""
    path = config.with_name(f"{new}.yaml")
    text = config.read_text().replace(f"namespace: {old}\n", f"namespace: {new}\n")
    path.write_text(text.replace("partitions: 4", f"partitions: {MORE}"))
    return path


def test_labels_find_predictions_made_before_there_were_more_partitions(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    """Predictions in columnar records, of which most have other partitions afterwards.

    What an interrupted migration has left of a join log is no obstacle.
    """
    story = keyed(1, "batch")
    cuts = {"predictions": 0.6, "labels": 0.3, "reviews": 0.5}
    upto = {topic: int(len(story[topic]) * cut) for topic, cut in cuts.items()}
    stays, old, new = f"{namespace}-stays", f"{namespace}-old", f"{namespace}-new"
    config = configured(tmp_path, kafka, stays, split=False)
    stream(kafka, config, stays, records(story, 4, ends=True), 4)

    before = configured(tmp_path, kafka, old, split=False)
    after = grown(before, old, new)
    first = {topic: events[: upto[topic]] for topic, events in story.items()}
    waits = records(first, 4, ends=False)
    asyncio.run(logs.send(kafka.address, old, waits[:5]))
    undrained = processes.run("topics", "migrate", before, after)
    assert (undrained.returncode, "not applied" in undrained.stdout) == (1, True)
    stream(kafka, before, old, waits[5:], 4)
    smaller = processes.run("topics", "migrate", after, before)
    assert smaller.returncode == 2
    assert "keep at least as many" in smaller.stderr

    assert processes.run("topics", "create", after).returncode == 0
    asyncio.run(logs.send(kafka.address, new, [Sent("join-log", b"", b"half", 5)]))
    done = processes.run("topics", "migrate", before, after)
    assert done.returncode == 0, done.stderr
    assert f"{old} with 4 partitions goes on as {new} with {MORE}" in done.stdout
    again = processes.run("topics", "migrate", before, after)
    assert again.returncode == 2
    assert "has a state already" in again.stderr
    assert processes.run("topics", "drained", after).returncode == 0
    rest = {topic: events[upto[topic] :] for topic, events in story.items()}
    stream(kafka, after, new, records(rest, MORE, ends=True), MORE)

    wanted = asyncio.run(judged(kafka, stays))
    told = asyncio.run(judged(kafka, old)) | asyncio.run(judged(kafka, new, MORE))
    assert told == wanted
    assert len(wanted) > 100
    was = asyncio.run(logs.observed(kafka.address, old))
    goes_on = asyncio.run(logs.observed(kafka.address, new, MORE))
    modes = {event["partitionkey"]: event for event in was.events["review-mode"]}
    assert modes, "a compacted topic of people's has a state of its own"
    assert all(event in goes_on.events["review-mode"] for event in modes.values())
    assert goes_on.headers == was.headers
    ours = goes_on.accounting
    theirs = asyncio.run(logs.observed(kafka.address, stays)).accounting
    for topic in story:
        for outcome in ("read", "counted", "duplicate", "dead"):
            assert ours[topic].get(outcome, 0) == theirs[topic].get(outcome, 0), (topic, outcome)
    assert ours["labels"]["moved"] == ours["labels"]["arrived"] > 0, "labels that wait move too"
