"""A table as columns, whichever file it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.errors import DataError
from monitor.stats.column import Values

#: The fields of a prediction event that a comparison looks at, beside its features.
OUTPUTS = ("prediction", "score")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Equally long columns by name; null is None, or NaN in an array.

    A table of prediction events has its features in `columns` and what stands beside them
    (timestamp, prediction, score, label, …) in `fields`; any other table has no fields. Columns
    in `times` hold milliseconds since 1970. `text` holds the columns of a file that has only
    text, as it was written. `unreadable` names columns that hold neither numbers nor categories,
    with the reason.
    """

    path: str
    rows: int
    columns: Mapping[str, Values]
    fields: Mapping[str, Values] = field(default_factory=dict)
    text: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    times: frozenset[str] = frozenset()
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def compared(self) -> Mapping[str, Values]:
        """The columns, and of events their prediction and score too, where no feature is so called.

        >>> events = Table("f", 1, {"x": [1]}, fields={"prediction": ["a"], "prediction_id": ["7"]})
        >>> list(events.compared)
        ['x', 'prediction']
        """
        outputs = {name: self.fields[name] for name in OUTPUTS if name in self.fields}
        return {**self.columns, **{n: v for n, v in outputs.items() if n not in self.columns}}

    def as_kind(self, name: str, kind: str) -> Values:
        """Return a column as it is to be counted over a numeric or a categorical grid.

        In a file of text a column of a few words among numbers is text as a whole; counted as
        numbers only the words are of the wrong type. And counted as categories a number keeps
        the form that it was written in, but for a fraction of zero (`1.0` is `1`).
        """
        values = self.compared[name]
        numeric = isinstance(values, np.ndarray)
        if name not in self.text or numeric == (kind == "numeric"):
            return values
        text = self.text[name]
        return [_name(value) for value in text] if numeric else _mixed(text)


def not_readable(path: str, form: str, error: Exception) -> DataError:
    """Return the error of a file that isn't of its form, with the first sentence of the cause."""
    cause = str(error).strip().partition("\n")[0][:200] or type(error).__name__
    return DataError(f"{path}: not readable as {form}: {cause}")


def _mixed(text: Sequence[str | None]) -> list[object]:
    return [_number(value) for value in text]


def _number(value: str | None) -> object:
    try:
        # Python would also take 1_000, which no other program writes for a number.
        return value if value is None or "_" in value else float(value)
    except ValueError:
        return value


def _name(value: str | None) -> str | None:
    whole, _, fraction = (value or "").partition(".")
    return whole if fraction and not fraction.strip("0") and whole else value
