"""The detectors that exist: one registers itself with a decorator, in a file of its own.

A new detector is one new file in this package (or in a directory appended to
`monitor.detectors.__path__`)::

    @detector("constant_score", signal="prediction_drift")
    def judge(window: InputWindow) -> list[Finding]:
        ...
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import monitor.detectors as package
from monitor.detectors.finding import Finding

Signal = Literal["data_drift", "prediction_drift", "performance"]
Judge = Callable[[Any], list[Finding]]
J = TypeVar("J", bound=Judge)

_detectors: dict[str, Detector] = {}
_discovered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detector:
    """A named question, the signal of the configuration that asks it, and its pure function.

    The function gets an `InputWindow` for the signals data_drift and prediction_drift, an
    `OutcomeWindow` for performance, and returns one finding for each subject.
    """

    name: str
    signal: Signal
    judge: Judge


def detector(name: str, *, signal: Signal) -> Callable[[J], J]:
    """Register the decorated function as detector `name`; a name taken twice is a ValueError."""
    if signal not in get_args(Signal):
        known = ", ".join(get_args(Signal))
        raise ValueError(f"detector {name!r}: unknown signal {signal!r}; known: {known}")

    def register(judge: J) -> J:
        taken = _detectors.get(name)
        if taken is not None:
            raise ValueError(
                f"detector {name!r} in {judge.__module__} is already defined in "
                f"{taken.judge.__module__}; choose another name"
            )
        _detectors[name] = Detector(name, signal, judge)
        return judge

    return register


def discover() -> None:
    """Import every module of the package, and of the directories appended to its path."""
    global _discovered
    importlib.invalidate_caches()
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    _discovered = tuple(package.__path__)


def every_detector() -> tuple[Detector, ...]:
    """All detectors, by name, after discovery where the package's path has changed."""
    if _discovered != tuple(package.__path__):
        discover()
    return tuple(_detectors[name] for name in sorted(_detectors))


def detectors_for(signal: Signal) -> tuple[Detector, ...]:
    """The detectors of one signal, by name.

    >>> [found.name for found in detectors_for("prediction_drift")]
    ['prediction_drift']
    """
    return tuple(found for found in every_detector() if found.signal == signal)
