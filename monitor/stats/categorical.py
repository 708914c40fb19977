"""The slots of a categorical column: the reference's most frequent categories, and the rest.

A value is counted under its canonical name, so that `1`, `1.0` and `"1"` are one category.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.numeric import Counts

#: The most categories that have a slot of their own, and the most that are known at all.
MOST = 100
KNOWN = 10_000


def canonical(value: object) -> str | None:
    """Return the name under which a value is counted, None if it can be no category.

    >>> [canonical(v) for v in (1.0, True, -0.0, "a", 2.5, 10**20, 1e20, [1])]
    ['1', 'true', '0', 'a', '2.5', '100000000000000000000', '100000000000000000000', None]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:  # more digits than Python prints
            return None
    return None


def is_null(value: object) -> bool:
    """Say whether a value is missing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalGrid:
    """A slot for each of `categories` (K, most frequent first), then four more.

    The four: other (a reference category without a slot of its own, `others`), unseen (not in the
    reference), null, and type error. `singletons` is the number of reference rows whose category
    occurs once: `singletons / rows` is the share of unseen rows that is to be expected without
    any drift (Good-Turing).

    >>> grid = CategoricalGrid(("a", "b"), frozenset({"c"}))
    >>> grid.codes(["a", "c", "zz", None, [], "b"]).tolist()
    [0, 2, 3, 4, 5, 1]
    """

    categories: tuple[str, ...]
    others: frozenset[str] = frozenset()
    singletons: int = 0
    lookup: Mapping[str, int] = field(init=False, repr=False)

    OTHER = -4
    UNSEEN = -3
    NULL = -2
    TYPE_ERROR = -1

    def __post_init__(self) -> None:
        """Index the categories; raises BaselineError if one occurs twice."""
        k = len(self.categories)
        slots = {name: i for i, name in enumerate(self.categories)}
        if len(slots) != k or not self.others.isdisjoint(slots):
            raise BaselineError("a category occurs twice in a grid; rebuild the baseline")
        slots.update(dict.fromkeys(self.others, k))
        object.__setattr__(self, "lookup", slots)

    @property
    def kind(self) -> Literal["categorical"]:
        """The kind of column that this grid counts."""
        return "categorical"

    @property
    def bins(self) -> int:
        """The number of categories that have a slot of their own: K."""
        return len(self.categories)

    @property
    def width(self) -> int:
        """The number of slots of a count: K, then other, unseen, null and type error."""
        return len(self.categories) + 4

    def codes(self, values: Sequence[object]) -> npt.NDArray[np.int32]:
        """Return the slot of each value: str, number or bool; None and NaN are null."""
        known, unseen, slot = self.lookup, self.width + self.UNSEEN, self.slot
        try:
            # Most chunks hold nothing but names that have a slot.
            return np.fromiter(map(known.__getitem__, values), np.int32, len(values))  # type: ignore[arg-type]
        except (KeyError, TypeError):
            pass
        return np.array(
            [known.get(v, unseen) if type(v) is str else slot(v) for v in values], dtype=np.int32
        )

    def counts(self, values: Sequence[object]) -> Counts:
        """Count values into int64[width]; it is the bincount of `codes`."""
        return np.bincount(self.codes(values), minlength=self.width).astype(np.int64)

    def slot(self, value: object) -> int:
        """Return the slot of one value."""
        if is_null(value):
            return self.width + self.NULL
        name = canonical(value)
        if name is None:
            return self.width + self.TYPE_ERROR
        return self.lookup.get(name, self.width + self.UNSEEN)

    def check(self, counts: Counts) -> Counts:
        """Return the counts, or raise GridMismatch if they were made over other categories."""
        if counts.shape != (self.width,):
            raise GridMismatch(
                f"counts of shape {counts.shape} over a categorical grid of {self.width} slots: "
                "counts merge and compare only over the baseline that they were made with"
            )
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: plain JSON values."""
        return {
            "kind": self.kind,
            "categories": list(self.categories),
            "others": sorted(self.others),
            "singletons": self.singletons,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the grid that `to_dict` described; raises BaselineError if there is none."""
        try:
            categories, others = tuple(data["categories"]), frozenset(data["others"])
            singletons = int(data["singletons"])
        except (KeyError, TypeError, ValueError) as error:
            raise BaselineError(
                f"not a categorical grid: {error!r}; rebuild the baseline"
            ) from None
        if not all(isinstance(name, str) for name in (*categories, *others)):
            raise BaselineError("the categories of a grid must be strings; rebuild the baseline")
        return cls(categories, others, singletons)

    def __eq__(self, other: object) -> bool:
        """Two grids are equal if they count alike."""
        return isinstance(other, CategoricalGrid) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash the categories."""
        return hash((self.categories, self.others))


def build_categorical(values: Sequence[object], most: int = MOST) -> CategoricalGrid:
    """Build the grid of a reference's values; null takes no part.

    The `most` frequent categories get a slot each; up to 10,000 more are known by name and share
    one. Raises BaselineError if no category is left.

    >>> build_categorical(["b", "a", "b", None]).categories
    ('b', 'a')
    """
    names: Counter[str] = Counter()
    for value in values:
        if not is_null(value):
            name = value if type(value) is str else canonical(value)
            if name is not None:
                names[name] += 1
    if not names:
        raise BaselineError(
            f"no value in {len(values)} reference rows, and categories need at least 1: "
            "mend the column or exclude it"
        )
    ranked = sorted(names, key=lambda name: (-names[name], name))
    return CategoricalGrid(
        categories=tuple(ranked[:most]),
        others=frozenset(ranked[most : most + KNOWN]),
        singletons=sum(1 for count in names.values() if count == 1),
    )
