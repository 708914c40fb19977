"""Three incidents, announced in a file before the stream begins, and what they do to the flights.

Each one was placed where the year without it is calm for its subject and detector; the tests
compute that apart from the detectors. A finding counts only if it comes in time: `finds`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import numpy as np

from monitor.demo.flights import WEATHER, Flags, Flights, Floats

#: A window of the demo, in ms; incidents begin and end at its borders.
DAY_MS = 86_400_000
#: An incident must be found in one of so many windows from its beginning on.
IN_TIME = 3
_KM_PER_MILE = 1.609344
_ALARMS = ("medium", "high", "critical")


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong from `start` to before `end` (RFC 3339), and who is to find it."""

    name: str
    what: str
    subject: str
    detector: str
    start: str
    end: str

    @property
    def start_ms(self) -> int:
        """The beginning in ms since 1970."""
        return _ms(self.start)

    @property
    def end_ms(self) -> int:
        """The end in ms since 1970, exclusive."""
        return _ms(self.end)

    def covers(self, times_ms: np.typing.NDArray[np.int64]) -> Flags:
        """Return for each time whether the incident is on, bool[n]."""
        return np.logical_and(self.start_ms <= times_ms, times_ms < self.end_ms)

    def in_time(self, window_start_ms: int) -> bool:
        """Say whether a window of a day begins within the first three of the incident."""
        return 0 <= window_start_ms - self.start_ms < IN_TIME * DAY_MS


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The file that says, before the stream begins, what will go wrong in it."""

    model_id: str
    window_ms: int
    in_time_windows: int
    incidents: tuple[Incident, ...]


UNIT_CHANGE = Incident(
    name="unit change",
    what="the schedule's feed gives the distance in kilometres instead of miles",
    subject="feature/distance",
    detector="data_drift",
    start="2013-06-10T00:00:00Z",
    end="2013-06-15T00:00:00Z",
)
SILENT_SWAP = Incident(
    name="silent swap",
    what="the vendor serves a model trained on a wrong label, under the same version",
    subject="performance",
    detector="performance",
    start="2013-09-27T00:00:00Z",
    end="2013-10-02T00:00:00Z",
)
FEED_OUTAGE = Incident(
    name="feed outage",
    what="the weather vendor's feed is out: all nine columns are null",
    subject="feature/visib",
    detector="data_quality",
    start="2013-11-13T00:00:00Z",
    end="2013-11-17T00:00:00Z",
)
INCIDENTS = (UNIT_CHANGE, SILENT_SWAP, FEED_OUTAGE)


def announcement(model_id: str, incidents: tuple[Incident, ...] = INCIDENTS) -> bytes:
    """Return the file's bytes: JSON that msgspec reads back as an `Announcement`."""
    announced = Announcement(
        model_id=model_id, window_ms=DAY_MS, in_time_windows=IN_TIME, incidents=incidents
    )
    return msgspec.json.format(msgspec.json.encode(announced), indent=2) + b"\n"


def disturb(flights: Flights, incidents: tuple[Incident, ...]) -> Flights:
    """Return the flights as the feeds deliver them while the incidents last."""
    changed: dict[str, Floats] = {}
    if UNIT_CHANGE in incidents:
        on, miles = UNIT_CHANGE.covers(flights.departed_ms), flights.numeric["distance"]
        changed["distance"] = np.where(on, np.round(miles * _KM_PER_MILE), miles)
    if FEED_OUTAGE in incidents:
        on = FEED_OUTAGE.covers(flights.departed_ms)
        changed |= {name: np.where(on, np.nan, flights.numeric[name]) for name in WEATHER}
    return flights.with_numeric(changed)


def finds(
    incident: Incident, *, subject: str, detector: str, severity: str, window_start_ms: int
) -> bool:
    """Say whether a finding finds the incident: its subject and detector, an alarm, in time."""
    return (
        (subject, detector) == (incident.subject, incident.detector)
        and severity in _ALARMS
        and incident.in_time(window_start_ms)
    )


def during(incidents: tuple[Incident, ...], window_start_ms: int) -> Incident | None:
    """Return the incident that a day's window lies in, None if it lies in none."""
    return next((i for i in incidents if i.start_ms <= window_start_ms < i.end_ms), None)


def _ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp()) * 1000
