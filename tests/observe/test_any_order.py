"""What comes late, twice or in vain is accounted for alike, however topics and flushes interleave.

Kafka orders the records of a partition, and nothing orders predictions, labels and reviews, or the
moments of flushes. The same log must give the same events, dead letters and counters.
"""

import json
import random
from typing import Any

import pytest

from monitor.events.signatures import Keyring, sign
from monitor.observe.accounting import unbalanced
from monitor.registry.specs import PerformanceSpec
from tests.observe.stream import HOUR, MINUTE, T0, WINDOW, label, monitored, prediction, public
from tests.pipeline import APPEND_MS, Pipeline

DELAY = 8 * HOUR
MODEL = monitored(
    data_drift=None,
    prediction_drift=None,
    performance=PerformanceSpec(windows=(WINDOW,), min_samples=20),
)
ADA, FORGER = bytes(range(32)), bytes(32)
KEYRING = Keyring([("ada", public(ADA))])
END = {"type": "end_of_stream", "model_id": "m"}


def review(n: int, time_ms: int, **fields: Any) -> dict[str, Any]:
    return {
        "review_id": f"r{n}",
        "prediction_id": f"p{n}",
        "model_id": "m",
        "reviewer_id": "ada",
        "final_decision": "no",
        "timestamp": time_ms,
    } | fields


def story() -> dict[str, list[Any]]:
    """24 hours; every list in the order of its log, which is not that of event time."""
    rng = random.Random(5)
    predictions: list[Any] = []
    labels: list[tuple[float, Any]] = []
    reviews: list[tuple[float, Any]] = []
    for n in range(960):
        t = T0 + n * 90_000
        predictions.append(prediction(f"p{n}", t, prediction="yes" if n % 3 else "no"))
        due = t + rng.randrange(DELAY)
        event = label(f"p{n}", due, rng.choice(["yes", "no"]))
        labels.append((due, event))
        if n % 5 == 0:  # once more, at once or long after
            labels.append((due + rng.choice([1, 30 * HOUR]), event))
        if n % 6 == 0:  # a correction that comes behind the watermark of the labels
            fixed = label(f"p{n}", due + MINUTE, "yes")
            labels.append((due + rng.randrange(12 * HOUR), fixed))
        if n % 7 == 0:  # nobody ever made that prediction; and said twice
            orphan = label(f"x{n}", due, "no")
            labels += [(due, orphan), (due + rng.randrange(20 * HOUR), orphan)]
        if n % 8 == 0:  # too old for its prediction, twice
            old = label(f"p{n}", t + DELAY + MINUTE, "no")
            labels += [(old["timestamp"], old), (old["timestamp"] + HOUR, old)]
        if n % 9 == 0:  # made long before its prediction
            labels.append((due, label(f"p{n}", t - DELAY - 1, "no")))
        if n % 4 == 0:
            reviews.append((t, review(n, t)))
            reviews.append((t + rng.randrange(30 * HOUR), review(n, t)))
            if n % 3 == 0:
                reviews.append((t + HOUR, review(n, t, final_decision="yes")))
        if n % 10 == 0:  # nobody ever made that prediction; and said twice
            orphan = review(n, t, review_id=f"x{n}", prediction_id=f"x{n}")
            reviews += [(t, orphan), (t + rng.randrange(20 * HOUR), orphan)]
        if n % 11 == 0:  # read before its prediction, whichever order the topics have
            reviews.append((t - 3 * HOUR, review(n, t - 3 * HOUR, review_id=f"early{n}")))
        if n % 12 == 0:  # too old for its prediction, by its own time or as it was known
            old = review(n, t + DELAY + MINUTE, review_id=f"old{n}")
            reviews.append((old["timestamp"], old))
            known = review(n, t + 7 * HOUR, review_id=f"known{n}")
            reviews.append((t + 9 * HOUR, known))
        if n % 13 == 0:  # one id for two predictions, the second of which comes later
            reviews.append((t, review(n, t, review_id=f"two{n}")))
            reviews.append((t + 1, review(n + 300, t, review_id=f"two{n}")))
    logs = {"labels": labels, "reviews": reviews}
    in_order = {
        topic: [e for _, e in sorted(log, key=lambda pair: pair[0])] for topic, log in logs.items()
    }
    approvals = [
        sign(
            {
                "approval_id": f"a{n % 13}", "command_id": f"c{n % 17}", "model_id": "m",
                "decision": "approve", "approver": "ada", "timestamp": APPEND_MS - n * HOUR,
            },
            ADA if n % 7 else FORGER,
        )
        for n in (*range(60), *range(20))
    ]  # fmt: skip
    return {
        "approvals": approvals,
        "predictions": [*predictions, END],
        "labels": [*in_order["labels"], END, *in_order["labels"][-5:]],
        "reviews": [*in_order["reviews"], END],
    }


def outcome(schedule: random.Random | None, crashes: float) -> dict[str, Any]:
    pipeline = Pipeline([MODEL], KEYRING)
    for topic, events in story().items():
        pipeline.produce(topic, events)
    pipeline.run(schedule, crashes)
    assert unbalanced(pipeline.accounting()) == {}
    return {
        "accounting": pipeline.accounting().to_rows(),
        "findings": pipeline.events("drift-events"),
        "dead": pipeline.events("dead-letters"),
        "late": pipeline.events("late"),
    }


PLAIN = outcome(None, 0.0)


@pytest.mark.parametrize("seed", range(12))
def test_the_log_alone_decides(seed: int) -> None:
    drawn = outcome(random.Random(seed), 0.1 if seed % 2 else 0.0)
    for what, expected in PLAIN.items():
        assert drawn[what] == expected, what


@pytest.mark.parametrize("first", ["predictions", "labels", "reviews", "approvals"])
def test_a_topic_may_be_read_to_its_end_before_the_others(first: str) -> None:
    pipeline = Pipeline([MODEL], KEYRING)
    events = story()
    for topic in (first, *(topic for topic in events if topic != first)):
        for n in range(0, len(events[topic]), 40):
            pipeline.produce(topic, events[topic][n : n + 40])
            pipeline.run()
    assert pipeline.accounting().to_rows() == PLAIN["accounting"]
    assert pipeline.events("drift-events") == PLAIN["findings"]
    letters = pipeline.events("dead-letters")
    assert letters.keys() == PLAIN["dead"].keys()
    assert letters == PLAIN["dead"]


def test_every_fate_occurs() -> None:
    """Else the tests above would say nothing."""
    rows = PLAIN["accounting"]
    assert rows["labels"].keys() >= {"counted", "duplicate", "dead"}
    assert "waiting" not in rows["labels"]
    assert rows["labels!reasons"]["orphan_label"] > 300
    assert rows["reviews"].keys() >= {"counted", "duplicate", "late", "dead"}
    assert "waiting" not in rows["reviews"]
    assert rows["reviews!reasons"]["orphan_review"] > 200
    assert rows["reviews!reasons"]["id_conflict"] > 100
    assert rows["approvals"].keys() >= {"counted", "duplicate", "late", "dead"}
    assert rows["approvals!reasons"].keys() == {"bad_signature", "id_conflict", "late"}
    revisions = {e["data"]["revision"] for e in PLAIN["findings"].values()}
    assert revisions == {0, 1}


def test_an_orphan_keeps_its_place_and_its_payload() -> None:
    """Whether it waited or not: reason, offset, size and SHA-256 are those of its record."""
    import base64
    import hashlib

    pipeline = Pipeline([MODEL], KEYRING)
    for topic, events in story().items():
        pipeline.produce(topic, events)
    letters = [e["data"] for e in PLAIN["dead"].values()]
    said = [x for x in letters if x["topic"] != "predictions"]
    dead = (PLAIN["accounting"][topic]["dead"] for topic in ("labels", "reviews", "approvals"))
    assert len(said) == sum(dead)
    for letter in said:
        value = pipeline.logs[letter["topic"], letter["partition"]][letter["offset"]].value
        assert value is not None
        assert letter["size"] == len(value)
        assert letter["sha256"] == hashlib.sha256(value).hexdigest()
        assert json.loads(base64.b64decode(letter["head"])) == json.loads(value)
