"""Accepted predictions on their way into panes: piled up by shape, and binned once a flush."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Block, Times
from monitor.observe.fold import Fold
from monitor.observe.shape import Shape
from monitor.observe.state import ModelState
from monitor.observe.watermark import Watermarks

#: Rows of all models that may wait to be binned; more are, so that memory stays bounded.
PILE_LIMIT = 20_000


class Piles:
    """Rows that wait to be binned; `states` are those of the models by number."""

    def __init__(
        self, shapes: Sequence[Shape], states: Sequence[ModelState], marks: Watermarks
    ) -> None:
        self.states = states
        self.marks = marks
        self._pane_ms = np.array([state.pane_ms for state in states], dtype=np.int64)
        self._provisional = np.array([state.provisional for state in states], dtype=bool)
        self._folds = [Fold(shape, self._pane_ms) for shape in shapes]
        #: Rows that came when the watermark had passed the end of their pane.
        self._afterwards = [Fold(shape, self._pane_ms) for shape in shapes]

    def take(self, block: Block, found: Times, shape: int) -> None:
        """Pile up rows of a shape, each with the watermark that it has found."""
        passed = self._passed(block, found)
        if passed.any():
            self._afterwards[shape].take(block.only(np.flatnonzero(passed)))
            block = block.only(np.flatnonzero(~passed))
        self._folds[shape].take(block)
        if sum(fold.waiting for fold in (*self._folds, *self._afterwards)) >= PILE_LIMIT:
            self.bin()

    def _passed(self, block: Block, found: Times) -> npt.NDArray[np.bool_]:
        """Which rows of provisional windows came when the watermark had passed their pane's end."""
        if not self._provisional.any():
            return np.zeros(block.rows, dtype=bool)
        pane = self._pane_ms[block.of]
        passed = block.times - block.times % pane + pane <= found
        return np.asarray(self._provisional[block.of] & passed)

    def bin(self) -> None:
        """Bin what is piled up, of provisional windows first what came on time, and tell of it."""
        panes = [state.panes for state in self.states]
        changed = [one for fold in self._folds for one in fold.bin(panes)]
        for n in np.flatnonzero(self._provisional).tolist():
            state = self.states[n]
            state.pass_to(self.marks.of("predictions", state.id))
        changed += [one for fold in self._afterwards for one in fold.bin(panes)]
        for number, key in changed:
            self.states[number].changed.add(key)
