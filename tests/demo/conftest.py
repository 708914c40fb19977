"""The demo's data and models, read and trained once for all tests."""

import pytest

from monitor.demo.flights import Flights, load_flights
from monitor.demo.incidents import INCIDENTS
from monitor.demo.rehearsal import Rehearsed, rehearse
from monitor.demo.settings import monitored
from monitor.demo.traffic import (
    REFERENCE,
    STREAM,
    Models,
    Traffic,
    reference_baseline,
    serve,
    train_models,
)
from monitor.observe.model import Monitored


@pytest.fixture(scope="session")
def flights() -> Flights:
    return load_flights()


@pytest.fixture(scope="session")
def models(flights: Flights) -> Models:
    return train_models(flights)


@pytest.fixture(scope="session")
def march(flights: Flights, models: Models) -> Traffic:
    return serve(flights.departing(*REFERENCE), models)


@pytest.fixture(scope="session")
def clean(flights: Flights, models: Models) -> Traffic:
    return serve(flights.departing(*STREAM), models)


@pytest.fixture(scope="session")
def disturbed(flights: Flights, models: Models) -> Traffic:
    return serve(flights.departing(*STREAM), models, INCIDENTS)


@pytest.fixture(scope="session")
def watched(flights: Flights, models: Models) -> Monitored:
    return monitored(reference_baseline(flights, models))


@pytest.fixture(scope="session")
def rehearsed(watched: Monitored, disturbed: Traffic) -> Rehearsed:
    return rehearse(watched, disturbed, INCIDENTS)
