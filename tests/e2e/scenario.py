"""Models, their references, and two days of events with everything that can go wrong with them.

The generator decides what is sent; what must come of it is the oracle's to say, from the log.
"""

import base64
import hashlib
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from time import time_ns
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.baselines.build import build_baseline
from tests.e2e.oracle.setting import (
    APPROVERS,
    HOUR,
    MINUTE,
    SECOND,
    Model,
    Reference,
    Signal,
    edges_in,
)

T0 = 1_709_510_400_000  # 2024-03-04T00:00:00Z
KINDS = {
    "amount": "numeric",
    "income": "numeric",
    "age": "numeric",
    "balance": "numeric",
    "ratio": "numeric",
    "fixed": "numeric",
    "color": "categorical",
    "city": "categorical",
    "mixed": "categorical",
}
CITIES = tuple(f"city-{n:03}" for n in range(130))
ZIPF = tuple(1 / n for n in range(1, len(CITIES) + 1))
ABROAD = 10 * 365 * 24 * HOUR


@dataclass(frozen=True)
class Sent:
    """A record to send: to the partition of its key, or to a given one."""

    topic: str
    key: bytes
    value: bytes | None
    partition: int | None = None


@dataclass(frozen=True, eq=False)
class Scenario:
    """Models, their baselines' files by name, and what is sent, in order."""

    models: tuple[Model, ...]
    baselines: dict[str, bytes]
    sent: tuple[Sent, ...]

    def write(self, folder: Path, bootstrap: str, namespace: str, partitions: int = 4) -> Path:
        """Write the configuration and its baselines; the path of the former."""
        for name, file in self.baselines.items():
            (folder / name).write_bytes(file)
        path = folder / "models.yaml"
        kafka = f'kafka: {{bootstrap: "{bootstrap}", partitions: {partitions}}}'
        who = [
            {"name": name, "key": base64.b64encode(_public(APPROVERS[name])).decode()}
            for name in APPROVERS
        ]
        lines = [f"namespace: {namespace}", kafka, f"approvers: {json.dumps(who)}", "models:"]
        path.write_text("\n".join([*lines, *map(_yaml, self.models)]) + "\n", encoding="utf-8")
        return path


def _seconds(ms: int) -> str:
    return f"{ms // SECOND}s"


def _yaml(model: Model) -> str:
    settings: dict[str, Any] = {
        "id": model.id,
        "task": model.task,
        "clock": model.clock,
        # Streams of the last hours stand for the present: their windows are not of the past.
        "max_alert_age": "1d",
        "disorder": _seconds(model.disorder),
        "authority": model.authority,
        "deduplicate": model.deduplicate,
        "signals": {},
    }
    if model.positive is not None:
        settings["positive"] = model.positive
    if model.reference is not None:
        settings["baseline"] = {"type": "reference", "path": f"{model.id}.json"}
    if model.max_delay is not None:
        settings["labels"] = {
            "max_delay": _seconds(model.max_delay), "min_coverage": model.min_coverage
        }  # fmt: skip
    if model.review_delay is not None:
        settings["reviews"] = {"max_delay": _seconds(model.review_delay)}
    for name in ("data_drift", "prediction_drift", "performance"):
        signal: Signal | None = getattr(model, name)
        if signal is None:
            continue
        window: dict[str, Any] = {
            "size": _seconds(signal.size),
            "hop": _seconds(signal.hop),
            "allowed_lateness": _seconds(signal.lateness),
        }
        if signal.provisional:
            window["provisional"] = True
        settings["signals"][name] = {"window": window, "min_samples": signal.min_samples}
    if model.performance is not None:
        settings["signals"]["performance"] |= {"metric": model.metric, "periods": model.periods}
    if model.exclude and model.data_drift is not None:
        settings["signals"]["data_drift"]["features"] = {"exclude": list(model.exclude)}
    return "  - " + json.dumps(settings)


Arrivals = Iterator[tuple[float, "Sent"]]
#: What is sent of one prediction, its number given, with its mishaps.
Sending = Callable[[dict[str, Any], int, np.random.Generator], Arrivals]


def scenario(
    hours: int = 48,
    rate: int = 750,
    seed: int = 1,
    sending: Sending | None = None,
    poison: float | None = None,
    now: int | None = None,
) -> Scenario:
    """Two days by default, `rate` predictions an hour of the greatest of four models.

    `sending` draws the mishaps of predictions in another way, `poison` is the share of records
    that nobody can use; each class of them occurs at least once. People approve `now`, in ms:
    however old the stream is, their clock is the broker's.
    """
    rng = np.random.default_rng(seed)
    least = rate * 2 // 5
    models = tuple(
        _with_reference(model, rng) if model.id != "blind" else model
        for model in (_credit(least), _price(least), _fraud(least), _blind(least))
    )
    files = {f"{m.id}.json": _file(m) for m in models if m.reference is not None}
    models = tuple(
        replace(m, reference=replace(m.reference, edges=edges_in(files[f"{m.id}.json"])))
        if m.reference is not None
        else m
        for m in models
    )
    arrivals = [*_traffic(models, hours, rate, rng, sending or _prediction)]
    arrivals += _unusable(arrivals, hours, rng, poison)
    arrivals.sort(key=lambda pair: pair[0])
    approvals = _approvals(models, time_ns() // 10**6 if now is None else now)
    return Scenario(models, files, (*(sent for _, sent in arrivals), *approvals, *_ends(models)))


def live(window: Signal, since: int, until: int, rate: int = 40, seed: int = 2) -> Scenario:
    """A live model, `rate` predictions a minute between two times in ms, and no end of stream."""
    rng = np.random.default_rng(seed)
    kinds = {name: KINDS[name] for name in ("income", "color")}
    model = Model(
        "live", kinds, None, data_drift=window, prediction_drift=window, performance=window,
        max_delay=16 * MINUTE, min_coverage=0.5, clock="append",
    )  # fmt: skip
    model = _with_reference(model, rng)
    file = _file(model)
    assert model.reference is not None
    model = replace(model, reference=replace(model.reference, edges=edges_in(file)))
    arrivals: list[tuple[float, Sent]] = []
    for n in range((until - since) * rate // MINUTE):
        event, truth = _event(model, rng, 0, n)
        stamp = since + int(rng.integers(until - since))
        arrivals.append((stamp + rng.uniform(0, 5 * SECOND), record("predictions", event | {
            "timestamp": stamp, "model_version": "1.0"
        })))  # fmt: skip
        due = stamp + _delay(rng, 16 * MINUTE, True)
        label = {k: event[k] for k in ("prediction_id", "model_id")}
        label |= {"label": truth, "timestamp": due}
        arrivals.append((due + rng.uniform(0, 5 * SECOND), record("labels", label)))
    arrivals.sort(key=lambda pair: pair[0])
    return Scenario((model,), {"live.json": file}, tuple(sent for _, sent in arrivals))


# -- models ----------------------------------------------------------------------------------------


def _hourly(lateness: int, least: int) -> Signal:
    return Signal(HOUR, HOUR, lateness, least)


def _credit(least: int) -> Model:
    """All signals are on; they wait differently long for late events."""
    return Model(
        "credit",
        KINDS,
        None,
        data_drift=_hourly(5 * MINUTE, least),
        prediction_drift=_hourly(10 * MINUTE, least),
        performance=Signal(2 * HOUR, 2 * HOUR, 0, least // 2),
        max_delay=8 * HOUR,
        min_coverage=0.6,
    )


def _price(least: int) -> Model:
    """A regression with sliding windows, without labels, that takes every event for a new one.

    Its windows are provisional at first.
    """
    kinds = {name: KINDS[name] for name in ("income", "ratio", "color")}
    sliding = Signal(2 * HOUR, HOUR // 2, 10 * MINUTE, least // 2, provisional=True)
    return Model(
        "price", kinds, None, data_drift=sliding, prediction_drift=sliding,
        task="regression", deduplicate=False, exclude=("ratio",), authority="observe",
    )  # fmt: skip


def _fraud(least: int) -> Model:
    """Recall of the positive class over sliding windows; classes are numbers and booleans.

    Its windows of inputs are provisional at first, and what they ask for is commanded later.
    """
    kinds = {name: KINDS[name] for name in ("amount", "mixed")}
    return Model(
        "fraud",
        kinds,
        None,
        data_drift=Signal(4 * HOUR, 4 * HOUR, 10 * MINUTE, least // 2, provisional=True),
        performance=Signal(4 * HOUR, 2 * HOUR, 10 * MINUTE, least // 10),
        metric="recall",
        positive="1",
        periods=2,
        max_delay=4 * HOUR,
        min_coverage=0.5,
        review_delay=HOUR,
    )


def _blind(least: int) -> Model:
    """Nobody has built its baseline; it is reviewed, and never labelled."""
    hourly = _hourly(0, least)
    return Model(
        "blind", {}, None, data_drift=hourly, prediction_drift=hourly, review_delay=9 * HOUR
    )


# -- references ------------------------------------------------------------------------------------


def _with_reference(model: Model, rng: np.random.Generator) -> Model:
    rows = [_event(model, rng, -1, n) for n in range(4000)]
    columns: dict[str, list[Any]] = {
        f"feature/{name}": [event["features"].get(name) for event, _ in rows]
        for name in model.kinds
    }
    columns["prediction"] = [event["prediction"] for event, _ in rows]
    if model.task == "classification":
        columns["score"] = [event["score"] for event, _ in rows]
    labels, ages = [], []
    if model.max_delay is not None:
        for event, truth in rows:
            delay = _delay(rng, model.max_delay, truth == event["prediction"])
            labels.append(truth if rng.random() < 0.9 else None)
            ages.append(delay)
    reference = Reference(f"{model.id}-2024-02", columns, {}, labels, ages)
    return replace(model, reference=reference)


def _file(model: Model) -> bytes:
    reference = model.reference
    assert reference is not None
    rows = len(reference.columns["prediction"])
    features = {
        name.removeprefix("feature/"): list(column)
        for name, column in reference.columns.items()
        if name.startswith("feature/")
    }
    labelled = bool(reference.labels)
    return build_baseline(
        reference.id,
        model.id,
        features,
        kinds=dict(model.kinds),
        prediction=reference.columns["prediction"],
        score=reference.columns.get("score"),
        labels=reference.labels if labelled else None,
        prediction_ms=[T0 - ABROAD] * rows,
        label_ms=[T0 - ABROAD + age for age in reference.ages] if labelled else None,
        max_delay_ms=model.max_delay or HOUR,
        task="regression" if model.task == "regression" else "classification",
    ).to_json()


# -- events ----------------------------------------------------------------------------------------


def _during(hour: int, *spans: tuple[int, int]) -> bool:
    return any(first <= hour <= last for first, last in spans)


@cache
def _bounds(weights: tuple[float, ...]) -> list[float]:
    return [*accumulate(weight / sum(weights) for weight in weights[:-1])]


def _pick(rng: np.random.Generator, names: Sequence[str], weights: tuple[float, ...]) -> str:
    """As `rng.choice` does, thirty times as fast."""
    return names[bisect_right(_bounds(weights), rng.random())]


def _features(rng: np.random.Generator, hour: int) -> dict[str, Any]:
    """All features of one row; an hour below 0 is the reference's."""
    amount = rng.normal(100, 15)
    for first, last, shift in ((6, 7, 0.4), (8, 9, 0.5), (10, 11, 1.0)):
        amount += 15 * shift * _during(hour, (first, last))
    balance: Any = 0.0 if rng.random() < 0.3 else rng.exponential(500)
    lost = 0.35 if _during(hour, (12, 12)) else 0.13 if _during(hour, (13, 14)) else 0.05
    ratio = rng.random()
    if _during(hour, (15, 16)) and rng.random() < 0.08:
        ratio += 1.5 if rng.random() < 0.5 else -1.5
    color: Any = _pick(rng, ("red", "green", "blue", "white"), (4, 3, 2, 1))
    new = 0.2 if _during(hour, (17, 18)) else 0.9 if _during(hour, (19, 19)) else 0.0
    if rng.random() < new:
        color = _pick(rng, ("mauve", "teal"), (1, 1))
    weights = ZIPF[::-1] if _during(hour, (20, 20)) else ZIPF
    mixed: Any = [1, 1.0, True, "1", 2.5, False, -0.0, None][rng.integers(8)]
    wrong = _during(hour, (4, 4))
    if wrong and rng.random() < 0.08:
        mixed = [[1], {"a": 1}][rng.integers(2)]
    return {
        "amount": "oops" if rng.random() < (0.09 if wrong else 0.002) else float(amount),
        "income": float(rng.lognormal(10, 0.6) * (1.65 if _during(hour, (21, 22)) else 1)),
        "age": int(rng.integers(18, 80) + (7 if _during(hour, (23, 26)) else 0)),
        "balance": None if rng.random() < lost else float(balance),
        "ratio": float(ratio),
        "fixed": 2.0 if _during(hour, (5, 5)) else 1.0,
        "color": None if rng.random() < 0.02 else color,
        "city": _pick(rng, CITIES, weights),
        "mixed": mixed,
    }


def _event(model: Model, rng: np.random.Generator, hour: int, n: int) -> tuple[dict[str, Any], Any]:
    """A prediction without its time, and the truth."""
    every = _features(rng, hour)
    event: dict[str, Any] = {
        "prediction_id": f"{model.id[0]}{n}",
        "model_id": model.id,
        "model_version": "1.1" if hour > 14 or (hour == 14 and n % 2) else "1.0",
        "features": {name: every[name] for name in model.kinds},
    }
    truth: Any
    if model.task == "regression":
        event["prediction"] = float(rng.normal(300, 50) + (40 if _during(hour, (9, 12)) else 0))
        return event, None
    good = {8: 0.72, 9: 0.72, 16: 0.85, 17: 0.85, 18: 0.85, 19: 0.85, 40: 0.885, 41: 0.885}
    right = rng.random() < good.get(hour, 0.93)
    if model.id == "fraud":
        truth = int(rng.random() < 0.3)
        event["prediction"] = truth if right else 1 - truth
        # Classes go by their canonical names: 1.0 and "1" are 1, true would be another.
        event["prediction"] = [int, float, str][n % 3](event["prediction"])
    else:
        shares = (1, 3, 6) if _during(hour, (10, 11)) else (6, 3, 1)
        truth = _pick(rng, ("approve", "refer", "decline"), shares)
        wrong = {"approve": "refer", "refer": "decline", "decline": "approve"}
        event["prediction"] = truth if right else wrong[truth]
    center = 0.5 if _during(hour, (12, 13)) else 0.3
    event["score"] = min(1.0, max(0.0, rng.normal(center, 0.15)))
    return event, truth


def _delay(rng: np.random.Generator, longest: int, right: bool) -> int:
    """Errors are confirmed sooner; whole milliseconds, at most the longest delay."""
    share = rng.beta(1.0, 3.0) if right else rng.beta(0.7, 5.0)
    return int(share * longest)


def _traffic(
    models: tuple[Model, ...], hours: int, rate: int, rng: np.random.Generator, sending: Sending
) -> Arrivals:
    """(arrival, record) of everything that a well-meaning client sends, with its mishaps."""
    shares = {"credit": 1.0, "price": 0.25, "fraud": 0.3, "blind": 0.02}
    for model in models:
        n = 0
        for hour in range(hours):
            silent = model.id == "credit" and hours > 40 and 30 <= hour <= 32
            quiet = 0.1 if hour == 3 else 1.0
            for _ in range(0 if silent else int(rate * shares[model.id] * quiet)):
                n += 1
                event, truth = _event(model, rng, hour, n)
                time = T0 + hour * HOUR + int(rng.integers(HOUR))
                yield from sending(event | {"timestamp": time}, n, rng)
                scarce = _during(hour, (12, 13))
                if model.max_delay is not None and rng.random() < (0.5 if scarce else 0.9):
                    right = str(truth) == str(event["prediction"])
                    due = time + _delay(rng, model.max_delay, right)
                    yield from _label(event, truth, time, due, n, rng)
                if n % 40 == 0:
                    yield from _review(event, time, n)


def record(topic: str, event: dict[str, Any], key: str | None = None) -> Sent:
    value = json.dumps(event).encode()
    return Sent(topic, (key or str(event.get("prediction_id", ""))).encode(), value)


def _prediction(
    event: dict[str, Any], n: int, rng: np.random.Generator
) -> Iterator[tuple[float, Sent]]:
    time = event["timestamp"]
    if n % 17 == 0:  # as text, in another zone: the same instant
        seconds = np.datetime64(time + 2 * HOUR, "ms")
        event = event | {"timestamp": f"{seconds}+02:00"}
    arrival = time + rng.uniform(0, 25 * SECOND)
    if n % 50 == 1:
        arrival = time + rng.uniform(3 * MINUTE, 20 * MINUTE)  # late, and mostly not too late
    if n % 90 == 2:
        arrival = time + rng.uniform(HOUR, 5 * HOUR)
    sent = record("predictions", event)
    yield arrival, sent
    if n % 30 == 3:
        yield arrival + rng.uniform(0, 2 * MINUTE), sent
    if n % 100 == 4:
        yield arrival + 3 * HOUR, sent
    if n % 100 == 5:
        yield arrival + 1, record("predictions", event | {"prediction": "refer"})


def _label(
    event: dict[str, Any], truth: Any, time: int, due: int, n: int, rng: np.random.Generator
) -> Iterator[tuple[float, Sent]]:
    label = {
        "prediction_id": event["prediction_id"],
        "model_id": event["model_id"],
        "label": truth,
        "timestamp": due,
    }
    arrival = due + rng.uniform(0, 25 * SECOND)
    sent = record("labels", label)
    if n % 60 == 6:  # behind the watermark of the labels
        arrival += rng.uniform(HOUR, 6 * HOUR)
    yield arrival, sent
    if n % 25 == 7:
        yield arrival + (1 if n % 2 else 20 * HOUR), sent
    if n % 35 == 8:  # a correction
        other = [truth, "refer" if isinstance(truth, str) else 1 - truth][rng.integers(2)]
        later = due + int(rng.integers(5 * HOUR))
        behind = rng.uniform(0, 3 * HOUR) if n % 2 else 0
        yield later + behind, record("labels", label | {"label": other, "timestamp": later})
    if n % 70 == 9:
        yield arrival, record("labels", label | {"prediction_id": f"nobody-{n}"})
    if n % 80 == 10:
        yield time + 9 * HOUR, record("labels", label | {"timestamp": time + 9 * HOUR})
    if n % 200 == 11:  # a class that the baseline has not seen, and clocks that differ
        yield arrival, record("labels", label | {"label": "unheard-of", "timestamp": time - 1000})


def _review(event: dict[str, Any], time: int, n: int) -> Iterator[tuple[float, Sent]]:
    review = {
        "review_id": f"review-{event['prediction_id']}",
        "prediction_id": event["prediction_id"],
        "model_id": event["model_id"],
        "reviewer_id": f"reviewer-{n % 7}",
        "final_decision": event["prediction"],
        "timestamp": time + 20 * MINUTE,
    }
    arrival = time + 20 * MINUTE
    yield arrival, record("reviews", review)
    if n % 80 == 0:
        yield arrival + (1 if n % 160 else 15 * HOUR), record("reviews", review)
    if n % 120 == 0:
        yield arrival + MINUTE, record("reviews", review | {"final_decision": "refer"})
    odd = {
        # Before its prediction, by a clock that differs.
        "early": (160, time - MINUTE, {"timestamp": time - MINUTE}),
        "nobody": (200, arrival, {"prediction_id": f"nobody-{n}"}),
        "old": (280, time + 9 * HOUR, {"timestamp": time + 9 * HOUR}),
        # In time, and known only behind the watermark of the reviews.
        "behind": (360, time + 5 * HOUR, {}),
    }
    for what, (each, at, fields) in odd.items():
        if n % each == 0:
            review_id = f"{what}-{event['prediction_id']}"
            yield at, record("reviews", review | {"review_id": review_id} | fields)


def _public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _sign(event: dict[str, Any], private: bytes) -> dict[str, Any]:
    event = event | {"key_id": hashlib.sha256(_public(private)).hexdigest()[:16]}
    said = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(said)
    return event | {"signature": base64.b64encode(signature).decode()}


def _approvals(models: tuple[Model, ...], now: int) -> Iterator[Sent]:
    """Approvals that hold; forged, changed, repeated and stale ones; and signed nonsense."""
    ada, bob = APPROVERS["ada"], APPROVERS["bob"]
    for model in models:
        for n in range(12):
            event = {
                "approval_id": f"approval-{n}", "command_id": f"c{n}", "model_id": model.id,
                "decision": "approve" if n % 3 else "refuse", "approver": "bob" if n % 2 else "ada",
                "timestamp": now - (n + 1) * MINUTE, "reason": "zurück",
            }  # fmt: skip
            signed = _sign(event, bob if n % 2 else ada)
            odd: tuple[dict[str, Any], ...] = (
                signed,
                signed,
                _sign(event | {"command_id": "another"}, bob if n % 2 else ada),
                _sign(event | {"approval_id": f"theirs-{n}"}, ada if n % 2 else bob),
                _sign(event | {"approval_id": f"nobody-{n}"}, b"m" * 32),
                signed | {"decision": "perhaps"},
                signed | {"signature": signed["signature"][:-4]},
                {name: value for name, value in signed.items() if name != "signature"},
                _sign(
                    event | {"approval_id": f"stale-{n}", "timestamp": T0}, bob if n % 2 else ada
                ),
            )
            for sent in odd:
                yield record("approvals", sent, model.id)
    for n, change in enumerate(EVERYWHERE + APPROVALS):
        event = {
            "approval_id": f"odd-{n}", "command_id": "c", "model_id": "credit", "approver": "ada",
            "decision": "approve", "timestamp": now,
        }  # fmt: skip
        changed = change(event)
        if isinstance(changed, dict):
            changed = json.dumps(_sign(changed, ada)).encode()
        yield Sent("approvals", b"credit", changed)


def _ends(models: tuple[Model, ...]) -> Iterator[Sent]:
    """The end of every stream in every partition; and what comes after it all the same."""
    for model in models:
        end = json.dumps({"type": "end_of_stream", "model_id": model.id}).encode()
        for topic in ("predictions", "labels", "reviews"):
            for partition in range(4):
                yield Sent(topic, b"", end, partition)
    after = {
        "prediction_id": "after", "model_id": "credit", "model_version": "1.1",
        "timestamp": T0, "features": {}, "prediction": "approve",
    }  # fmt: skip
    yield record("predictions", after)
    label = {"prediction_id": "c1", "model_id": "credit", "label": "approve", "timestamp": T0}
    yield record("labels", label)
    review = label | {"review_id": "after", "reviewer_id": "ada", "final_decision": "approve"}
    yield record("reviews", review)


# -- what nobody can use ---------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], Any]


def _without(name: str) -> Change:
    return lambda event: {key: value for key, value in event.items() if key != name}


def _with(**fields: Any) -> Change:
    return lambda event: event | fields


def _raw(old: bytes, new: bytes) -> Change:
    return lambda event: json.dumps(event).encode().replace(old, new, 1)


#: Each makes an event of any topic unusable, or proves that it is not.
EVERYWHERE: tuple[Change, ...] = (
    lambda event: b'{"broken"',
    lambda event: b"",
    lambda event: None,
    lambda event: b"[1, 2]",
    lambda event: b"[" * 50_000,
    lambda event: json.dumps(event).encode() + b" and more",
    _raw(b'"credit"', b'"cr\xffedit"'),
    _raw(b'"credit"', b'"cr\xffedit"'),
    _with(extra=[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]),
    _with(extra="x" * 300_000),
    _with(schema_version="1.7", unknown={"is": ["fine"]}),
    _with(schema_version="2.0"),
    _with(schema_version=1),
    _without("model_id"),
    _without("timestamp"),
    _without("prediction_id"),
    _with(model_id=7),
    _with(model_id="never-registered"),
    _with(prediction_id=7),
    _with(prediction_id="x" * 129),
    _with(prediction_id="no spaces"),
    _with(prediction_id=""),
    _with(timestamp="yesterday"),
    _with(timestamp="2024-03-04T05:00:00"),
    _with(timestamp=1.5e12),
    _with(timestamp=None),
    _with(timestamp=T0 // 1000),
    _with(timestamp=-5),
    _with(timestamp=T0 + ABROAD),
    _with(timestamp="2044-03-04T05:00:00Z"),
    _with(timestamp=10**25),
    _with(type="end_of_stream", model_id="never-registered"),
)
PREDICTIONS: tuple[Change, ...] = (
    _without("features"),
    _without("prediction"),
    _without("model_version"),
    _with(features=None),
    _with(features=[1]),
    _with(features={f"x{n}": n for n in range(501)}),
    _with(features={}),
    _with(prediction=None),
    _with(prediction=["approve"]),
    _with(prediction="x" * 129),
    _with(prediction=10**30),
    _with(score="high"),
    _with(score=True),
    _with(score=None),
    _with(score=float("nan")),
    _with(score=float("inf")),
    _with(model_version="v 1"),
    _raw(b'"score"', b'"score": 1e400, "x"'),
    _with(features={"amount": 10**400}),
    _with(features={"amount": 10**30, "income": -1, "age": True, "city": 10**30}),
)
LABELS: tuple[Change, ...] = (
    _without("label"),
    _with(label=None),
    _with(label={"is": "approve"}),
    _with(label="x" * 129),
    _with(label=-(10**30)),
    _with(label=float("nan")),
)
REVIEWS: tuple[Change, ...] = (
    _without("reviewer_id"),
    _without("final_decision"),
    _with(reviewer_id="Ada Lovelace"),
    _with(final_decision=None),
)
APPROVALS: tuple[Change, ...] = (
    _without("approval_id"),
    _without("command_id"),
    _with(command_id="no spaces"),
    _with(decision="perhaps"),
    _with(decision=None),
    _with(approver="bob"),
    _with(approver=["ada"]),
)


def _unusable(
    arrivals: list[tuple[float, Sent]],
    hours: int,
    rng: np.random.Generator,
    share: float | None = None,
) -> Arrivals:
    """Every way of being unusable, several times over, spread over the whole stream."""
    usable: dict[str, list[tuple[float, Sent]]] = {}
    for arrival, sent in arrivals:
        if sent.value is not None and b'"credit"' in sent.value:
            usable.setdefault(sent.topic, []).append((arrival, sent))
    changes = {"predictions": PREDICTIONS, "labels": LABELS, "reviews": REVIEWS}
    n = 0
    sent_to = Counter(sent.topic for _, sent in arrivals)
    for topic, more in changes.items():
        times = 4 if topic == "predictions" else 2
        if share is not None:
            times = max(1, round(share * sent_to[topic] / len(EVERYWHERE + more)))
        for change in (EVERYWHERE + more) * times:
            n += 1
            arrival, sent = usable[topic][int(rng.integers(len(usable[topic])))]
            event = json.loads(sent.value or b"")
            fresh = {"prediction_id": f"odd-{n}", "review_id": f"odd-{n}"}
            changed = change(event | {k: v for k, v in fresh.items() if k in event})
            if isinstance(changed, dict):
                changed = json.dumps(changed).encode()
            yield arrival, Sent(topic, sent.key, changed)
