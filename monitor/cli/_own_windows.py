"""What a baseline's own windows are, and what can be judged by them, in words."""

import json
from collections.abc import Iterator

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.history import ENOUGH, LEAST, History
from monitor.baselines.own_windows import OwnWindows
from monitor.calibration.budget import drift_level
from monitor.calibration.reach import reach
from monitor.cli._summary import bytes_text
from monitor.events.timestamps import rfc3339
from monitor.files.reference import Learned
from monitor.registry.durations import duration_text
from monitor.registry.specs import DataDriftSpec, ModelSpec, PredictionDriftSpec

#: What follows where windows have nothing to be ranked among.
_LIMITS = "the limits alone judge, and no budget of false alarms is kept"


def own_windows(baseline: Baseline) -> Iterator[str]:
    """Yield a line for each length."""
    for own in baseline.own:
        start, end = int(own.starts[0]), int(own.starts[-1]) + own.size_ms
        yield (
            f"Own windows of {duration_text(own.size_ms)}: {own.windows:,} from {rfc3339(start)} "
            f"to {rfc3339(end)}, {rows_of_one(own):,} rows in the middle one"
        )


def rows_of_one(own: OwnWindows) -> int:
    """The median of the windows' rows, as far as their fullest column has values."""
    fullest = np.max([counts.sum(axis=1) for counts in own.counts.values()], axis=0)
    return int(np.median(fullest))


def file_size(baseline: Baseline, size: int) -> str:
    """Tell a file's size in bytes, and how much of it the own windows are."""
    if not baseline.own:
        return bytes_text(size)
    own = len(json.dumps([windows.to_dict() for windows in baseline.own]))
    return f"{bytes_text(size)}, of which its own windows are {bytes_text(own)}"


def told(learned: Learned, spec: ModelSpec) -> Iterator[str]:
    """Yield the own windows that were made of a history, or why there are none, and what follows.

    Lengths by which nothing is judged but by the limits (`method: plain`) are passed over.
    """
    history, baseline = learned.history, learned.baseline
    if learned.annotated:
        yield f"Left out (annotated in the configuration): {learned.annotated:,} rows"
    elif spec.annotations and "timestamp" not in learned.roles:
        yield "Annotated periods are not left out, as no column says when a row was predicted."
    if history is None:
        why = "" if "timestamp" in learned.roles else ": name the column of times with --timestamp"
        yield f"No own windows{why}. So {_LIMITS}."
        return
    if history.untimed:
        yield f"Rows without a time, which are the reference's: {history.untimed:,}"
    yield from own_windows(baseline)
    if baseline.outcomes is not None and baseline.own:
        yield "Labels are those of all rows, the own windows' too."
    for name, signal in (("Data", spec.data_drift), ("Prediction", spec.prediction_drift)):
        if signal is None or signal.method == "plain":
            continue
        for size in sorted({window.size_ms for window in signal.windows}):
            text = _reach(baseline, history, signal, size)
            yield f"{name} drift over {duration_text(size)}: {text}"


def _reach(
    baseline: Baseline, history: History, signal: DataDriftSpec | PredictionDriftSpec, size: int
) -> str:
    own = baseline.own_windows(size)
    if own is None:
        return (
            f"the history has {history.found[size]} whole windows, and {2 * LEAST} are needed for "
            f"a reference and own windows; {_LIMITS}"
        )
    if isinstance(signal, DataDriftSpec):
        subjects = [f"feature/{name}" for name in baseline.features if signal.judges(name)]
    else:
        subjects = [one for one in ("prediction", "score") if one in baseline.layout]
    found = reach(baseline, own, subjects, drift_level(signal, size), signal.min_samples)
    parts = [
        f"{len(names)} of {len(subjects)} columns by {what}"
        for names, what in ((found.rows, "rows"), (found.windows, "whole windows"))
        if names
    ]
    if found.none:
        names = ", ".join(name.removeprefix("feature/") for name in found.none)
        parts.append(
            f"for a budget of {signal.false_alarms:g} a month the history is too short, or its "
            f"windows too alike their neighbours: {names}"
        )
    if rows_of_one(own) < signal.min_samples:
        parts.append(
            f"most windows have fewer than {signal.min_samples:,} rows (min_samples): such are not "
            "judged, and tell nothing of those that are"
        )
    if own.windows < ENOUGH:
        parts.append(f"fewer than {ENOUGH} own windows, and a longer history finds more")
    return "; ".join(parts)
