"""What a replay has published, as JSON lines: the CloudEvents as the stream writes them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from monitor.events.cloudevents import CloudEvent, to_ms
from monitor.observe.accounting import total
from monitor.replay.difference import Difference
from monitor.replay.run import Replayed
from monitor.replay.told import Told

#: A file for each of these, whether or not there is anything to tell.
TOPICS = (
    "drift-events",
    "alerts",
    "review-mode",
    "retraining",
    "rollbacks",
    "dead-letters",
    "late",
)
_head = msgspec.json.Decoder(CloudEvent[msgspec.Raw]).decode


def lines(done: Iterable[Replayed], topic: str) -> Iterator[bytes]:
    """The events of a topic of all models, a line each, in order of event time."""
    events = [value for one in done for value in one.published.get(topic, ())]
    for value in sorted(events, key=_when):
        yield value + b"\n"


def _when(value: bytes) -> tuple[int, str]:
    event = _head(value)
    return to_ms(event.time), event.id


def summary(
    done: Iterable[Replayed], told: Iterable[Told], strangers: Mapping[str, int]
) -> dict[str, Any]:
    """What was read and became of it, and what was found, by detector and severity.

    `strangers` are rows that were left out, by the models that they name.
    """
    return {
        "events": total(one.accounting for one in done).to_rows(),
        "left_out": dict(strangers),
        "models": [_model(one) for one in told],
    }


def difference_summary(found: Difference) -> dict[str, int]:
    """How many findings two policies share, and not."""
    return {
        "only_one": len(found.only_one),
        "only_other": len(found.only_other),
        "graver": len(found.graver),
        "milder": len(found.milder),
        "same": found.same,
    }


def _model(told: Told) -> dict[str, Any]:
    findings: dict[str, Counter[str]] = {}
    for finding in told.findings:
        findings.setdefault(finding.detector, Counter())[finding.verdict] += 1
    return {
        "id": told.model_id,
        "findings": {detector: dict(counts) for detector, counts in sorted(findings.items())},
        "withdrawn": told.withdrawn,
        "windows": {
            detector: {"judged": one.judged, "not_judged": dict(one.unjudged)}
            for detector, one in told.windows.items()
        },
        "actions": dict(told.actions),
    }
