"""What labels said about a baseline's predictions, by the age that the labels had."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from monitor.baselines.by_score import ByScore
from monitor.errors import BaselineError
from monitor.stats.grid import Counts, canonical

#: The class of every label or prediction that the baseline has no row of its own for.
OTHER_CLASS = "__other__"


def age_limits(max_delay_ms: int) -> tuple[int, int, int, int]:
    """Return the label ages in ms at which performance is known apart: 1/8, 1/4, 1/2 and all.

    >>> age_limits(8000)
    (1000, 2000, 4000, 8000)
    """
    return (max_delay_ms // 8, max_delay_ms // 4, max_delay_ms // 2, max_delay_ms)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Confusion counts int64[ages, K, K], not cumulative: rows are labels, columns predictions.

    `classes` are canonical names, the last one `__other__`. `ages_ms` are the upper limits of the
    label ages, the last one the longest delay that is waited for. `predictions` counts the rows
    that had a prediction, labelled or not. Where it isn't known when the labels came
    (`ages_known` is False), all are in the first age, and every age sees them all. `by_score` are
    the same labels by score, None where there are no scores, or the baseline was built without.
    """

    classes: tuple[str, ...]
    ages_ms: tuple[int, ...]
    counts: Counts
    predictions: int
    ages_known: bool = True
    by_score: ByScore | None = None
    _index: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the shape; raises BaselineError with the one that was expected."""
        k, ages = len(self.classes), len(self.ages_ms)
        if k < 1 or self.classes[-1] != OTHER_CLASS or len(set(self.classes)) != k:
            raise BaselineError(
                f"the classes must be distinct and end with {OTHER_CLASS}, got {self.classes[:5]}"
            )
        if ages < 1 or any(a >= b for a, b in zip(self.ages_ms, self.ages_ms[1:], strict=False)):
            raise BaselineError(f"label ages must increase, got {self.ages_ms}")
        if self.counts.shape != (ages, k, k):
            raise BaselineError(
                f"outcomes of shape {self.counts.shape}, expected {(ages, k, k)}; "
                "rebuild the baseline"
            )
        counts = np.array(self.counts, dtype=np.int64)
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "_index", {name: i for i, name in enumerate(self.classes)})

    def cumulative(self, age_ms: int) -> Counts:
        """Return int64[K, K] of the labels known within `age_ms` of their prediction.

        An age between two limits counts as the lower one: what was certainly known by then.
        """
        if not self.ages_known:
            return self.total
        known = [limit <= age_ms for limit in self.ages_ms]
        return np.asarray(self.counts[known].sum(axis=0), dtype=np.int64)

    @property
    def total(self) -> Counts:
        """Return int64[K, K] of all labels that came in time."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    def index(self, value: object) -> int:
        """Return the row or column of a label or prediction; unknown ones share the last."""
        name = value if type(value) is str else canonical(value)
        return self._index.get(name or "", len(self.classes) - 1)

    def codes(self, values: Iterable[object]) -> npt.NDArray[np.int32]:
        """Return `index` of each value."""
        last, known, index = len(self.classes) - 1, self._index, self.index
        return np.array(
            [known.get(v, last) if type(v) is str else index(v) for v in values], dtype=np.int32
        )

    def age_index(self, age_ms: int) -> int | None:
        """Return the age bucket of a label that came `age_ms` after its prediction, None if late.

        A label before its prediction (clocks differ) has the age 0.

        >>> empty = Outcomes(("__other__",), (1000, 2000), np.zeros((2, 1, 1), np.int64), 0)
        >>> [empty.age_index(age) for age in (-5, 1000, 1001, 2001)]
        [0, 0, 1, None]
        """
        at = int(np.searchsorted(self.ages_ms, age_ms, "left"))
        return at if at < len(self.ages_ms) else None

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: plain JSON values."""
        by_score = {"by_score": self.by_score.to_dict()} if self.by_score else {}
        return {
            "classes": list(self.classes),
            "ages_ms": list(self.ages_ms),
            "ages_known": self.ages_known,
            "predictions": self.predictions,
            "counts": self.counts.tolist(),
            **by_score,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the outcomes that `to_dict` described; raises BaselineError if there are none."""
        try:
            return cls(
                classes=tuple(data["classes"]),
                ages_ms=tuple(data["ages_ms"]),
                counts=np.array(data["counts"], dtype=np.int64),
                predictions=int(data["predictions"]),
                ages_known=bool(data["ages_known"]),
                by_score=ByScore.from_dict(data["by_score"]) if "by_score" in data else None,
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BaselineError(f"not outcomes: {error!r}; rebuild the baseline") from None
