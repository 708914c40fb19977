"""Every reason is true of the flights, by counting them again."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from monitor.demo.reasons import reason
from monitor.demo.rehearsal import Rehearsed
from monitor.demo.story import Fired
from monitor.demo.traffic import Traffic
from tests.demo.oracle import on


def ms(month: int, day: int) -> int:
    return int(datetime(2013, month, day, tzinfo=UTC).timestamp()) * 1000


def fired(detector: str, subject: str, statistic: str, worst_ms: int, **more: object) -> Fired:
    row = Fired(detector, subject, statistic, 30, 261, 1.0, worst_ms, ((6, 10), (7, 20)))
    return replace(row, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            fired("data_quality", "feature/temp", "null_rate", ms(12, 31)),
            "99% null on 31 Dec; 0% in March",
        ),
        (
            fired("data_quality", "feature/dep_delay", "null_rate", ms(5, 23)),
            "21% cancelled on 23 May; 3% in March",
        ),
        (
            fired("data_quality", "feature/temp", "out_of_range_rate", ms(5, 21)),
            "100% outside March's 26.06 to 60.08 on 21 May",
        ),
        (
            fired("data_quality", "feature/dest", "unseen_rate", ms(7, 13)),
            "ABQ, ACK, ANC, AVL and 2 more on 13 Jul; nowhere in March",
        ),
    ],
)
def test_rates_are_told_of_the_worst_day(
    row: Fired, expected: str, disturbed: Traffic, march: Traffic
) -> None:
    assert reason(row, disturbed, march) == expected


def test_of_many_features_at_once_it_is_told_how_many(disturbed: Traffic, march: Traffic) -> None:
    row = fired("inputs", "inputs", "features_moved", ms(6, 1), highest=10.0)
    expected = "10 features at once unlike March's on 1 Jun, told as one finding"
    assert reason(row, disturbed, march) == expected


def test_the_mean_is_that_of_the_month_farthest_from_march(
    disturbed: Traffic, march: Traffic
) -> None:
    row = fired("data_drift", "feature/temp", "psi", ms(6, 1))
    departed = disturbed.flights.departed_ms
    july = (departed >= ms(7, 1)) & (departed < ms(8, 1))
    then, now = march.flights.numeric["temp"], disturbed.flights.numeric["temp"][july]
    expected = f"mean {np.nanmean(now):.4g} in July; {np.nanmean(then):.4g} in March"
    assert reason(row, disturbed, march) == expected


def test_the_mean_of_a_rare_one_is_that_of_its_worst_day(
    disturbed: Traffic, march: Traffic
) -> None:
    row = fired("data_drift", "feature/hour", "psi", ms(11, 29), fired=1, months=((11, 1),))
    now = disturbed.flights.numeric["hour"][on(disturbed, ms(11, 29))].mean()
    assert reason(row, disturbed, march).startswith(f"mean {now:.4g} on 29 Nov; ")


def test_categories_are_told_by_the_share_that_moved_most(
    disturbed: Traffic, march: Traffic
) -> None:
    row = fired("data_drift", "feature/origin", "psi", ms(7, 1))
    text = reason(row, disturbed, march)
    now = disturbed.flights.categorical["origin"][on(disturbed, ms(7, 1))]
    assert text.startswith(f"{text[:3]} {(now == text[:3]).mean():.0%} on 1 Jul; ")


def test_performance_is_told_beside_how_many_landed_late(
    disturbed: Traffic, march: Traffic
) -> None:
    row = fired("performance", "performance", "accuracy_drop", ms(4, 25))
    expected = "71% right on 25 Apr, when 59% landed late; 91% and 24% in March"
    assert reason(row, disturbed, march) == expected


def test_labels_that_lack_are_flights_that_never_landed(disturbed: Traffic, march: Traffic) -> None:
    row = fired("label_coverage", "labels", "coverage_drop", ms(12, 14))
    now = disturbed.flights.labelled[on(disturbed, ms(12, 14))].mean()
    assert now < 0.9 < march.flights.labelled.mean()
    assert reason(row, disturbed, march).startswith(f"{now:.0%} have landed, ")


def test_there_is_a_reason_for_all_that_fires(
    rehearsed: Rehearsed, disturbed: Traffic, march: Traffic
) -> None:
    rows = rehearsed.story.elsewhere()
    assert len(rows) > 15
    for row in rows:
        text = reason(row, disturbed, march)
        assert "March" in text
        assert "nan" not in text
