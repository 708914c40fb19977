"""Predictions as columns: numbers side by side, categories as slots of their grids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitor.observe.features import Features
from monitor.observe.model import FEATURE, Monitored, Period
from monitor.stats.grid import CategoricalGrid, NumericGrid
from monitor.stats.layout import Layout

Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


@dataclass(slots=True)
class Block:
    """Predictions of models of one shape, in the order of the log, as columns.

    `of` int[n] numbers the models, and `layouts` int[n] the layouts of the shape that the rows are
    counted over; `times` int64[n] are ms; `versions` int32[n] index `names`; `numbers`
    float64[numeric columns, n] with NaN for null; `codes` int32[categorical columns, n] are slots
    of the grids of the row's layout; `mistyped` names the numeric features of a wrong type by
    position of the row.
    """

    of: Indexes
    layouts: Indexes
    times: Times
    names: list[str]
    versions: Codes
    numbers: Floats
    codes: Codes
    mistyped: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of predictions."""
        return len(self.times)

    def only(self, kept: Indexes) -> "Block":
        """The rows at these positions, which rise."""
        mistyped = self.mistyped and {
            n: self.mistyped[k] for n, k in enumerate(kept.tolist()) if k in self.mistyped
        }
        return Block(
            self.of[kept], self.layouts[kept], self.times[kept], self.names, self.versions[kept],
            self.numbers[:, kept], self.codes[:, kept], mistyped,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """The columns of one baseline, in its order, among those of all baselines of the model.

    `numeric` and `categorical` are positions in the rows of a Block with their grids.
    """

    layout: Layout | None
    numeric: tuple[tuple[int, str, NumericGrid], ...]
    categorical: tuple[tuple[int, str, CategoricalGrid], ...]

    @property
    def width(self) -> int:
        """The number of slots of a pane."""
        return self.layout.width if self.layout else 0

    def start(self, subject: str) -> int:
        """Where the slots of a column begin."""
        assert self.layout is not None
        start: int = self.layout.slice(subject).start
        return start


class Columns:
    """The columns of one model: the features', then the prediction's and the score's."""

    def __init__(self, model: Monitored) -> None:
        self.features = Features(model)
        #: Subjects of the rows of a block.
        self.numeric = [subject for subject, kind in model.kinds.items() if kind == "numeric"]
        self.categorical = [subject for subject in model.kinds if subject not in self.numeric]
        #: From when on each of its baselines holds, in ms, and what that counts.
        self.begins = [period.from_ms for period in model.periods]
        self.counted = [self._counted(period) for period in model.periods]

    def _counted(self, period: Period) -> Counted:
        if period.baseline is None:
            return Counted(None, (), ())
        layout = period.baseline.layout
        numeric: list[tuple[int, str, NumericGrid]] = []
        categorical: list[tuple[int, str, CategoricalGrid]] = []
        # As the features' tuples have them: those first, then the prediction and the score.
        for column in sorted(layout.columns, key=lambda c: not c.subject.startswith(FEATURE)):
            subject, grid = column.subject, column.grid
            if isinstance(grid, NumericGrid):
                numeric.append((self.numeric.index(subject), subject, grid))
            elif isinstance(grid, CategoricalGrid):
                categorical.append((self.categorical.index(subject), subject, grid))
        return Counted(layout, tuple(numeric), tuple(categorical))

    @property
    def kinds(self) -> tuple[object, ...]:
        """What models have in common whose rows lie in one block."""
        extra = [subject for subject in self.numeric if not subject.startswith(FEATURE)]
        rest = [subject for subject in self.categorical if not subject.startswith(FEATURE)]
        return len(self.numeric), len(self.categorical), *extra, None, *rest


def floats(values: Sequence[object]) -> Floats:
    """float64[n]; whatever is no number becomes NaN (null)."""
    return np.array([v if type(v) in (int, float) else np.nan for v in values], dtype=float)
