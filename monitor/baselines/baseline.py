"""A baseline: bins, the reference's counts over them, and what its labels said."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from monitor.baselines.outcomes import OTHER_CLASS, Outcomes, age_limits
from monitor.baselines.own_windows import OwnWindows
from monitor.errors import BaselineError
from monitor.stats.grid import Counts, Grid, grid_from_dict
from monitor.stats.layout import Column, Layout, fingerprint

__all__ = ["FORMAT", "OTHER_CLASS", "Baseline", "Outcomes", "age_limits"]

#: The version of the file; another one is refused.
FORMAT = 1
_FEATURE = "feature/"


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The reference of a model, immutable: windows are counted over `layout` and compared with it.

    `reference` is int64[layout.width] over `rows` rows; `own` are windows that came after those
    rows, by which is known what chance does, in order of their length. `start_ms` and `end_ms` are
    the first and last event time of the reference, None if unknown. `fingerprint` covers all that
    judges, not the names: two baselines of one fingerprint judge alike.
    """

    id: str
    model_id: str
    layout: Layout
    reference: Counts
    rows: int
    outcomes: Outcomes | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    own: tuple[OwnWindows, ...] = ()
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        """Check the counts; raises BaselineError if they don't fit the layout."""
        reference = np.array(self.layout.check(self.reference), dtype=np.int64)
        reference.setflags(write=False)
        for windows in self.own:
            windows.check(self.layout)
        by_score = self.outcomes.by_score if self.outcomes else None
        if by_score is not None and self.outcomes is not None:
            by_score.check(len(self.outcomes.classes), self.layout.grid("score"))
        if reference.size and reference.min() < 0:
            raise BaselineError(f"a count of {reference.min()} in a baseline; rebuild it")
        object.__setattr__(self, "reference", reference)
        object.__setattr__(self, "fingerprint", fingerprint(self._judging()))

    @property
    def features(self) -> Mapping[str, str]:
        """Each feature's kind, numeric or categorical, in the layout's order."""
        return {
            column.subject.removeprefix(_FEATURE): column.grid.kind
            for column in self.layout.columns
            if column.subject.startswith(_FEATURE)
        }

    def grid(self, subject: str) -> Grid:
        """Return the bins of a subject; raises BaselineError if it isn't in the baseline."""
        return self.layout.grid(subject)

    def counts(self, subject: str) -> Counts:
        """Return the reference's counts of a subject; raises BaselineError if it isn't there."""
        return self.reference[self.layout.slice(subject)]

    @property
    def until_ms(self) -> int | None:
        """The end of all that it was learned from, own windows included; None if unknown."""
        own = [int(windows.starts[-1]) + windows.size_ms for windows in self.own if windows.windows]
        return max(own, default=self.end_ms)

    def own_windows(self, size_ms: int) -> OwnWindows | None:
        """Return the baseline's own windows of a length, None if it has none."""
        return next((windows for windows in self.own if windows.size_ms == size_ms), None)

    def _judging(self) -> dict[str, Any]:
        own = {"own_windows": [windows.to_dict() for windows in self.own]} if self.own else {}
        return {
            "rows": self.rows,
            "columns": [
                {
                    "subject": column.subject,
                    "grid": column.grid.to_dict(),
                    "counts": self.counts(column.subject).tolist(),
                }
                for column in self.layout.columns
            ],
            "outcomes": self.outcomes.to_dict() if self.outcomes else None,
            **own,
        }

    def to_json(self) -> bytes:
        """Return the file's bytes: `from_json` gives back an equal baseline, floats exact."""
        head = {
            "format": FORMAT,
            "id": self.id,
            "model_id": self.model_id,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "fingerprint": self.fingerprint,
        }
        return json.dumps(head | self._judging(), allow_nan=False).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` wrote; raises BaselineError if it is something else, or altered."""
        try:
            file = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BaselineError(
                f"not a baseline: {error}; build one with `watchkeeper baseline build`"
            ) from None
        if not isinstance(file, dict) or "format" not in file:
            raise BaselineError("not a baseline; build one with `watchkeeper baseline build`")
        if file["format"] != FORMAT:
            raise BaselineError(
                f"a baseline of format {file['format']!r}, and this version reads {FORMAT}: "
                "rebuild it with `watchkeeper baseline build`"
            )
        baseline = cls._from_file(file)
        # Of the file as it is, too: reading may round what it should refuse, as 1.5 rows.
        try:
            written = fingerprint({part: file[part] for part in baseline._judging()})
        except ValueError as error:
            raise BaselineError(f"not a baseline: {error}; rebuild it") from None
        if not file.get("fingerprint") == baseline.fingerprint == written:
            raise BaselineError(
                f"the baseline's fingerprint is {written} and the file says "
                f"{file.get('fingerprint')}: it was altered after it was built; rebuild it"
            )
        return baseline

    @classmethod
    def _from_file(cls, file: Mapping[str, Any]) -> Self:
        try:
            columns = file["columns"]
            outcomes = file["outcomes"]
            return cls(
                id=_text(file["id"]),
                model_id=_text(file["model_id"]),
                layout=Layout(
                    tuple(Column(_text(c["subject"]), grid_from_dict(c["grid"])) for c in columns)
                ),
                reference=np.array(
                    [count for column in columns for count in column["counts"]], dtype=np.int64
                ),
                rows=int(file["rows"]),
                outcomes=None if outcomes is None else Outcomes.from_dict(outcomes),
                start_ms=_time(file["start_ms"]),
                end_ms=_time(file["end_ms"]),
                own=tuple(map(OwnWindows.from_dict, file.get("own_windows", ()))),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise BaselineError(
                f"not a whole baseline: {error!r}; rebuild it with `watchkeeper baseline build`"
            ) from None

    def __eq__(self, other: object) -> bool:
        """Two baselines are equal if their files are."""
        return isinstance(other, Baseline) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Hash the fingerprint."""
        return hash(self.fingerprint)


def _time(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError(f"expected milliseconds since 1970, got {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {value!r}")
    return value
