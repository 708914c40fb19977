"""The false alarms that a model may raise, and what each look at a window may spend of them.

The budget counts new episodes per model and month. It is divided among what is looked at; within a
share every window length is looked at alone, and every look may spend as much of the month as it
covers.
"""

from collections.abc import Mapping
from typing import Literal

from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec

Share = Literal["inputs", "outputs", "performance", "segments"]
SHARES: Mapping[Share, float] = {
    "inputs": 0.4,
    "outputs": 0.2,
    "performance": 0.2,
    "segments": 0.2,
}
MONTH_MS = 30 * 24 * 3_600_000


def level(false_alarms: float, share: Share, look_ms: int, lengths: int = 1) -> float:
    """The chance with which one look may find anything at all where nothing has changed.

    `false_alarms` are new episodes a month; looks are `look_ms` apart, at windows of one of so many
    lengths.

    >>> level(1.0, "inputs", 3_600_000)
    0.0005555555555555556
    """
    return min(1.0, false_alarms * SHARES[share] * look_ms / MONTH_MS / lengths)


def drift_level(signal: DataDriftSpec | PredictionDriftSpec, size_ms: int) -> float:
    """The same of the columns of inputs, or of outputs, in windows of one of a signal's lengths."""
    share: Share = "inputs" if isinstance(signal, DataDriftSpec) else "outputs"
    return level(signal.false_alarms, share, size_ms, len(signal.windows))


def found(p_values: Mapping[str, float], alpha: float) -> set[str]:
    """Whose p-values are found together at a level: the chance that any is so wrongly is alpha.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).

    >>> sorted(found({"a": 0.001, "b": 0.02, "c": 0.04}, 0.05))
    ['a', 'b', 'c']
    >>> sorted(found({"a": 0.001, "b": 0.03, "c": 0.04}, 0.05))
    ['a']
    """
    rejected: set[str] = set()
    for n, (name, p) in enumerate(sorted(p_values.items(), key=lambda one: one[1])):
        # A scale may have been given the least p that it can reach, and no more.
        if not p <= alpha / (len(p_values) - n) * (1 + 1e-9):
            break
        rejected.add(name)
    return rejected
