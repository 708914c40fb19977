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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import monitor.detectors as package
from monitor.baselines.baseline import Baseline
from monitor.detectors.finding import Finding
from monitor.detectors.unjudged import unjudgeable
from monitor.detectors.window import Window

Signal = Literal["data_drift", "prediction_drift", "performance"]
Question = Callable[..., list[Finding]]
Q = TypeVar("Q", bound=Question)

_detectors: dict[str, Detector] = {}
_discovered: tuple[str, ...] = ()


def _always(baseline: Baseline | None) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Detector:
    """A named question, the signal of the configuration that asks it, and its pure function.

    The function gets an `InputWindow` for the signals data_drift and prediction_drift, an
    `OutcomeWindow` for performance, and returns one finding for each subject. `answers` says of a
    baseline whether it holds what the question needs; else the question isn't asked at all. One
    that `sums_up` gets what the other detectors of its signal say of the window, too. A `daily`
    one is asked of the first window after a day has ended.
    """

    name: str
    signal: Signal
    question: Question
    answers: Callable[[Baseline | None], bool] = _always
    sums_up: bool = False
    daily: bool = False

    def judge(self, window: Window, said: Sequence[Finding] | None = None) -> list[Finding]:
        """One finding for each subject; one for the model where nothing can be asked.

        `said` is what the detectors that do not sum up have said; None: they are asked, if need be.

        Without a baseline or without traffic no detector is asked at all, so that none of them,
        not even one that is added later, can mistake an absence for health.
        """
        reason = unjudgeable(self.name, window)
        if reason is not None:
            return [reason]
        if not self.sums_up:
            return self.question(window)
        if said is None:
            said = [
                finding
                for other in detectors_for(self.signal)
                if not other.sums_up and other.answers(window.baseline)
                for finding in other.judge(window)
            ]
        return self.question(window, said)


def detector(
    name: str,
    *,
    signal: Signal,
    answers: Callable[[Baseline | None], bool] = _always,
    sums_up: bool = False,
    daily: bool = False,
) -> Callable[[Q], Q]:
    """Register the decorated function as detector `name`, which may sum up what others say.

    It is asked only about windows that have a baseline and traffic; with `answers`, only of models
    whose baseline has what it takes, and nothing is said of the others. Raises ValueError if the
    name is taken, or the signal unknown.
    """
    if signal not in get_args(Signal):
        known = ", ".join(get_args(Signal))
        raise ValueError(f"detector {name!r}: unknown signal {signal!r}; known: {known}")

    def register(question: Q) -> Q:
        taken = _detectors.get(name)
        if taken is not None:
            raise ValueError(
                f"detector {name!r} in {question.__module__} is already defined in "
                f"{taken.question.__module__}; choose another name"
            )
        _detectors[name] = Detector(name, signal, question, answers, sums_up, daily)
        return question

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
    """The detectors of one signal, by name; last those that sum up what the others say.

    >>> [found.name for found in detectors_for("prediction_drift")]
    ['estimated_performance', 'prediction_drift']
    """
    mine = (found for found in every_detector() if found.signal == signal)
    return tuple(sorted(mine, key=lambda found: found.sums_up))
