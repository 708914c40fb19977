"""Why something fired outside of the incidents, computed from the flights themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from monitor.demo.flights import CATEGORICAL, Floats
from monitor.demo.incidents import DAY_MS
from monitor.demo.story import Fired
from monitor.demo.traffic import Traffic

_FEATURE = "feature/"
#: New categories that are named; more are counted.
_NAMED = 4
#: What fires in so many windows is told by the month, not by its worst day.
_OFTEN = 20


def reason(row: Fired, stream: Traffic, march: Traffic) -> str:
    """Say in one line what the data did on the worst day or month, beside March."""
    worst = stream.between(row.worst_start_ms, row.worst_start_ms + DAY_MS)
    on = datetime.fromtimestamp(row.worst_start_ms / 1000, tz=UTC).strftime("%-d %b")
    if row.detector == "inputs":
        return f"{row.highest:.0f} features at once unlike March's on {on}, told as one finding"
    if row.subject == "performance":
        return _performance(worst, march, on)
    if row.subject == "labels":
        now, then = (float(t.flights.labelled.mean()) for t in (worst, march))
        return f"{now:.0%} have landed, and have a label, on {on}; {then:.0%} in March"
    if not row.subject.startswith(_FEATURE):
        now, then = (float((t.scores >= 0.5).mean()) for t in (worst, march))
        return f"{now:.0%} foretold late on {on}; {then:.0%} in March"
    name = row.subject.removeprefix(_FEATURE)
    told = _RATES.get(row.statistic)
    if told is not None:
        return told(name, worst, march, on)
    if name in CATEGORICAL:
        return _shares(name, worst, march, on)
    return _means(name, row, stream, march, on)


def _performance(worst: Traffic, march: Traffic, on: str) -> str:
    (right, late), (right_then, late_then) = (
        (float(t.correct[known].mean()), float(t.flights.late[known].mean()))
        for t in (worst, march)
        for known in (t.flights.labelled,)
    )
    return (
        f"{right:.0%} right on {on}, when {late:.0%} landed late; "
        f"{right_then:.0%} and {late_then:.0%} in March"
    )


def _nulls(name: str, worst: Traffic, march: Traffic, on: str) -> str:
    now, then = (float(np.isnan(t.flights.numeric[name]).mean()) for t in (worst, march))
    what = "cancelled" if name == "dep_delay" else "null"
    return f"{now:.0%} {what} on {on}; {then:.0%} in March"


def _range(name: str, worst: Traffic, march: Traffic, on: str) -> str:
    now, then = _known(worst.flights.numeric[name]), _known(march.flights.numeric[name])
    low, high = float(then.min()), float(then.max())
    share = float(((now < low) | (now > high)).mean())
    return f"{share:.0%} outside March's {low:.4g} to {high:.4g} on {on}"


def _unseen(name: str, worst: Traffic, march: Traffic, on: str) -> str:
    now, then = set(worst.flights.categorical[name]), set(march.flights.categorical[name])
    new = sorted(now - then)
    more = f" and {len(new) - _NAMED} more" if len(new) > _NAMED else ""
    return f"{', '.join(new[:_NAMED])}{more} on {on}; nowhere in March"


_RATES: dict[str, Callable[[str, Traffic, Traffic, str], str]] = {
    "null_rate": _nulls,
    "out_of_range_rate": _range,
    "unseen_rate": _unseen,
}


def _shares(name: str, worst: Traffic, march: Traffic, on: str) -> str:
    values = np.unique(march.flights.categorical[name].astype(str)).tolist()
    now, then = (
        {value: float((t.flights.categorical[name] == value).mean()) for value in values}
        for t in (worst, march)
    )
    moved = max(values, key=lambda value: abs(now[value] - then[value]))
    return f"{moved} {now[moved]:.0%} on {on}; {then[moved]:.0%} in March"


def _means(name: str, row: Fired, stream: Traffic, march: Traffic, on: str) -> str:
    """Tell the mean of the worst day or, of what keeps firing, of the month farthest from March."""
    then = float(_known(march.flights.numeric[name]).mean())

    def mean(start_ms: int, end_ms: int) -> float:
        return float(_known(stream.between(start_ms, end_ms).flights.numeric[name]).mean())

    if row.fired < _OFTEN:
        now, when = mean(row.worst_start_ms, row.worst_start_ms + DAY_MS), f"on {on}"
    else:
        means = {month: mean(_month(month), _month(month + 1)) for month, _ in row.months}
        far = max(means, key=lambda month: abs(means[month] - then))
        now, when = means[far], f"in {datetime(2013, far, 1, tzinfo=UTC):%B}"
    return f"mean {now:.4g} {when}; {then:.4g} in March"


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _month(month: int) -> int:
    """Return the beginning of a month of 2013 in ms; the 13th is January 2014."""
    year, index = divmod(month - 1, 12)
    return int(datetime(2013 + year, index + 1, 1, tzinfo=UTC).timestamp()) * 1000
