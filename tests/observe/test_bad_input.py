"""What becomes of bad input, row by row: its outcome, its reason, and a letter that tells of it.

A row of the table is a line of `ROWS`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import pytest

from monitor.events.signatures import Keyring, sign
from monitor.observe.accounting import unbalanced
from monitor.observe.decode import Decoder
from monitor.observe.partition import ObservePartition
from monitor.observe.reasons import REMEDIES, Reason
from monitor.observe.state import INPUTS
from monitor.registry.specs import ReviewsSpec
from tests.observe.stream import HOUR, MINUTE, T0, label, log, monitored, prediction, public

APPEND_MS = T0 + 1000 * HOUR
OK = prediction("p", T0)
LABEL = label("p", T0, "yes")
REVIEW = {
    "review_id": "r", "prediction_id": "p", "model_id": "m", "reviewer_id": "ann",
    "final_decision": "yes", "timestamp": T0,
}  # fmt: skip
UNLABELLED: dict[str, Any] = {"labels": None, "performance": None}
ADA, MALLORY = bytes(range(32)), bytes(32)
KEYRING = Keyring([("ada", public(ADA)), ("bob", public(b"b" * 32))])
UNSIGNED = {
    "approval_id": "a", "command_id": "c", "model_id": "m", "decision": "approve",
    "approver": "ada", "timestamp": APPEND_MS - MINUTE,
}  # fmt: skip
APPROVAL = sign(UNSIGNED, ADA)
END = {"type": "end_of_stream", "model_id": "m"}
COLUMNS: dict[str, Any] = {
    "batch_id": "b", "model_id": "m", "model_version": "1", "timestamp": T0,
    "features": {"amount": [1.0, 2.0]}, "predictions": ["no", "yes"],
}  # fmt: skip
#: Nothing is wrong with what is counted, and so nothing is told of it.
COUNTED = ("counted", "", "")


def raw(text: str, event: dict[str, Any] = OK) -> bytes:
    """An event with one more field, written as it stands."""
    return json.dumps(event | {"note": "<>"}).replace('"<>"', text).encode()


class Row(NamedTuple):
    """An input: the topic and event to judge, what came before and after, and what becomes of it.

    `became` is the outcome counted, the reason, and a part of the detail; `model` is what is other
    than usual about the model.
    """

    what: str
    topic: str
    event: Any
    became: tuple[str, str, str]
    before: Sequence[tuple[str, Any]] = ()
    after: Sequence[tuple[str, Any]] = ()
    model: Mapping[str, Any] = {}


def far(time_ms: int) -> tuple[str, Any]:
    """A prediction that brings the watermark to a time."""
    return "predictions", prediction("far", time_ms + 30_000)


DEAD, QUARANTINED = "dead", "quarantined"
ROWS = [
    Row("bad JSON", "predictions", b'{"prediction_id":', (DEAD, "malformed", "truncated")),
    Row("no JSON", "labels", b"hello", (DEAD, "malformed", "")),
    Row("bad UTF-8", "predictions", raw('"<>"').replace(b"<>", b"\xff"),
        (DEAD, "malformed", "utf-8")),
    Row("a depth of 17", "reviews", raw("[" * 16 + "]" * 16, REVIEW), (DEAD, "malformed", "16 d")),
    Row("a depth of 16", "reviews", raw("[" * 15 + "]" * 15, REVIEW), COUNTED,
        before=[("predictions", OK)]),
    Row("NaN", "predictions", raw("NaN"), (DEAD, "malformed", "")),
    Row("Infinity", "labels", raw("-Infinity", LABEL), (DEAD, "malformed", "")),
    Row("a huge integer", "predictions", OK | {"prediction": 10**400}, (DEAD, "malformed", "")),
    Row("a class beyond 64 bits", "predictions", OK | {"prediction": 2**63},
        (DEAD, "malformed", "$.prediction")),
    Row("256 KiB + 1", "predictions", raw(json.dumps("x" * (262_145 - len(raw('""'))))),
        (DEAD, "limit_size", "262145 bytes, limit 262144")),
    Row("256 KiB", "predictions", raw(json.dumps("x" * (262_144 - len(raw('""'))))), COUNTED),
    Row("501 features", "predictions", OK | {"features": {f"f{n}": n for n in range(501)}},
        (DEAD, "limit_features", "501 features, limit 500")),
    Row("500 features", "predictions", OK | {"features": {f"f{n}": n for n in range(500)}},
        COUNTED),
    Row("an id of 129 characters", "predictions", OK | {"prediction_id": "x" * 129},
        (DEAD, "limit_id", "$.prediction_id")),
    Row("an id of 128 characters", "predictions", OK | {"prediction_id": "x" * 128}, COUNTED),
    Row("an id of other characters", "reviews", REVIEW | {"review_id": "a b"},
        (DEAD, "limit_id", "$.review_id")),
    Row("a class of 129 characters", "labels", LABEL | {"label": "x" * 129},
        (DEAD, "limit_class", "$.label")),
    Row("another major version", "labels", LABEL | {"schema_version": "2.0"},
        (DEAD, "schema_version", "$.schema_version")),
    Row("another minor version", "predictions", OK | {"schema_version": "1.9"}, COUNTED),
    Row("a missing field", "predictions", {k: v for k, v in OK.items() if k != "model_version"},
        (DEAD, "schema_missing", "model_version")),
    Row("a mistyped field", "predictions", OK | {"score": "high"},
        (DEAD, "schema_type", "$.score")),
    Row("a model that is no text", "predictions", OK | {"model_id": {"age": 42}},
        (DEAD, "schema_type", "$.model_id: expected a string, got dict")),
    Row("unknown optional fields", "predictions", OK | {"new": {"a": [1]}}, COUNTED),
    Row("seconds for milliseconds", "predictions", OK | {"timestamp": T0 // 1000},
        (DEAD, "schema_range", "milliseconds")),
    Row("5 min and 1 ms ahead", "predictions", OK | {"timestamp": APPEND_MS + 300_001},
        (QUARANTINED, "future_timestamp", "5 min ahead of Kafka's clock")),
    Row("5 min ahead", "predictions", OK | {"timestamp": APPEND_MS + 300_000}, COUNTED),
    Row("a negative time", "labels", LABEL | {"timestamp": -1},
        (QUARANTINED, "future_timestamp", "$.timestamp")),
    Row("beyond allowed lateness", "predictions", OK,
        ("late", "late", "3 h 12 min behind the watermark; allowed lateness is 10 min"),
        before=[far(T0 + 3 * HOUR + 12 * MINUTE)]),
    Row("just beyond allowed lateness", "predictions", OK,
        ("late", "late", "1 h 10 min behind"), before=[far(T0 + 70 * MINUTE)]),
    Row("within allowed lateness", "predictions", OK, COUNTED, before=[far(T0 + 70 * MINUTE - 1)]),
    Row("a review when it may be forgotten", "reviews", REVIEW, ("late", "late", "4 d 4 h behind"),
        before=[("reviews", REVIEW | {"review_id": "s", "timestamp": T0 + 100 * HOUR + 30_000})]),
    Row("an id again, byte for byte", "predictions", OK, ("duplicate", "", ""),
        before=[("predictions", OK)]),
    Row("an id with another payload", "predictions", OK | {"prediction": "yes"},
        (DEAD, "id_conflict", "p was seen before with another payload"),
        before=[("predictions", OK)]),
    Row("a review's id with another payload", "reviews", REVIEW | {"final_decision": "no"},
        (DEAD, "id_conflict", "r was seen before"), before=[("reviews", REVIEW)]),
    Row("a second label of another value", "labels", LABEL | {"label": "no"}, COUNTED,
        before=[("predictions", OK), ("labels", LABEL)]),
    Row("a 101st label", "labels", LABEL | {"timestamp": T0 + 1000},
        (DEAD, "limit_labels", "100 labels, limit 100"),
        before=[("predictions", OK)]
        + [("labels", LABEL | {"timestamp": T0 + n}) for n in range(100)]),
    Row("a label without its prediction", "labels", LABEL, ("waiting", "", "")),
    Row("a label whose prediction never came", "labels", LABEL,
        (DEAD, "orphan_label", "no prediction p within 8 h"),
        after=[("predictions", END), ("labels", END)]),
    Row("a label whose prediction may not be remembered", "labels", LABEL,
        (DEAD, "unremembered", "1 were, which is the limit (max_remembered)"),
        before=[("predictions", OK | {"prediction_id": "q"}), ("predictions", OK)],
        after=[("predictions", END), ("labels", END)], model={"max_remembered": 1}),
    Row("a label beyond the greatest delay", "labels", LABEL | {"timestamp": T0 + 8 * HOUR + 1},
        (DEAD, "orphan_label", "within 8 h"), before=[("predictions", OK)]),
    Row("a model that is not registered", "predictions", OK | {"model_id": "other"},
        (DEAD, "unknown_model", "'other' is not registered")),
    Row("columns", "predictions", COLUMNS, COUNTED),
    Row("10,001 rows of columns", "predictions", COLUMNS | {"predictions": ["no"] * 10_001},
        (DEAD, "limit_rows", "10001 predictions, limit 10000")),
    Row("columns of two lengths", "predictions", COLUMNS | {"predictions": ["no"] * 3},
        (DEAD, "schema_length", "$.features.amount: 2")),
    Row("a column packed as nobody does", "predictions",
        COLUMNS | {"predictions": {"encoding": "f16", "data": ""}},
        (DEAD, "schema_encoding", "$.predictions.encoding")),
    Row("a label of a model that declares none", "labels", LABEL,
        (DEAD, "labels_undeclared", "add `labels:` to its configuration"),
        model=UNLABELLED),
    Row("a review before its prediction", "reviews", REVIEW, ("waiting", "", "")),
    Row("a review whose prediction never came", "reviews", REVIEW,
        (DEAD, "orphan_review", "no prediction p within 8 h"), after=[("predictions", END)]),
    Row("a review whose prediction comes", "reviews", REVIEW, COUNTED,
        after=[("predictions", OK), ("predictions", END)]),
    Row("a review at the greatest delay", "reviews", REVIEW | {"timestamp": T0 + 8 * HOUR}, COUNTED,
        before=[("predictions", OK)]),
    Row("a review beyond the greatest delay", "reviews",
        REVIEW | {"timestamp": T0 + 8 * HOUR + 1}, (DEAD, "orphan_review", "within 8 h"),
        before=[("predictions", OK)]),
    Row("a review beyond a delay of its own", "reviews", REVIEW | {"timestamp": T0 + HOUR + 1},
        (DEAD, "orphan_review", "within 1 h"), before=[("predictions", OK)],
        model={"reviews": ReviewsSpec(max_delay_ms=HOUR)}),
    Row("a review that comes later than any label", "reviews",
        REVIEW | {"timestamp": T0 + 20 * HOUR}, COUNTED,
        before=[("predictions", OK), ("labels", END), ("predictions", END)],
        model={"reviews": ReviewsSpec(max_delay_ms=20 * HOUR)}),
    Row("a review of a model that declares reviews alone", "reviews",
        REVIEW | {"timestamp": T0 + 3 * HOUR}, COUNTED,
        before=[("predictions", OK), ("predictions", END)],
        model={**UNLABELLED, "reviews": ReviewsSpec(max_delay_ms=3 * HOUR), "deduplicate": False}),
    Row("a review of a model that declares neither", "reviews", REVIEW,
        (DEAD, "reviews_undeclared", "add `reviews:`"), model=UNLABELLED),
    Row("an approval", "approvals", APPROVAL, COUNTED),
    Row("an approval of a model with any keys", "approvals", APPROVAL, COUNTED,
        model={"repartition": True}),
    Row("an approval that is signed with more", "approvals",
        sign(UNSIGNED | {"reason": "großes Übel"}, ADA), COUNTED),
    Row("an approval of nobody", "approvals", {"approval_id": "a", "signature": "forged"},
        (DEAD, "bad_signature", "$.key_id: none of the 2 keys")),
    Row("an approval of another key", "approvals", sign(UNSIGNED, MALLORY),
        (DEAD, "bad_signature", "$.key_id: none of the 2 keys")),
    Row("an approval in another's name", "approvals", sign(UNSIGNED | {"approver": "bob"}, ADA),
        (DEAD, "bad_signature", "$.approver: another than ada")),
    Row("an approval without a signature", "approvals",
        {k: v for k, v in APPROVAL.items() if k != "signature"},
        (DEAD, "bad_signature", "$.signature: expected base64")),
    Row("an approval that was changed", "approvals", APPROVAL | {"decision": "refuse"},
        (DEAD, "bad_signature", "the event was changed since")),
    Row("an approval with a signature that is no base64", "approvals",
        APPROVAL | {"signature": "-" + APPROVAL["signature"][1:]},
        (DEAD, "bad_signature", "$.signature: expected base64")),
    Row("an approval with half a signature", "approvals",
        APPROVAL | {"signature": APPROVAL["signature"][:44]},
        (DEAD, "bad_signature", "33 bytes, an Ed25519 signature has 64")),
    Row("a signed approval without a command", "approvals",
        sign({k: v for k, v in UNSIGNED.items() if k != "command_id"}, ADA),
        (DEAD, "schema_missing", "command_id")),
    Row("a signed approval that decides nothing", "approvals",
        sign(UNSIGNED | {"decision": "perhaps"}, ADA), (DEAD, "schema_type", "$.decision")),
    Row("a signed approval of an unknown model", "approvals",
        sign(UNSIGNED | {"model_id": "other"}, ADA), (DEAD, "unknown_model", "'other'")),
    Row("a signed approval from the future", "approvals",
        sign(UNSIGNED | {"timestamp": APPEND_MS + 300_001}, ADA),
        (QUARANTINED, "future_timestamp", "5 min ahead")),
    Row("an approval when it may be forgotten", "approvals",
        sign(UNSIGNED | {"timestamp": APPEND_MS - 30 * HOUR}, ADA), ("late", "late", "1 d 6 h")),
    Row("an approval again, byte for byte", "approvals", APPROVAL, ("duplicate", "", ""),
        before=[("approvals", APPROVAL)]),
    Row("an approval's id with another decision", "approvals",
        sign(UNSIGNED | {"decision": "refuse"}, ADA),
        (DEAD, "id_conflict", "a was seen before"), before=[("approvals", APPROVAL)]),
    Row("an end of the stream among approvals", "approvals", END,
        (DEAD, "bad_signature", "$.key_id")),
]  # fmt: skip


def judge(row: Row) -> tuple[tuple[str, str, str], list[dict[str, Any]], Any]:
    """What became of the row's event, the letters about it, and its record."""
    models = [monitored(**row.model)]
    partition = ObservePartition(models, 7, 1, decoder=Decoder(models, KEYRING))
    offsets = dict.fromkeys(INPUTS, 40)

    def take(topic: str, event: Any) -> Any:
        (record,) = log([event], APPEND_MS, first=offsets[topic])
        offsets[topic] += 1
        partition.apply(topic, [record])
        return record

    for topic, event in row.before:
        take(topic, event)
    counted = dict(partition.accounting.counts)
    record = take(row.topic, row.event)
    for topic, event in row.after:
        take(topic, event)
    outputs = partition.drain({}, False, ()).outputs
    assert unbalanced(partition.accounting) == {}
    became = [
        outcome
        for (topic, outcome), n in partition.accounting.counts.items()
        if topic == row.topic and outcome != "read" and n > counted.get((topic, outcome), 0)
    ]
    letters = [
        {"out": out.topic} | json.loads(out.value)["data"]
        for out in outputs
        if out.topic in ("dead-letters", "late")
    ]
    mine = [x for x in letters if (x["topic"], x["offset"]) == (row.topic, record.offset)]
    assert mine == letters
    (outcome,) = became
    reason, detail = (letters[0]["reason"], letters[0]["detail"]) if letters else ("", "")
    return (outcome, reason, detail), letters, record


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_bad_input_gets_its_outcome_its_reason_and_its_letter(row: Row) -> None:
    (outcome, reason, detail), letters, record = judge(row)
    assert (outcome, reason) == row.became[:2]
    assert row.became[2] in detail
    if not reason:
        assert letters == []
        return
    (letter,) = letters
    assert letter["out"] == ("late" if outcome == "late" else "dead-letters")
    assert (letter["partition"], letter["offset"]) == (7, record.offset)
    assert letter["size"] == len(record.value)
    assert letter["sha256"] == hashlib.sha256(record.value).hexdigest()
    assert base64.b64decode(letter["head"]) == record.value[:1024]
    assert "redacted" not in letter


def test_every_reason_has_a_row_and_a_remedy() -> None:
    told = {row.became[1] for row in ROWS} - {""}
    assert told == set(get_args(Reason)) == set(REMEDIES)


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        ({"label": "yes"}, {"label": "no"}, "no"),
        ({"label": "no"}, {"label": "yes"}, "yes"),
        ({"timestamp": T0 + 1}, {"label": "no"}, "yes"),
        ({}, {"label": "no", "timestamp": T0 + 1}, "no"),
    ],
    ids=["a tie: the later", "a tie the other way", "the earlier read", "the greater time"],
)
def test_of_two_labels_the_greater_time_holds_and_then_the_offset(
    first: dict[str, Any], second: dict[str, Any], holds: str
) -> None:
    partition = ObservePartition([monitored()], 0, 1)
    partition.apply("predictions", log([OK]))
    partition.apply("labels", log([LABEL | first, LABEL | second]))
    assert max(partition.states["m"].memory.seen["p"].chain).label == holds


def test_what_is_not_registered_is_in_no_pane() -> None:
    """So nothing about it can be found, alerted or rolled back."""
    partition = ObservePartition([monitored()], 0, 1)
    strange = [prediction(f"p{n}", T0, model_id=f"invented-{n}") for n in range(50)]
    partition.apply("predictions", log([*strange, END]))
    flush = partition.drain({}, True, ())
    assert set(partition.states) == {"m"}
    for out in flush.outputs:
        assert (out.topic == "dead-letters") == (b"invented" in out.value)
    assert not any(b"invented" in row for rows in flush.rows.items() for row in rows if row)
