"""What is sent, drawn from a seed with its faults; its manifest is written first."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.e2e.oracle.intake import Entry
from tests.e2e.oracle.setting import HOUR, MINUTE, SECOND
from tests.e2e.scenario import Arrivals, Scenario, Sent, record, scenario

#: Records sent for each prediction an hour of the greatest model: four models, a day, and labels.
RECORDS_A_RATE = 70
#: With fewer no window has rows enough to be judged.
LEAST_RATE = 60
#: The models' disorder bound, and the widest lateness that their windows allow.
DISORDER = 30 * SECOND
LATENESS = 10 * MINUTE


@dataclass(frozen=True)
class Shares:
    """Which part of the predictions has which fault; poison is a part of all records."""

    duplicate: float = 0.05
    conflict: float = 0.005
    late: float = 0.02
    beyond: float = 0.01
    unknown: float = 0.01
    newer: float = 0.1
    poison: float = 0.01


class Mishaps:
    """Draws what becomes of each prediction on its way, and counts what it drew."""

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.drawn: Counter[str] = Counter()

    def __call__(self, event: dict[str, Any], n: int, rng: np.random.Generator) -> Arrivals:
        """Yield (arrival, record) of a prediction; all but the late ones within the bound."""
        time = event["timestamp"]
        arrival = time + rng.uniform(0, DISORDER)
        fault = self._draw(rng)
        self.drawn[fault] += 1
        if fault == "newer":  # a producer of the next minor version knows fields that we don't
            event = event | {"schema_version": "1.4", "region": "eu", "trace": {"n": n}}
        elif fault == "unknown":
            event = event | {"model_id": f"invented-{n}"}
        elif fault == "late":
            arrival = time + DISORDER + rng.uniform(0, LATENESS)
        elif fault == "beyond":
            arrival = time + rng.uniform(2 * HOUR, 5 * HOUR)
        sent = record("predictions", event)
        yield arrival, sent
        if fault == "duplicate":  # at once, or when flushes and restarts lie between
            again = rng.uniform(0, MINUTE) if n % 2 else rng.uniform(0, 2 * HOUR)
            yield arrival + again, sent
        elif fault == "conflict":
            yield arrival + 1, record("predictions", event | {"prediction": "refer"})

    def _draw(self, rng: np.random.Generator) -> str:
        draw = float(rng.random())
        for fault in ("duplicate", "conflict", "late", "beyond", "unknown", "newer"):
            draw -= getattr(self.shares, fault)
            if draw < 0:
                return fault
        return "none"


@dataclass(frozen=True, eq=False)
class Load(Scenario):
    """A scenario, the seed and the shares that it was drawn from, and the faults drawn."""

    seed: int
    shares: Shares
    drawn: Counter[str]


def load(events: int, seed: int = 1, shares: Shares | None = None) -> Load:
    """Draw about so many records: a day of four models."""
    shares = shares or Shares()
    mishaps = Mishaps(shares)
    rate = max(LEAST_RATE, events // RECORDS_A_RATE)
    story = scenario(24, rate, seed, sending=mishaps, poison=shares.poison)
    return Load(story.models, story.baselines, story.sent, seed, shares, mishaps.drawn)


def flooded(base: Load, ids: int, seed: int) -> Load:
    """The same, and in its midst so many events of models that nobody has registered."""
    rng = np.random.default_rng(seed)
    half = len(base.sent) // 2
    invented = rng.integers(1 << 60, size=ids).tolist()
    flood = tuple(
        Sent("predictions", f"{n:x}".encode(), b'{"model_id":"%x","prediction_id":"%x"}' % (n, n))
        for n in invented
    )
    drawn = base.drawn + Counter(flood=ids)
    return replace(base, sent=(*base.sent[:half], *flood, *base.sent[half:]), drawn=drawn)


def _digest(topic: str, value: bytes | None) -> str:
    if value is None:
        return f"{topic} -"
    return f"{topic} {hashlib.sha256(value).hexdigest()[:24]}"


def write_manifest(path: Path, sent: Iterable[Sent], **about: Any) -> None:
    """Write what will be sent, one line a record, after a first line that says how it was drawn."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(about, default=vars) + "\n")
        file.writelines(f"{_digest(one.topic, one.value)}\n" for one in sent)


def strayed(path: Path, log: Iterable[Entry]) -> str:
    """How an input log differs from its manifest; "" where it holds just that, each once."""
    with path.open(encoding="utf-8") as file:
        next(file)
        wanted = Counter(line.rstrip("\n") for line in file)
    wanted.subtract(_digest(entry.topic, entry.value) for entry in log)
    lost = sum(n for n in wanted.values() if n > 0)
    extra = -sum(n for n in wanted.values() if n < 0)
    return f"the log lacks {lost} records of the manifest and has {extra} more" * bool(lost + extra)
