"""The features of one model: what they decode into."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from monitor.observe.fields import Scalar
from monitor.observe.model import FEATURE, Monitored
from monitor.observe.refusal import feature_float

NAN = float("nan")


class Features:
    """The features of one model: the Struct that they decode into, and their columns in order.

    Those of all its baselines are read from every event: which of them holds is a matter of the
    event's time, which is read with them.
    """

    def __init__(self, model: Monitored) -> None:
        wanted = [subject for subject in model.kinds if subject.startswith(FEATURE)]
        self.names = [subject.removeprefix(FEATURE) for subject in wanted]
        self.categorical = [model.kinds[subject] == "categorical" for subject in wanted]
        fields = [f"f{i}" for i in range(len(wanted))]
        self.struct = msgspec.defstruct(
            "Features",
            [
                (field, Scalar, None) if categorical else (field, float | None, NAN)
                for field, categorical in zip(fields, self.categorical, strict=True)
            ],
            rename=dict(zip(fields, self.names, strict=True)),
            gc=False,
        )
        #: Values of one row's numeric or categorical features, in column order.
        self.numeric = _values([f for f, c in zip(fields, self.categorical, strict=True) if not c])
        self.categories = _values([f for f, c in zip(fields, self.categorical, strict=True) if c])

    def lenient(self, raw: Mapping[str, Any]) -> tuple[Any, list[str]]:
        """Take features of any type; return the Struct and the numeric features of a wrong type.

        A category of a wrong type is passed on: its grid has a slot for it.
        """
        values: list[Any] = []
        mistyped: list[str] = []
        for name, categorical in zip(self.names, self.categorical, strict=True):
            value = raw.get(name)
            if categorical:
                values.append(value)
            elif value is None:
                values.append(NAN)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                values.append(feature_float(name, value))
            else:
                mistyped.append(name)
                values.append(NAN)
        return self.struct(*values), mistyped


def _values(fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function from a Struct to the tuple of the named fields, also for none or one."""
    if not fields:
        return lambda row: ()
    if len(fields) == 1:
        only = attrgetter(fields[0])
        return lambda row: (only(row),)
    return attrgetter(*fields)
