"""Concept drift by Huwyler's rule: performance below the mean of the periods before."""

import math
from collections.abc import Sequence

import numpy as np


def degradation(history: Sequence[float], current: float, periods: int = 4) -> float | None:
    """Return the mean of the last `periods` of a metric minus its current value.

    None if fewer periods are known, or if a value is NaN. Positive is worse.

    Source: Huwyler, practice 8 (`detect_concept_drift`).

    >>> round(degradation([0.9, 0.91, 0.9, 0.89], 0.83), 6)
    0.07
    """
    if periods < 1:
        raise ValueError(f"{periods} periods to compare with; at least 1")
    if len(history) < periods:
        return None
    drop = float(np.mean(history[-periods:])) - current
    return None if math.isnan(drop) else drop


def concept_drift(
    history: Sequence[float], current: float, periods: int = 4, threshold: float = 0.05
) -> bool | None:
    """Say whether a metric fell by more than `threshold` below its last `periods`' mean.

    As in the article a history that is too short is False; a NaN, which compares as False there,
    is None. The drop is rounded to 1e-9, so that 0.85 to 0.75 is not more than 0.10.

    >>> concept_drift([0.9] * 4, 0.84), concept_drift([0.9] * 3, 0.1)
    (True, False)
    """
    if len(history) < periods:
        return False
    drop = degradation(history, current, periods)
    return None if drop is None else round(drop, 9) > threshold
