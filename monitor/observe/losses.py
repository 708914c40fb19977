"""Predictions that were read and not counted, by the pane in which their model's watermark stood.

What evaluate says of a window's health rests on them, so they must not depend on how the log was
cut into chunks and flushes: each is put where the watermark was at its place in the log. Where that
was, is found once a chunk, and only if something was lost in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.observe.watermark import Watermarks
from monitor.panes.messages import END, UNHEARD, Loss

Times = npt.NDArray[np.int64]
OUTCOMES = ("late", "dead", "quarantined")


class _Lost(NamedTuple):
    """An offset, and what became of its events; no model where the record names none."""

    offset: int
    model_id: str | None
    outcome: str
    events: int


class Losses:
    """What one source partition has lost: by model and pane, late, dead and quarantined."""

    def __init__(self, source: int, marks: Watermarks, pane_ms: Mapping[str, int]) -> None:
        self.source = source
        self.marks = marks
        self.pane_ms = pane_ms
        self.counts: dict[tuple[str, int], list[int]] = {}
        #: Those that have changed since they were last handed out.
        self.changed: set[tuple[str, int]] = set()
        self._lost: list[_Lost] = []
        self._steps: dict[str, list[tuple[Callable[[], Iterable[int]], Times]]] = {}

    def lose(self, offset: int, model_id: str | None, outcome: str, events: int = 1) -> None:
        """Take note of a record that is not counted.

        One that names no model may have been anybody's, so every model here has lost it.
        """
        self._lost.append(_Lost(offset, model_id, outcome, events))

    def step(self, model_id: str, offsets: Callable[[], Iterable[int]], found: Times) -> None:
        """Take note of the watermark that each row of a model has found, in offset order."""
        self._steps.setdefault(model_id, []).append((offsets, found))

    def settle(self) -> None:
        """Put what was lost where the watermarks were; before any watermark moves otherwise."""
        lost, self._lost = self._lost, []
        steps, self._steps = self._steps, {}
        if not lost:
            return
        for model_id in self.pane_ms:
            mine = [one for one in lost if one.model_id in (None, model_id)]
            if mine:
                self._settle(model_id, mine, steps.get(model_id, []))

    def _settle(
        self,
        model_id: str,
        lost: list[_Lost],
        steps: list[tuple[Callable[[], Iterable[int]], Times]],
    ) -> None:
        offsets = [offset for step, _ in steps for offset in step()]
        marks = [mark for _, found in steps for mark in found.tolist()]
        marks.append(self.marks.of("predictions", model_id))
        pane = self.pane_ms[model_id]
        for place, one in zip(
            np.searchsorted(offsets, [x.offset for x in lost]), lost, strict=True
        ):
            mark = marks[place]
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
