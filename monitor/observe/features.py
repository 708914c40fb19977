"""The features of one model: what they decode into."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from monitor.observe.fields import Scalar
from monitor.observe.model import FEATURE, Monitored
from monitor.observe.refusal import feature_float

NAN = float("nan")


class Features:
    """The features of one model: the Struct that they decode into, the numeric ones first.

    Those of all its baselines are read from every event: which of them holds is a matter of the
    event's time, which is read with them.
    """

    def __init__(self, model: Monitored) -> None:
        wanted = [
            (subject.removeprefix(FEATURE), kind == "categorical")
            for subject, kind in model.kinds.items()
            if subject.startswith(FEATURE)
        ]
        wanted.sort(key=lambda feature: feature[1])
        self.names = [name for name, _ in wanted]
        self.categorical = [categorical for _, categorical in wanted]
        self.struct = _struct(tuple(wanted))

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


@cache
def _struct(features: tuple[tuple[str, bool], ...]) -> type[msgspec.Struct]:
    """One Struct for all models of the same features: a thousand would not stay in the cache."""
    return msgspec.defstruct(
        "Features",
        [
            (f"f{n}", Scalar, None) if categorical else (f"f{n}", float | None, NAN)
            for n, (_, categorical) in enumerate(features)
        ],
        rename={f"f{n}": name for n, (name, _) in enumerate(features)},
        gc=False,
    )
