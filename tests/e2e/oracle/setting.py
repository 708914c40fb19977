"""The models as the oracle knows them: settings, raw reference rows, and edges as data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
Floats = npt.NDArray[np.float64]

#: The article's numbers, and the defaults of the rates.
PSI = (0.1, 0.2, 0.3)
JS = (0.1, None, None)
DROP = (0.03, 0.05, 0.10)
RATES = (0.01, 0.05, 0.10)
GRADES = ("medium", "high", "critical")


@dataclass(frozen=True)
class Signal:
    """One signal: windows in ms, how late events may come, and how many rows a verdict needs.

    A `provisional` one is judged at the end of a window too.
    """

    size: int
    hop: int
    lateness: int
    min_samples: int
    provisional: bool = False


@dataclass(frozen=True, eq=False)
class Edges:
    """A numeric column's bins as its baseline's file names them."""

    fine: Floats
    coarse: Floats


@dataclass(frozen=True, eq=False)
class Reference:
    """Raw rows of a reference: one list a subject, and what its labels said, and when."""

    id: str
    columns: Mapping[str, Sequence[Any]]
    edges: Mapping[str, Edges]
    labels: Sequence[Any] = ()
    ages: Sequence[int] = ()


#: Who may approve: the seeds of their private keys, which only tests may know.
APPROVERS = {"ada": bytes(range(32)), "bob": b"b" * 32}


@dataclass(frozen=True, eq=False)
class Model:
    """A model as it is configured; `kinds` are its features."""

    id: str
    kinds: Mapping[str, str]
    reference: Reference | None
    data_drift: Signal | None = None
    prediction_drift: Signal | None = None
    performance: Signal | None = None
    task: str = "classification"
    metric: str = "accuracy"
    positive: str | None = None
    periods: int = 4
    max_delay: int | None = None
    min_coverage: float = 0.8
    review_delay: int | None = None
    disorder: int = 30 * SECOND
    deduplicate: bool = True
    authority: str = "dry_run"
    clock: str = "events"
    exclude: Sequence[str] = field(default_factory=tuple)

    @property
    def signals(self) -> list[Signal]:
        return [s for s in (self.data_drift, self.prediction_drift, self.performance) if s]

    @cached_property
    def lateness(self) -> int:
        """Panes are shared by the signals, so the widest lateness holds for all."""
        return max(s.lateness for s in self.signals)

    @cached_property
    def pane(self) -> int:
        """What all windows are made of: the longest that divides them, of an hour at most."""
        common = int(np.gcd.reduce([n for s in self.signals for n in (s.size, s.hop)]))
        return next(common // n for n in count(1) if common % n == 0 and common // n <= HOUR)

    def pane_end(self, time: int) -> int:
        """When the pane ends that a time falls into."""
        return time - time % self.pane + self.pane

    @property
    def reviewed_within(self) -> int | None:
        """How long after its prediction a review counts; None where none does."""
        return self.max_delay if self.review_delay is None else self.review_delay

    @property
    def remembers(self) -> bool:
        """Whether a prediction is known by its id when it comes again."""
        return self.deduplicate or self.reviewed_within is not None

    @property
    def ages(self) -> tuple[int, ...]:
        """The label ages at which performance is judged."""
        assert self.max_delay is not None
        return tuple(self.max_delay // n for n in (8, 4, 2, 1))


def edges_in(file: bytes) -> dict[str, Edges]:
    """The numeric columns' edges in a baseline's file."""
    found = {}
    for column in json.loads(file)["columns"]:
        grid = column["grid"]
        if grid["kind"] == "numeric":
            fine = np.array([float(edge) for edge in grid["edges"]])
            found[column["subject"]] = Edges(fine, fine[grid["coarse"]])
    return found
