"""Histories as files, and the same events one by one through the stream's stages."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitor.files.history import read_histories
from monitor.files.tables import read_table
from monitor.observe.fields import LAST_MS
from monitor.observe.model import Monitored
from monitor.replay.history import History
from monitor.replay.run import Replayed, replay
from tests.pipeline import APPEND_MS, Pipeline

TOPICS = ("drift-events", "alerts", "review-mode", "retraining", "rollbacks")
Events = Sequence[dict[str, Any]]


def written(path: Path, events: Events) -> str:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return str(path)


def history(model: Monitored, *files: str, **given: str) -> History:
    """What the files tell of a model."""
    found = read_histories([read_table(file) for file in files], [model], given)
    return found.known[model.spec.id]


def replayed(model: Monitored, *files: str, **given: str) -> Replayed:
    """What comes out of a replay of files."""
    return replay(model, history(model, *files, **given), APPEND_MS)


def streamed(
    model: Monitored, predictions: Events, labels: Events = (), partitions: int = 1
) -> Pipeline:
    """What comes out of the stream, fed the same events as JSON, each in order of time."""
    pipeline = Pipeline([model], partitions=partitions)
    end = {"type": "end_of_stream", "model_id": model.spec.id}
    pipeline.produce("predictions", [*predictions, end])
    pipeline.produce("labels", [*labels, end])
    pipeline.run()
    return pipeline


def told(done: Replayed, topic: str) -> dict[str, dict[str, Any]]:
    """The events of a topic by id, without offsets, which are those of another log."""
    found = {}
    for value in done.published.get(topic, []):
        event = json.loads(value)
        event["data"].pop("source_offsets", None)
        found[event["id"]] = event
    return found


def in_time(events: Events) -> list[dict[str, Any]]:
    """Events in order of time; one that has none comes after the one before it in the file."""
    times: list[int] = []
    for event in events:
        time = event.get("timestamp")
        known = isinstance(time, int) and 0 <= time <= LAST_MS
        times.append(time if known else times[-1] if times else 0)
    return [events[n] for n in sorted(range(len(events)), key=times.__getitem__)]
