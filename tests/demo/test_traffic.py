"""The stream that the demo publishes: whole, in order, each event once, the same every time."""

import hashlib
from collections import Counter
from itertools import islice

import msgspec
import numpy as np
import pytest

from monitor.client.encoding import encode
from monitor.demo.flights import KINDS, Flights
from monitor.demo.incidents import INCIDENTS, SILENT_SWAP
from monitor.demo.traffic import (
    MAX_DELAY_MS,
    REFERENCE,
    STREAM,
    TRAINING,
    Event,
    Models,
    Traffic,
    events,
    reference_baseline,
    serve,
)


@pytest.fixture(scope="module")
def published(disturbed: Traffic) -> list[Event]:
    return list(events(disturbed))


def test_training_reference_and_stream_share_no_flight(flights: Flights) -> None:
    spans = [flights.departing(*span) for span in (TRAINING, REFERENCE, STREAM)]
    assert [len(part) for part in spans] == [51_800, 28_878, 256_098]
    assert sum(len(part) for part in spans) == len(flights)


def test_every_flight_is_predicted_once_and_labelled_once_if_it_landed(
    published: list[Event], disturbed: Traffic
) -> None:
    flights = disturbed.flights
    by_kind = {
        kind: [event.id for event in published if event.kind == kind]
        for kind in ("prediction", "label")
    }
    assert by_kind["prediction"] == flights.ids.tolist()
    assert Counter(by_kind["label"]) == Counter(flights.ids[flights.labelled].tolist())
    assert len(by_kind["label"]) == 249_546
    assert len(published) == 505_644


def test_no_event_is_out_of_order(published: list[Event]) -> None:
    times = np.array([event.time_ms for event in published])
    assert (np.diff(times) >= 0).all()


def test_a_label_comes_after_its_prediction_and_in_time(published: list[Event]) -> None:
    predicted: dict[str, int] = {}
    for event in published:
        if event.kind == "prediction":
            predicted[event.id] = event.time_ms
        else:
            assert 0 < event.time_ms - predicted[event.id] < MAX_DELAY_MS


def test_an_event_says_what_the_flight_was(published: list[Event], disturbed: Traffic) -> None:
    flights = disturbed.flights
    rows = {id_: i for i, id_ in enumerate(flights.ids.tolist())}
    for event in published[::5003]:
        said = msgspec.json.decode(encode(event.kind, event.fields, 0).value)
        row = rows[event.id]
        assert said["prediction_id"] == event.id
        assert said["timestamp"] == event.time_ms
        if event.kind == "label":
            assert said["label"] == ("late" if flights.arr_delay[row] >= 15 else "on_time")
            continue
        assert said["model_version"] == "1.0.0"
        assert said["prediction"] == ("late" if said["score"] >= 0.5 else "on_time")
        assert said["score"] == disturbed.scores[row]
        assert list(said["features"]) == list(KINDS)
        for name, kind in KINDS.items():
            value = said["features"][name]
            if kind == "categorical":
                assert value == flights.categorical[name][row]
            elif value is None:
                assert np.isnan(flights.numeric[name][row])
            else:
                assert value == flights.numeric[name][row]


def test_the_stream_is_the_same_every_time(flights: Flights, models: Models) -> None:
    def digest() -> str:
        part = flights.departing(STREAM[0], SILENT_SWAP.start_ms)
        stream = events(serve(part, models, INCIDENTS))
        values = (encode(e.kind, e.fields, 0).value for e in islice(stream, 20_000))
        return hashlib.sha256(b"\n".join(values)).hexdigest()

    assert digest() == digest()


def test_the_swap_keeps_the_version_and_changes_only_its_own_days(
    clean: Traffic, flights: Flights, models: Models
) -> None:
    swapped = serve(clean.flights, models, (SILENT_SWAP,))
    on = SILENT_SWAP.covers(clean.flights.departed_ms)
    assert (swapped.scores[~on] == clean.scores[~on]).all()
    assert (swapped.scores[on] != clean.scores[on]).mean() > 0.99


def test_the_baseline_is_march_out_of_sample(
    flights: Flights, models: Models, march: Traffic
) -> None:
    baseline = reference_baseline(flights, models)
    assert baseline.rows == 28_878
    assert dict(baseline.features) == dict(KINDS)
    assert baseline.outcomes is not None
    assert baseline.outcomes.predictions == 28_878
    total = baseline.outcomes.total
    assert total.sum() == march.flights.labelled.sum()
    assert np.trace(total) == march.correct[march.flights.labelled].sum()
    within = march.flights.landed_ms - march.flights.departed_ms <= MAX_DELAY_MS // 4
    assert (
        baseline.outcomes.cumulative(MAX_DELAY_MS // 4).sum()
        == (within & march.flights.labelled).sum()
    )
    assert reference_baseline(flights, models) == baseline
