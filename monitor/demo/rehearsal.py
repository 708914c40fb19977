"""The same stream through the same pure functions, without Kafka: what would have fired?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice

from monitor.client.encoding import encode, end_of_stream
from monitor.demo.incidents import DAY_MS, Incident
from monitor.demo.story import Story
from monitor.demo.traffic import Traffic, events
from monitor.evaluate.partition import EvaluatePartition
from monitor.observe.accounting import Accounting
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.panes.flush import Logic, Output
from monitor.response.partition import RespondPartition

#: Events between two flushes; verdicts don't depend on it.
_FLUSH = 4000
#: More than the four periods that concept drift looks back on.
_BEFORE_MS = 6 * DAY_MS
_TOPICS = ("predictions", "labels")
#: The append time of every record, in ms: long after the stream, as when the past is replayed.
_APPENDED = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came out, and what became of every event."""

    story: Story
    accounting: Accounting


@dataclass(frozen=True, slots=True)
class _Record:
    offset: int
    key: bytes
    value: bytes
    timestamp: int = _APPENDED


def rehearse(
    monitored: Monitored, traffic: Traffic, incidents: tuple[Incident, ...] = ()
) -> Rehearsed:
    """Let a whole stream pass through one partition of each stage, in memory.

    The worker does the same with its partitions on Kafka, and must come to the same verdicts.
    """
    observe, story = ObservePartition([monitored], 0, 1), Story(incidents)
    evaluate, respond = EvaluatePartition([monitored], 1), RespondPartition()
    numbers = {topic: count() for topic in (*_TOPICS, "panes", "drift-events")}

    def step(logic: Logic, topic: str, values: Sequence[tuple[bytes, bytes]]) -> list[Output]:
        records = [_Record(next(numbers[topic]), *value) for value in values]
        if records:
            logic.apply(topic, records)
        return logic.drain({}, False, ()).outputs

    def pass_on(sent: Sequence[Output]) -> None:
        panes = [(output.key, output.value) for output in sent if output.topic == "panes"]
        judged = step(evaluate, "panes", panes)
        done = step(respond, "drift-events", [(output.key, output.value) for output in judged])
        for output in (*judged, *done):
            story.take(output.value)

    stream = events(traffic)
    while chunk := list(islice(stream, _FLUSH)):
        sent = [encode(event.kind, event.fields, event.time_ms) for event in chunk]
        for topic in _TOPICS:
            pass_on(step(observe, topic, [(e.key, e.value) for e in sent if e.topic == topic]))
    end = end_of_stream(monitored.spec.id)
    for topic in _TOPICS:
        pass_on(step(observe, topic, [(b"", end)]))
    return Rehearsed(story, observe.accounting)


def rehearse_calm(monitored: Monitored, clean: Traffic, incidents: tuple[Incident, ...]) -> Story:
    """Tell how the days of the incidents would have been without them, from undisturbed traffic.

    Some days before are let pass too, because concept drift looks back on them.
    """
    calm = Story(())
    for incident in incidents:
        days = clean.between(incident.start_ms - _BEFORE_MS, incident.end_ms)
        story = rehearse(monitored, days).story
        calm.windows |= story.windows
        calm.findings |= story.findings
    return calm
