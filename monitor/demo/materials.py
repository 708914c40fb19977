"""All that the demo needs before Kafka: data, models, traffic, baseline, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.demo.flights import load_flights
from monitor.demo.incidents import INCIDENTS, Incident, announcement
from monitor.demo.reasons import reason
from monitor.demo.rehearsal import rehearse, rehearse_calm
from monitor.demo.settings import (
    BASELINE_FILE,
    CONFIG_FILE,
    INCIDENTS_FILE,
    config_text,
    monitored,
)
from monitor.demo.story import Fired, Story
from monitor.demo.traffic import (
    MODEL_ID,
    REFERENCE,
    STREAM,
    Traffic,
    reference_baseline,
    serve,
    train_models,
)
from monitor.observe.model import Monitored


@dataclass(frozen=True, slots=True, eq=False)
class Materials:
    """The model as it is watched, March, the stream as it was, and the stream as it is sent."""

    watched: Monitored
    march: Traffic
    clean: Traffic
    sent: Traffic
    incidents: tuple[Incident, ...]

    def calm(self) -> Story:
        """Return the story of the days of all incidents, had none of them happened."""
        return rehearse_calm(self.watched, self.clean, INCIDENTS)

    def reasons(self, story: Story) -> tuple[tuple[Fired, str, str], ...]:
        """Return what else fired, with how often it fires on March's own days, and why."""
        own = {
            (row.detector, row.subject): f"{row.fired} of {row.judged}"
            for row in rehearse(self.watched, self.march).story.elsewhere()
        }
        return tuple(
            (
                row,
                own.get((row.detector, row.subject), "0"),
                reason(row, self.sent, self.march),
            )
            for row in story.elsewhere()
        )


def gather(incidents: tuple[Incident, ...]) -> Materials:
    """Load the flights, train the models, and let them serve the stream, with these incidents."""
    flights = load_flights()
    models = train_models(flights)
    stream = flights.departing(*STREAM)
    clean = serve(stream, models)
    return Materials(
        watched=monitored(reference_baseline(flights, models)),
        march=serve(flights.departing(*REFERENCE), models),
        clean=clean,
        sent=serve(stream, models, incidents) if incidents else clean,
        incidents=incidents,
    )


def write(materials: Materials, folder: Path, bootstrap: str) -> Path:
    """Write baseline, incidents and configuration into a folder; return the latter's path."""
    baseline = materials.watched.baseline
    assert baseline is not None
    (folder / BASELINE_FILE).write_bytes(baseline.to_json())
    (folder / INCIDENTS_FILE).write_bytes(announcement(MODEL_ID, materials.incidents))
    config = folder / CONFIG_FILE
    config.write_text(config_text(bootstrap), encoding="utf-8")
    return config
