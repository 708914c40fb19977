"""What the airport's services would publish: predictions at departure, labels at landing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from typing import Any, Literal, NamedTuple

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.demo.flights import CATEGORICAL, KINDS, NUMERIC, Flags, Flights, Floats
from monitor.demo.incidents import DAY_MS, SILENT_SWAP, Incident, disturb
from monitor.demo.model import CLASSES, Model, classes, train

MODEL_ID = "flight-delays"
VERSION = "1.0.0"
BASELINE_ID = "flights-2013-03"
#: Labels are waited for so long: the longest delay with the longest flight takes less.
MAX_DELAY_MS = DAY_MS
#: Rows that are turned into Python values at a time.
_CHUNK = 8192


def _utc(month: int) -> int:
    return int(datetime(2013, month, 1, tzinfo=UTC).timestamp()) * 1000


TRAINING = (0, _utc(3))
REFERENCE = (_utc(3), _utc(4))
STREAM = (_utc(4), _utc(4) + 366 * DAY_MS)


class Event(NamedTuple):
    """A prediction or a label to publish, ordered by time, as the client takes it."""

    time_ms: int
    kind: Literal["label", "prediction"]
    id: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Flights as the model saw them, and its score of each, float64[n]."""

    flights: Flights
    scores: Floats

    @property
    def correct(self) -> Flags:
        """Whether the class said was right; means nothing where a flight has no label."""
        return np.equal(self.scores >= 0.5, self.flights.late)

    def between(self, start_ms: int, end_ms: int) -> Traffic:
        """Return what departed in [start_ms, end_ms)."""
        first, last = np.searchsorted(self.flights.departed_ms, (start_ms, end_ms), "left")
        return Traffic(self.flights.departing(start_ms, end_ms), self.scores[first:last])


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """The model that was agreed upon, and the worse one that the vendor swaps in."""

    agreed: Model
    worse: Model


def train_models(flights: Flights) -> Models:
    """Train both on January and February, by departure.

    The worse one learnt another label, a plausible slip: fifteen minutes off schedule, too
    early as well as too late.
    """
    known = flights.departing(*TRAINING)
    return Models(
        agreed=train(known, known.late), worse=train(known, np.abs(known.arr_delay) >= 15)
    )


def serve(flights: Flights, models: Models, incidents: tuple[Incident, ...] = ()) -> Traffic:
    """Let the model score what the feeds deliver, while the incidents befall both."""
    seen = disturb(flights, incidents)
    scores = models.agreed.scores(seen)
    if SILENT_SWAP in incidents:
        swapped = SILENT_SWAP.covers(seen.departed_ms)
        scores = np.where(swapped, models.worse.scores(seen), scores)
    # As published: six digits, and a class that agrees with them.
    return Traffic(seen, np.round(scores, 6))


def reference_baseline(flights: Flights, models: Models) -> Baseline:
    """Return the baseline: March, which the model was not trained on and nothing befell."""
    march = serve(flights.departing(*REFERENCE), models)
    seen = march.flights
    known, late, landed = seen.labelled.tolist(), seen.late.tolist(), seen.landed_ms.tolist()
    return build_baseline(
        BASELINE_ID,
        MODEL_ID,
        {**seen.numeric, **{name: seen.categorical[name].tolist() for name in CATEGORICAL}},
        kinds=KINDS,
        prediction=classes(march.scores),
        score=march.scores,
        labels=[_label(was) if has else None for was, has in zip(late, known, strict=True)],
        prediction_ms=seen.departed_ms,
        label_ms=[at if has else None for at, has in zip(landed, known, strict=True)],
        max_delay_ms=MAX_DELAY_MS,
    )


def events(traffic: Traffic) -> Iterator[Event]:
    """Yield every prediction and label in the order of their event times."""
    yield from merge(_predictions(traffic), _labels(traffic))


def _predictions(traffic: Traffic) -> Iterator[Event]:
    names, flights = (*NUMERIC, *CATEGORICAL), traffic.flights
    for start in range(0, len(flights), _CHUNK):
        rows = slice(start, start + _CHUNK)
        columns = [_optional(flights.numeric[name][rows]) for name in NUMERIC]
        columns += [flights.categorical[name][rows].tolist() for name in CATEGORICAL]
        scores = traffic.scores[rows]
        for id_, time, class_, score, *features in zip(
            flights.ids[rows].tolist(),
            flights.departed_ms[rows].tolist(),
            classes(scores),
            scores.tolist(),
            *columns,
            strict=True,
        ):
            fields = {
                "prediction_id": id_,
                "model_id": MODEL_ID,
                "model_version": VERSION,
                "timestamp": time,
                "features": dict(zip(names, features, strict=True)),
                "prediction": class_,
                "score": score,
            }
            yield Event(time, "prediction", id_, fields)


def _labels(traffic: Traffic) -> Iterator[Event]:
    flights = traffic.flights
    known = np.flatnonzero(flights.labelled)
    # By time, then by id: the flights are in the order of their departure.
    order = known[np.lexsort((flights.ids[known].astype(str), flights.landed_ms[known]))]
    for id_, time, late in zip(
        flights.ids[order].tolist(),
        flights.landed_ms[order].tolist(),
        flights.late[order].tolist(),
        strict=True,
    ):
        fields = {
            "prediction_id": id_,
            "model_id": MODEL_ID,
            "label": _label(late),
            "timestamp": time,
        }
        yield Event(time, "label", id_, fields)


def _optional(column: Floats) -> list[float | None]:
    """Return a column as JSON has it: a gap is null."""
    values: list[float | None] = column.tolist()
    for gap in np.flatnonzero(np.isnan(column)).tolist():
        values[gap] = None
    return values


def _label(late: bool) -> str:
    return CLASSES[0] if late else CLASSES[1]
