"""The demo's flights as a file: a replay says of them what the stream's stages say."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from monitor.demo.incidents import DAY_MS, INCIDENTS
from monitor.demo.model import CLASSES, classes
from monitor.demo.rehearsal import rehearse
from monitor.demo.story import Story
from monitor.demo.traffic import VERSION, Traffic
from monitor.files.history import read_histories
from monitor.files.tables import read_table
from monitor.observe.model import Monitored
from monitor.replay.run import replay


@pytest.fixture(scope="module")
def weeks(disturbed: Traffic) -> Traffic:
    """Two weeks in which two incidents end or begin."""
    start = INCIDENTS[0].start_ms - 6 * DAY_MS
    return disturbed.between(start, start + 14 * DAY_MS)


def table(traffic: Traffic) -> pl.DataFrame:
    """A row a flight: what was predicted of it, and when it was known to be late."""
    flights = traffic.flights
    known, landed = flights.labelled, flights.landed_ms.tolist()
    late = pl.Series([CLASSES[0] if was else CLASSES[1] for was in flights.late.tolist()])
    return pl.DataFrame(
        {
            **flights.numeric,
            **{name: values.tolist() for name, values in flights.categorical.items()},
            "prediction_id": flights.ids.tolist(),
            "model_version": [VERSION] * len(flights),
            "timestamp": flights.departed_ms,
            "prediction": classes(traffic.scores),
            "score": traffic.scores,
            "label": [one if has else None for one, has in zip(late, known, strict=True)],
            "label_timestamp": [at if has else None for at, has in zip(landed, known, strict=True)],
        }
    )  # fmt: skip


def placeless(told: dict[Any, Any]) -> dict[Any, Any]:
    """Without offsets, which are those of another log."""
    return {of: msgspec.structs.replace(one, source_offsets={}) for of, one in told.items()}


def test_a_file_of_flights_says_what_their_events_say(
    watched: Monitored, weeks: Traffic, tmp_path: Path
) -> None:
    table(weeks).write_parquet(tmp_path / "flights.parquet")
    past = read_histories([read_table(str(tmp_path / "flights.parquet"))], [watched])
    done = replay(watched, past.known[watched.spec.id], 4_102_444_800_000)
    told = Story(())
    for values in done.published.values():
        for value in values:
            told.take(value)
    rehearsed = rehearse(watched, weeks)
    assert done.accounting.to_rows() == rehearsed.accounting.to_rows()
    assert placeless(told.windows) == placeless(rehearsed.story.windows)
    assert placeless(told.findings) == placeless(rehearsed.story.findings)
    assert told.actions == rehearsed.story.actions
    assert told.findings
    assert told.actions
