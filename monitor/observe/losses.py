"""Predictions that were read and not counted, by the pane in which their model's watermark stood.

What evaluate says of a window's health rests on them, so they must not depend on how the log was
cut into chunks and flushes: each is put where the watermark was at its place in the log. Where that
was, is found once a chunk, and only if something was lost in it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from monitor.observe.batch import Place
from monitor.observe.columns import Times
from monitor.observe.watermark import Watermarks
from monitor.panes.messages import END, UNHEARD, Loss

#: Where rows stand, and the watermark that each has found, in ms.
Step = tuple[Callable[[], list[Place]], Times]
OUTCOMES = ("late", "dead", "quarantined")


class _Lost(NamedTuple):
    """A place in the log, and what became of its events."""

    place: Place
    model_id: str
    outcome: str
    events: int


class Losses:
    """What one source partition has lost: by model and pane, late, dead and quarantined."""

    def __init__(self, source: int, marks: Watermarks, pane_ms: Mapping[str, int]) -> None:
        self.source = source
        self.marks = marks
        self.pane_ms = pane_ms
        #: The model that the last record named, None before the first.
        self.named: str | None = None
        self.counts: dict[tuple[str, int], list[int]] = {}
        #: Those that have changed since they were last handed out.
        self.changed: set[tuple[str, int]] = set()
        self._lost: list[_Lost] = []
        self._steps: dict[str, list[Step]] = {}

    def lose(self, place: Place, model_id: str | None, outcome: str, events: int = 1) -> None:
        """Take note of a record that is not counted.

        One that names no model is taken for one of the model that the record before it names:
        whoever sends what can't be read mostly sends several, and over many they share alike.
        """
        of = model_id or self.named
        if of is not None and of in self.pane_ms:
            self._lost.append(_Lost(place, of, outcome, events))

    def step(self, model_id: str, places: Callable[[], list[Place]], found: Times) -> None:
        """Take note of the watermark that each row of a model has found, in their order."""
        self._steps.setdefault(model_id, []).append((places, found))

    def settle(self) -> None:
        """Put what was lost where the watermarks were; before any watermark moves otherwise."""
        lost, self._lost = self._lost, []
        steps, self._steps = self._steps, {}
        for model_id in sorted({one.model_id for one in lost}):
            mine = sorted(one for one in lost if one.model_id == model_id)
            self._settle(model_id, mine, steps.get(model_id, []))

    def _settle(
        self,
        model_id: str,
        lost: list[_Lost],
        steps: list[Step],
    ) -> None:
        places = [place for step, _ in steps for place in step()]
        marks = [mark for _, found in steps for mark in found.tolist()]
        marks.append(self.marks.of("predictions", model_id))
        pane = self.pane_ms[model_id]
        for one in lost:
            mark = marks[bisect_left(places, one.place)]
            if mark in (UNHEARD, END):
                continue  # no window of the model is being filled
            key = model_id, mark - mark % pane
            self.counts.setdefault(key, [0, 0, 0])[OUTCOMES.index(one.outcome)] += one.events
            self.changed.add(key)

    def message(self, key: tuple[str, int]) -> Loss:
        """What was lost in a pane, as a message."""
        return Loss(*key, self.source, *self.counts[key])

    def restore(self, message: Loss) -> None:
        """Take up what was lost; it is told again: a repeated snapshot replaces an equal one."""
        key = message.model_id, message.start_ms
        self.counts[key] = [message.late, message.dead, message.quarantined]
        self.changed.add(key)

    def passed(self) -> Iterator[tuple[str, int]]:
        """Panes that the watermark has left: nothing more is put there."""
        for model_id, start in list(self.counts):
            if start + self.pane_ms[model_id] <= self.marks.of("predictions", model_id):
                yield model_id, start
