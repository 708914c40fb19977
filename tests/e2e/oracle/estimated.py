"""What a window's scores promise of its accuracy, from the reference's raw rows."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.e2e.oracle import expected
from tests.e2e.oracle.setting import Floats

#: Labels that a cell of scores should hold, and how many it needs to say anything.
WANTED, LEAST = 30, 10
NAMES = ("estimated_accuracy", "estimated_accuracy_reference", "estimated_accuracy_interval")


def cells(fine: Floats, scores: Floats, labelled: int) -> list[int]:
    """The cell of every bin: as many bins together as hold the rows of thirty labels.

    What is left over at the end joins the cell before; the two bins beyond the edges are alone.
    """
    bins = np.searchsorted(fine, scores, side="right")
    wanted = WANTED * len(scores) / labelled
    found, cell, held = [0], 1, 0
    for at in range(1, len(fine)):
        if held >= wanted:
            cell, held = cell + 1, 0
        found.append(cell)
        held += int(np.sum(bins == at))
    if held < wanted and cell > 1:
        found = [min(c, cell - 1) for c in found]
        cell -= 1
    return [*found, cell + 1]


def estimate(
    now: Sequence[Any], then: Sequence[Any], right: Sequence[bool | None], fine: Floats
) -> dict[str, Any]:
    """The figures of an estimate, from the scores of both sides and what the reference knows.

    A score that is null is none; one that came without a label says nothing of its worth.
    """
    figures: dict[str, Any] = dict.fromkeys(NAMES) | {"estimated_auc" + s: None for s in (
        "", "_reference", "_interval")}  # fmt: skip
    pairs = [(float(s), known) for s, known in zip(then, right, strict=True) if s is not None]
    scores = np.array([score for score, _ in pairs])
    known = np.array([known is not None for _, known in pairs])
    hits = np.array([known is True for _, known in pairs])
    cell_of = np.array(cells(fine, scores, int(known.sum())))
    many = int(cell_of[-1]) + 1

    def counted(values: Floats) -> Any:
        return np.bincount(cell_of[np.searchsorted(fine, values, side="right")], minlength=many)

    current = np.array([float(s) for s in now if s is not None])
    sides = counted(current), counted(scores), counted(scores[known]), counted(scores[hits])
    found = expected.expected(*sides, expected.accuracy)
    if found is not None:
        assert not math.isnan(found["value"])
        values = (found["value"], found["reference"], list(found["interval"]))
        figures |= dict(zip(NAMES, values, strict=True))
        figures |= {"unknown_scores": float(found["unknown"]), "p": found["p"]}
    return figures
