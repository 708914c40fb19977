"""A year of flights as a baseline with own windows: 146 days of reference, 218 whole days after."""

import numpy as np

from monitor.baselines.build import build_baseline
from monitor.baselines.history import divide
from monitor.demo.flights import KINDS, Flights

HOUR = 3_600_000
DAY = 24 * HOUR


def test_a_year_of_flights(flights: Flights) -> None:
    ms = flights.departed_ms
    baseline = build_baseline(
        "year",
        "delays",
        {**flights.numeric, **{n: v.tolist() for n, v in flights.categorical.items()}},
        kinds=KINDS,
        prediction_ms=ms,
        history=divide(ms, [6 * HOUR, DAY]),
    )
    days = baseline.own_windows(DAY)
    quarters = baseline.own_windows(6 * HOUR)
    assert days is not None
    assert quarters is not None
    first = int(days.starts[0])
    assert baseline.rows == int((ms < first).sum())
    assert days.windows == round(0.6 * np.unique(ms // DAY)[:-1].size)
    per_day = np.bincount((ms[ms >= first] - first) // DAY)
    # Where a flight departed is always known, and a cell of its own.
    origins = days.counts["feature/origin"]
    assert origins.sum(axis=1).tolist() == per_day[: days.windows].tolist()
    for n, origin in enumerate(baseline.grid("feature/origin").to_dict()["categories"]):
        left = (flights.categorical["origin"] == origin) & (ms >= first)
        expected = np.bincount((ms[left] - first) // DAY, minlength=days.windows)
        assert origins[:, n].tolist() == expected[: days.windows].tolist()
    # Four quarters make a day.
    for subject, counts in days.counts.items():
        day = (quarters.starts - first) // DAY
        inside = day < days.windows
        summed = np.zeros_like(counts)
        np.add.at(summed, day[inside], quarters.counts[subject][inside])
        assert summed.tolist() == counts.tolist()
