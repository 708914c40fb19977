"""What becomes of every record of an input log, read partition by partition in offset order."""

import json
import re
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.e2e.oracle.setting import APPROVERS, HOUR, MINUTE, Model

EVER = 10**18
_ID = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A record as a plain consumer reads it; `time` is the broker's append time in ms."""

    topic: str
    partition: int
    offset: int
    time: int
    value: bytes | None

    @property
    def place(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset


@dataclass(frozen=True)
class Fate:
    """What became of a record: its outcome, and a reason where it was refused."""

    outcome: str
    reason: str = ""
    model: str | None = None


@dataclass
class Row:
    """A prediction that counts; `known` are its labels: (known, made, offset, class).

    One that was read when the watermark had passed the end of its pane was not `on_time`.
    """

    id: str
    version: str
    time: int
    on_time: bool
    features: Mapping[str, Any]
    prediction: Any
    score: float | None
    known: list[tuple[int, int, int, str]] = field(default_factory=list)


@dataclass
class Taken:
    """All rows by model, and the fate of every record by its place; ends of streams have none."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    fates: dict[tuple[str, int, int], Fate] = field(default_factory=dict)
    values: dict[tuple[str, int, int], Entry] = field(default_factory=dict)
    #: Predictions refused, by model and the pane in which its watermark stood; by outcome.
    lost: dict[tuple[str, int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def lose(self, model: Model, greatest: int | None, outcome: str) -> None:
        """Remember a refused prediction; outside a stream no window is being filled."""
        if greatest is not None and greatest != EVER:
            mark = greatest - model.disorder
            self.lost[model.id, mark - mark % model.pane][outcome] += 1

    def accounting(self, partition: int | None = None) -> dict[str, dict[str, int]]:
        """Events by topic and outcome, by `topic!reasons` and reason; of one partition or all."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for (topic, number, _), fate in self.fates.items():
            if partition not in (None, number):
                continue
            found[topic]["read"] += 1
            found[topic][fate.outcome] += 1
            if fate.reason:
                found[f"{topic}!reasons"][fate.reason] += 1
        return {topic: dict(counts) for topic, counts in found.items()}


class Refused(Exception):
    """Reason, and the model as far as it is known."""


def take(log: Iterable[Entry], models: Sequence[Model]) -> Taken:
    """Read a whole log; entries of a partition must come in offset order."""
    taken = Taken()
    known = {model.id: model for model in models}
    partitions: dict[int, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in log:
        partitions[entry.partition][entry.topic].append(entry)
        taken.values[entry.place] = entry
    for topics in partitions.values():
        rows = _predictions(topics["predictions"], known, taken)
        _labels(topics["labels"], known, rows, taken)
        _reviews(topics["reviews"], known, rows, taken)
        _approvals(topics["approvals"], known, taken)
    return taken


def _predictions(
    log: Sequence[Entry], models: Mapping[str, Model], taken: Taken
) -> dict[tuple[str, str], Row]:
    greatest: dict[str, int] = {}
    named: str | None = None
    seen: dict[tuple[str, str], bytes] = {}
    rows: dict[tuple[str, str], Row] = {}
    for entry in log:
        try:
            event = _parsed(entry, models)
            if event is None:
                continue
            if event == "end":
                greatest[json.loads(entry.value or b"")["model_id"]] = EVER
                continue
            model, time = _prediction(event, models), _time(entry, event)
        except Refused as refusal:
            fate = taken.fates[entry.place] = _refused(refusal)
            # What names no model is taken for one of the model that is named before it.
            named = fate.model or named
            if fate.reason != "unknown_model" and named:
                taken.lose(models[named], greatest.get(named), fate.outcome)
            continue
        named = model.id
        before = greatest.get(model.id)
        mark = greatest.get(model.id, -EVER) - model.disorder
        greatest[model.id] = max(time, greatest.get(model.id, -EVER))
        key = (model.id, event["prediction_id"])
        if model.pane_end(time) + model.lateness <= mark:
            taken.fates[entry.place] = Fate("late", "late", model.id)
            taken.lose(model, before, "late")
        elif model.remembers and key in seen:
            same = seen[key] == entry.value
            taken.fates[entry.place] = (
                Fate("duplicate", "", model.id) if same else Fate("dead", "id_conflict", model.id)
            )
            if not same:
                taken.lose(model, before, "dead")
        else:
            seen[key] = entry.value or b""
            row = Row(
                event["prediction_id"], event["model_version"], time, model.pane_end(time) > mark,
                event["features"], event["prediction"], event.get("score"),
            )  # fmt: skip
            rows[key] = row
            taken.rows[model.id].append(row)
            taken.fates[entry.place] = Fate("counted", "", model.id)
    return rows


def _labels(
    log: Sequence[Entry],
    models: Mapping[str, Model],
    rows: Mapping[tuple[str, str], Row],
    taken: Taken,
) -> None:
    greatest: dict[str, int] = {}
    for entry in log:
        try:
            event = _parsed(entry, models)
            if event is None:
                continue
            if event == "end":
                greatest[json.loads(entry.value or b"")["model_id"]] = EVER
                continue
            _fields(event, ids=("prediction_id",), scalars=("label",))
            model, made = models[event["model_id"]], _time(entry, event)
        except Refused as refusal:
            taken.fates[entry.place] = _refused(refusal)
            continue
        known = max(made, greatest.get(model.id, -EVER) - model.disorder)
        greatest[model.id] = max(min(made, entry.time), greatest.get(model.id, -EVER))
        row = rows.get((model.id, event["prediction_id"]))
        name = canonical(event["label"])
        if model.max_delay is None:
            fate = Fate("dead", "labels_undeclared", model.id)
        elif row is None or known - row.time > model.max_delay or row.time - made > model.max_delay:
            fate = Fate("dead", "orphan_label", model.id)
        elif any((made, name) == (before[1], before[3]) for before in row.known):
            fate = Fate("duplicate", "", model.id)
        else:
            row.known.append((known, made, entry.offset, name or ""))
            fate = Fate("counted", "", model.id)
        taken.fates[entry.place] = fate


def _reviews(
    log: Sequence[Entry],
    models: Mapping[str, Model],
    rows: Mapping[tuple[str, str], Row],
    taken: Taken,
) -> None:
    greatest: dict[str, int] = {}
    seen: dict[tuple[str, str], bytes] = {}
    for entry in log:
        try:
            event = _parsed(entry, models)
            if event is None:
                continue
            if event == "end":
                greatest[json.loads(entry.value or b"")["model_id"]] = EVER
                continue
            ids = ("review_id", "prediction_id", "reviewer_id")
            _fields(event, ids=ids, scalars=("final_decision",))
            model, time = models[event["model_id"]], _time(entry, event)
        except Refused as refusal:
            taken.fates[entry.place] = _refused(refusal)
            continue
        mark = greatest.get(model.id, -EVER) - model.disorder
        greatest[model.id] = max(min(time, entry.time), greatest.get(model.id, -EVER))
        key, within = (model.id, event["review_id"]), model.reviewed_within
        row = rows.get((model.id, event["prediction_id"]))
        if within is None:
            fate = Fate("dead", "reviews_undeclared", model.id)
        elif time - time % HOUR + HOUR <= mark - within - model.lateness - model.pane:
            fate = Fate("late", "late", model.id)
        elif key not in seen:
            seen[key] = entry.value or b""
            known = max(time, mark)
            reached = row and known - row.time <= within and row.time - time <= within
            fate = Fate(
                "counted" if reached else "dead", "" if reached else "orphan_review", model.id
            )
        elif seen[key] == entry.value:
            fate = Fate("duplicate", "", model.id)
        else:
            fate = Fate("dead", "id_conflict", model.id)
        taken.fates[entry.place] = fate


def _approvals(log: Sequence[Entry], models: Mapping[str, Model], taken: Taken) -> None:
    now: dict[str, int] = {}
    seen: dict[tuple[str, str], bytes] = {}
    for entry in log:
        try:
            event = _object(entry)
            _signed(event, models)
            _registered(event, models)
            _fields(event, ids=("approval_id", "command_id", "approver"), scalars=("decision",))
            if event["decision"] not in ("approve", "refuse"):
                raise Refused("schema_type", event["model_id"])
            model, time = models[event["model_id"]], _time(entry, event)
        except Refused as refusal:
            taken.fates[entry.place] = _refused(refusal)
            continue
        mark = now[model.id] = max(now.get(model.id, -EVER), entry.time)
        key = (model.id, event["approval_id"])
        if time - time % HOUR + HOUR <= mark - 24 * HOUR - model.lateness - model.pane:
            fate = Fate("late", "late", model.id)
        elif key not in seen:
            seen[key] = entry.value or b""
            fate = Fate("counted", "", model.id)
        elif seen[key] == entry.value:
            fate = Fate("duplicate", "", model.id)
        else:
            fate = Fate("dead", "id_conflict", model.id)
        taken.fates[entry.place] = fate


def _signed(event: dict[str, Any], models: Mapping[str, Model]) -> None:
    """Refused unless the approver whom an event names has signed all the rest of it."""
    given = event.get("model_id")
    refused = Refused(
        "bad_signature", given if isinstance(given, str) and given in models else None
    )
    name, signature = event.get("approver"), event.get("signature")
    if not isinstance(name, str) or name not in APPROVERS or not isinstance(signature, str):
        raise refused
    public = Ed25519PrivateKey.from_private_bytes(APPROVERS[name]).public_key()
    if event.get("key_id") != sha256(public.public_bytes_raw()).hexdigest()[:16]:
        raise refused
    rest = {field: value for field, value in event.items() if field != "signature"}
    said = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        public.verify(b64decode(signature, validate=True), said)
    except (ValueError, InvalidSignature):
        raise refused from None


def canonical(value: Any) -> str | None:
    """The name of a category: 1, 1.0 and "1" are one, true is not; None for what can be none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return str(value) if isinstance(value, int) else None


def _refused(refusal: Refused) -> Fate:
    reason, model = refusal.args
    return Fate("quarantined" if reason == "future_timestamp" else "dead", reason, model)


def _parsed(entry: Entry, models: Mapping[str, Model]) -> Any:
    """The event of a record, or "end"; Refused where it is none of a known model."""
    event = _object(entry)
    _registered(event, models)
    return "end" if event.get("type") == "end_of_stream" else event


def _object(entry: Entry) -> dict[str, Any]:
    """The JSON object of a record; Refused where it is none."""
    value = entry.value
    if value is None:
        raise Refused("malformed", None)
    if len(value) > 256 * 1024:
        raise Refused("limit_size", None)
    try:
        event = json.loads(value.decode(), parse_constant=_no_constant, parse_float=_float)
        if _depth(event) > 16:
            raise ValueError
    except (ValueError, RecursionError):
        raise Refused("malformed", None) from None
    if not isinstance(event, dict):
        raise Refused("malformed", None)
    return event


def _registered(event: dict[str, Any], models: Mapping[str, Model]) -> None:
    """Refused where an event is of no known model."""
    if "model_id" not in event:
        raise Refused("schema_missing", None)
    if not isinstance(event["model_id"], str):
        raise Refused("schema_type", None)
    if event["model_id"] not in models:
        raise Refused("unknown_model", None)


def _no_constant(_: str) -> float:
    raise ValueError


def _float(text: str) -> float:
    if abs(float(text)) == float("inf"):
        raise ValueError
    return float(text)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _fields(event: dict[str, Any], ids: Sequence[str], scalars: Sequence[str]) -> None:
    """Refused where a field that every event of a topic carries is missing or cannot be."""
    model = event["model_id"]
    for name in (*ids, *scalars, "timestamp"):
        if name not in event:
            raise Refused("schema_missing", model)
    for name in ids:
        if not isinstance(event[name], str):
            raise Refused("schema_type", model)
        if not _ID.fullmatch(event[name]):
            raise Refused("limit_id", model)
    for name in scalars:
        if not isinstance(event[name], str | int | float):
            raise Refused("schema_type", model)
        if isinstance(event[name], str) and len(event[name]) > 128:
            raise Refused("limit_class", model)
        if isinstance(event[name], int) and not -(2**63) <= event[name] < 2**63:
            raise Refused("malformed", model)
    version = event.get("schema_version", "1.0")
    if not isinstance(version, str) or not re.fullmatch(r"1(\.[0-9]+)*", version):
        raise Refused("schema_version", model)


def _prediction(event: dict[str, Any], models: Mapping[str, Model]) -> Model:
    model = models[event["model_id"]]
    if "features" not in event:
        raise Refused("schema_missing", model.id)
    features = event["features"]
    if not isinstance(features, dict):
        raise Refused("schema_type", model.id)
    if len(features) > 500:
        raise Refused("limit_features", model.id)
    for name, kind in model.kinds.items():
        huge = isinstance(features.get(name), int) and abs(features[name]) >= 2**1024
        if kind == "numeric" and huge:
            raise Refused("malformed", None)
    _fields(event, ids=("prediction_id", "model_version"), scalars=("prediction",))
    score = event.get("score")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
        raise Refused("schema_type", model.id)
    return model


def _time(entry: Entry, event: dict[str, Any]) -> int:
    """Event time in ms; Refused where it cannot be believed."""
    model, stamp = event["model_id"], event["timestamp"]
    if isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
        except ValueError:
            raise Refused("schema_type", model) from None
        if moment.tzinfo is None:
            raise Refused("schema_type", model)
        time = (moment - _EPOCH) // timedelta(milliseconds=1)
    elif isinstance(stamp, int) and not isinstance(stamp, bool):
        time = stamp
    else:
        raise Refused("schema_type", model)
    if time < 0 or time > entry.time + 5 * MINUTE:
        raise Refused("future_timestamp", model)
    if isinstance(stamp, int) and time < 10**11:
        raise Refused("schema_range", model)
    return time
