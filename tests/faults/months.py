"""A stream of months, drawn event by event, whose every fate is known when it is sent.

Predictions come at an even pace; of the hundreds, some are repeated, late or broken. Most get a
label, days later, a few weeks later; labels are corrected and repeated, and some are of nobody.
Reviews follow by the hour. All is sent in the order of event time.
"""

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from monitor.baselines.build import build_baseline
from tests.e2e.oracle.setting import HOUR, MINUTE
from tests.e2e.scenario import T0

DAY = 24 * HOUR
MODEL = "months"
#: Few, so that the store of each is large beside what it writes at once.
PARTITIONS = 2
CLASSES = ("approve", "refer")
#: A label comes after so long on the average, and at the latest before the horizon.
MEAN_DELAY = 4 * DAY
#: Rows that are drawn anew, and then in turn.
DIFFERENT = 5000


class Sending(NamedTuple):
    """One record, when it is sent in event time, and what becomes of it."""

    time: int
    number: int
    topic: str
    key: str
    value: bytes
    fate: str


@dataclass
class Months:
    """`count` predictions over so long, with a label horizon; all in ms of event time."""

    count: int
    length: int
    horizon: int
    seed: int = 1
    #: What was handed out, by topic and fate.
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)

    def config(self, bootstrap: str, namespace: str, longest_days: int) -> str:
        """Windows from half an hour to days: panes are rolled up to hours and to days."""
        return f"""\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: {PARTITIONS}}}
metrics: {{port: null}}
models:
  - id: {MODEL}
    clock: events
    baseline: {{type: reference, path: {MODEL}.json}}
    labels: {{max_delay: {self.horizon // MINUTE}m, min_coverage: 0.5}}
    signals:
      data_drift:
        window: [{{size: 30m}}, {{size: 1d, hop: 1h}}, {{size: {longest_days}d, hop: 1d}}]
      prediction_drift: {{window: {{size: 1h}}}}
      performance: {{window: {{size: 1d, hop: 1h}}}}
"""

    def baseline(self) -> bytes:
        """What the predictions are drawn from, with labels as old as theirs."""
        rng, rows = np.random.default_rng(self.seed + 1), 4000
        columns = self._columns(rng, rows)
        predicted = rng.choice(CLASSES, rows, p=(0.7, 0.3))
        wrong = rng.random(rows) < 0.1
        made = T0 - 60 * DAY + np.arange(rows) * MINUTE
        built = build_baseline(
            "months", MODEL, columns,
            prediction=predicted.tolist(),
            labels=np.where(wrong, np.roll(predicted, 1), predicted).tolist(),
            prediction_ms=made.tolist(),
            label_ms=(made + self._delays(rng, rows)).tolist(),
            max_delay_ms=self.horizon,
        )  # fmt: skip
        return built.to_json()

    def _columns(self, rng: np.random.Generator, rows: int) -> dict[str, list[float] | list[str]]:
        return {
            "amount": np.round(rng.lognormal(3.0, 1.0, rows), 4).tolist(),
            "age": np.round(rng.normal(45.0, 12.0, rows), 4).tolist(),
            "region": rng.choice(["north", "south", "east", "west"], rows).tolist(),
        }

    def _delays(
        self, rng: np.random.Generator, rows: int
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        mean = MEAN_DELAY * self.horizon / (30 * DAY)
        longest = self.horizon * 19 // 20
        drawn = rng.exponential(mean, rows).astype(np.int64)
        return np.clip(drawn, self.horizon // 720, longest)

    def __iter__(self) -> Iterator[Sending]:
        """All records in order of event time; what is due after the end is never sent."""
        rng = np.random.default_rng(self.seed)
        columns = self._columns(rng, DIFFERENT)
        rows = [
            json.dumps(dict(zip(columns, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        ]
        delays = self._delays(rng, DIFFERENT).tolist()
        wrong = (rng.random(DIFFERENT) < 0.1).tolist()
        waiting: list[Sending] = []
        number = 0
        for n in range(self.count):
            time = T0 + n * self.length // self.count
            draw = n * 7919 % DIFFERENT
            for made in self._of(n, time, rows[draw], delays[draw], wrong[draw]):
                heapq.heappush(waiting, made._replace(number=number))
                number += 1
            while waiting and waiting[0].time <= time:
                due = heapq.heappop(waiting)
                self.sent[due.topic, due.fate] += 1
                yield due

    def _of(self, n: int, time: int, features: str, delay: int, wrong: bool) -> Iterator[Sending]:
        """All that comes of one prediction."""
        key, said = f"prediction-{n:012d}", CLASSES[n % 10 >= 7]
        nobody, reviewed = f"nobody-{n}", time + 30 * MINUTE

        def record(at: int, topic: str, fate: str, body: str, of: str = key) -> Sending:
            return Sending(at, 0, topic, of, body.encode(), fate)

        predicted = (
            f'{{"prediction_id":"{key}","model_id":"{MODEL}","model_version":"1",'
            f'"timestamp":{time},"prediction":"{said}","features":{features}}}'
        )
        if n % 500 == 7:
            yield record(time, "predictions", "dead", predicted[:-1])
            return
        if n % 200 == 3:
            yield record(time + 6 * HOUR, "predictions", "late", predicted)
            return
        yield record(time, "predictions", "counted", predicted)
        if n % 100 == 1:
            yield record(time + MINUTE, "predictions", "duplicate", predicted)
        if n % 20 == 4:
            yield record(reviewed, "reviews", "counted", _review(key, said, reviewed))
        if n % 400 == 14:
            review = _review(nobody, said, reviewed)
            yield record(reviewed, "reviews", "dead", review, nobody)
        if n % 300 == 13:
            yield record(time, "labels", "dead", _label(nobody, said, time), nobody)
        if n % 5 == 0:
            return  # nobody labels it
        known = time + delay
        other = CLASSES[said == CLASSES[0]]
        label = _label(key, other if wrong else said, known)
        yield record(known, "labels", "counted", label)
        if n % 40 == 11:
            yield record(known + MINUTE, "labels", "duplicate", label)
        if n % 50 == 9:
            later = known + (self.horizon - delay) // 2
            yield record(later, "labels", "counted", _label(key, other, later))


def _label(key: str, label: str, time: int) -> str:
    return f'{{"prediction_id":"{key}","model_id":"{MODEL}","label":"{label}","timestamp":{time}}}'


def _review(key: str, decision: str, time: int) -> str:
    return (
        f'{{"review_id":"review-{key}","prediction_id":"{key}","model_id":"{MODEL}",'
        f'"reviewer_id":"someone","final_decision":"{decision}","timestamp":{time}}}'
    )
