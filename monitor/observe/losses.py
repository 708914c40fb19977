"""Events that were read and not counted, by the pane in which their model's watermark stood.

What evaluate says of a window's health rests on them, so they must not depend on how the log was
cut into chunks and flushes: each is put where the watermark was at its place in the log. Where that
was, is found once a chunk, and only if something was lost in it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from monitor.observe.batch import Place
from monitor.observe.columns import Indexes, Times
from monitor.observe.watermark import Watermarks
from monitor.panes.messages import END, UNHEARD, Loss

#: Where rows stand, and the watermark that each has found, in ms.
Step = tuple[Callable[[], list[Place]], Times]
#: What a prediction may have become; a label is only ever misplaced here.
OUTCOMES = ("late", "dead", "quarantined", "misplaced")
#: Model, topic and the start of a pane in ms.
Key = tuple[str, str, int]


class _Lost(NamedTuple):
    """A place in the log of a topic, and what became of its events."""

    place: Place
    outcome: str
    events: int


class Losses:
    """What one source partition has lost: by model, topic and pane, and what became of it."""

    def __init__(self, source: int, marks: Watermarks, pane_ms: Mapping[str, int]) -> None:
        self.source = source
        self.marks = marks
        self.pane_ms = pane_ms
        self._number = {model_id: n for n, model_id in enumerate(pane_ms)}
        self._rows: list[tuple[str, Indexes, Callable[[Indexes], list[Place]], Times]] = []
        #: The model that the last record named, None before the first.
        self.named: str | None = None
        self.counts: dict[Key, list[int]] = {}
        #: Those that have changed since they were last handed out.
        self.changed: set[Key] = set()
        self._lost: dict[tuple[str, str], list[_Lost]] = {}
        self._steps: dict[tuple[str, str], list[Step]] = {}

    def lose(
        self, topic: str, place: Place, model_id: str | None, outcome: str, events: int = 1
    ) -> None:
        """Take note of a record that is not counted, or misplaced.

        One that names no model is taken for one of the model that the record before it names:
        whoever sends what can't be read mostly sends several, and over many they share alike.
        """
        of = model_id or self.named
        if of is not None and of in self.pane_ms:
            self._lost.setdefault((topic, of), []).append(_Lost(place, outcome, events))

    def step(
        self, topic: str, model_id: str, places: Callable[[], list[Place]], found: Times
    ) -> None:
        """Take note of the watermark that each row of a model has found, in their order."""
        self._steps.setdefault((topic, model_id), []).append((places, found))

    def step_rows(
        self, topic: str, of: Indexes, places: Callable[[Indexes], list[Place]], found: Times
    ) -> None:
        """Take note of the watermark that each row has found: `of` numbers the models of rows."""
        self._rows.append((topic, of, places, found))

    def settle(self, now: Callable[[str, str], int]) -> None:
        """Put what was lost where the watermarks were; before any watermark moves otherwise.

        `now` says where that of a topic and model stands.
        """
        lost, self._lost = self._lost, {}
        steps, self._steps = self._steps, {}
        rows, self._rows = self._rows, []
        for (topic, model_id), mine in sorted(lost.items()):
            passed = steps.get((topic, model_id), [])
            for of_topic, of, places, found in rows:
                if of_topic == topic:
                    own = np.flatnonzero(of == self._number[model_id])
                    passed.append((partial(places, own), found[own]))
            self._settle(topic, model_id, sorted(mine), passed, now(topic, model_id))

    def _settle(
        self, topic: str, model_id: str, lost: list[_Lost], steps: list[Step], last: int
    ) -> None:
        places = [place for step, _ in steps for place in step()]
        marks = [mark for _, found in steps for mark in found.tolist()]
        marks.append(last)
        pane = self.pane_ms[model_id]
        for one in lost:
            mark = marks[bisect_left(places, one.place)]
            if mark in (UNHEARD, END):
                continue  # no window of the model is being filled
            key = model_id, topic, mark - mark % pane
            counts = self.counts.setdefault(key, [0] * len(OUTCOMES))
            counts[OUTCOMES.index(one.outcome)] += one.events
            self.changed.add(key)

    def message(self, key: Key) -> Loss:
        """What was lost in a pane, as a message."""
        model_id, topic, start = key
        late, dead, quarantined, misplaced = self.counts[key]
        return Loss(
            model_id, start, self.source, late, dead, quarantined, topic=topic, misplaced=misplaced
        )

    def restore(self, message: Loss) -> None:
        """Take up what was lost; it is told again: a repeated snapshot replaces an equal one."""
        key = message.model_id, message.topic, message.start_ms
        lost = message.late, message.dead, message.quarantined
        self.counts[key] = [*lost, message.misplaced]
        self.changed.add(key)

    def passed(self) -> Iterator[Key]:
        """Panes that the watermark has left: nothing more is put there."""
        for model_id, topic, start in list(self.counts):
            if start + self.pane_ms[model_id] <= self.marks.of(topic, model_id):
                yield model_id, topic, start
