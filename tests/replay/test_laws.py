"""The law of a replay: a file says what the stream says of the same events, one by one."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.observe.accounting import unbalanced
from monitor.observe.model import Monitored
from monitor.registry.specs import (
    DataDriftSpec,
    LabelsSpec,
    PerformanceSpec,
    PredictionDriftSpec,
)
from tests.observe.stream import HOUR, MINUTE, T0, WINDOW, label, monitored, prediction
from tests.pipeline import APPEND_MS
from tests.replay.past import TOPICS, Events, in_time, replayed, streamed, told, written
from tests.story import story
from tests.test_laws import MODEL, PROVISIONAL

EARLY = structs.replace(WINDOW, provisional=True)
#: Few rows are enough to be judged.
FEW: dict[str, Any] = {
    "data_drift": DataDriftSpec(windows=(EARLY,), min_samples=1),
    "prediction_drift": PredictionDriftSpec(windows=(WINDOW,), min_samples=1),
}
LABELLED: dict[str, Any] = {
    "performance": PerformanceSpec(windows=(WINDOW,), min_samples=1),
    "labels": LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=0.01),
}
MODELS = {
    "joined": monitored(**FEW, **LABELLED),
    "unjoined": monitored(**FEW, labels=None, performance=None),
}
FUTURE = APPEND_MS + 10 * MINUTE


def agree(folder: Path, model: Monitored, predictions: Events, labels: Events, **how: int) -> None:
    """Both say the same, of each window and finding, and of what became of every event."""
    stream = streamed(model, in_time(predictions), in_time(labels), **how)
    files = [written(folder / "predictions.jsonl", predictions)]
    if labels:
        files.append(written(folder / "labels.jsonl", labels))
    done = replayed(model, *files)
    assert done.accounting.to_rows() == stream.accounting().to_rows()
    assert not unbalanced(done.accounting)
    for topic in TOPICS:
        assert told(done, topic) == stream.events(topic)
    assert told(done, "drift-events")


@pytest.mark.parametrize(
    ("model", "partitions"),
    [(MODEL, 1), (MODEL, 3), (PROVISIONAL, 1)],
    ids=["one partition", "three", "provisional"],
)
def test_a_file_says_what_the_stream_says(
    tmp_path: Path, model: Monitored, partitions: int
) -> None:
    """With repeats, conflicts, corrections, labels of nobody, events of the future."""
    predictions, labels = story(1)
    agree(tmp_path, model, *map(sound, (predictions, labels)), partitions=partitions)


@pytest.mark.parametrize(
    ("model", "partitions"),
    [(MODEL, 1), (MODEL, 3), (PROVISIONAL, 1)],
    ids=["one partition", "three", "provisional"],
)
def test_so_it_does_without_repeats(tmp_path: Path, model: Monitored, partitions: int) -> None:
    """Then no memory is kept, and the labels are joined in bulk, whatever corrections come."""
    predictions, labels = (sound(events) for events in story(2))
    predictions = distinct(predictions)
    assert len(distinct(labels)) < len(labels)
    agree(tmp_path, model, predictions, labels, partitions=partitions)


def sound(events: list[Any]) -> list[dict[str, Any]]:
    """Events without what is no JSON: a file of lines has none of it."""
    return [event for event in events if isinstance(event, dict)]


def distinct(events: Events) -> list[dict[str, Any]]:
    """The first event of each id."""
    return list({event["prediction_id"]: event for event in reversed(events)}.values())


AMOUNTS = st.one_of(st.floats(40, 160), st.sampled_from([None, "oops", True, 0.0, 1e300, 10]))
COLORS = st.sampled_from(["red", "green", "blue", "mauve", None, 1, True, 2.5])
TIMES = st.one_of(
    st.integers(T0, T0 + 4 * HOUR),
    st.sampled_from([T0 + HOUR, T0 + HOUR - 1, FUTURE, 2**62, 2**70]),
)
#: The ages of labels that are told apart have bounds, and so has the longest delay.
DELAYS = st.one_of(
    st.integers(-HOUR, 9 * HOUR),
    st.sampled_from([HOUR, HOUR + 1, 8 * HOUR, 8 * HOUR + 1, -8 * HOUR, -8 * HOUR - 1]),
)
OUTCOMES = st.sampled_from(["yes", "no", "maybe", 1, 1.0, True, 2**63, "x" * 129])
#: What a row may be like that no column can hold.
ODD: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        *[{}] * 12,
        {"prediction": None}, {"prediction": ["no"]}, {"timestamp": None}, {"score": "high"},
        {"prediction_id": "no id"}, {"prediction_id": 7}, {"model_version": ""},
        {"model_version": None}, {"score": True},
    ]
)  # fmt: skip


@st.composite
def pasts(draw: st.DrawFn) -> tuple[Events, Events]:
    """A few predictions of two versions and labels, in the order of a file, some impossible."""
    again = draw(st.booleans())
    # Whoever gives no column at all is told so, and gets no replay.
    predictions: list[dict[str, Any]] = [prediction("first", T0)]
    labels: list[dict[str, Any]] = []
    for n in range(draw(st.integers(1, 30))):
        made = draw(TIMES)
        key = f"p{draw(st.integers(0, n)) if again else n}"
        event = prediction(
            key,
            made,
            model_version=draw(st.sampled_from(["1", "1", "2"])),
            features={"amount": draw(AMOUNTS), "color": draw(COLORS)},
            prediction=draw(OUTCOMES),
            score=draw(st.one_of(st.none(), st.floats(0, 1))),
        )
        event |= draw(ODD)
        predictions.append({name: value for name, value in event.items() if value is not None})
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
            due = made + draw(DELAYS)
            labels.append(label(key, min(due, FUTURE), draw(OUTCOMES)))
            if draw(st.integers(0, 4)) == 0:
                labels.append(labels[-1])
    return predictions, labels


def test_the_clock_is_the_events_whatever_the_configuration_says(tmp_path: Path) -> None:
    predictions, labels = (written(tmp_path / f"{n}", sound(e)) for n, e in enumerate(story(1)))
    files = [str(Path(file).rename(f"{file}.jsonl")) for file in (predictions, labels)]
    live, past = replayed(monitored(clock="append"), *files), replayed(MODEL, *files)
    for topic in TOPICS:
        assert told(live, topic) == told(past, topic)


def test_a_label_counts_at_its_age_to_the_millisecond(tmp_path: Path) -> None:
    """At the very bounds of the ages, and of the longest delay, and beyond them."""
    bounds = [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, -8 * HOUR]
    delays = [bound + off for bound in bounds for off in (-1, 0, 1)]
    predictions = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(len(delays))]
    labels = [label(f"p{n}", T0 + n * MINUTE + at, "no") for n, at in enumerate(delays)]
    agree(tmp_path, MODELS["joined"], predictions, labels)


def test_labels_of_predictions_without_ids_find_none(tmp_path: Path) -> None:
    """Ids are then made up, here and there alike."""
    predictions = [prediction("", T0 + n * MINUTE) for n in range(30)]
    anonymous = [{k: v for k, v in e.items() if k != "prediction_id"} for e in predictions]
    labels = [label(f"p{n}", T0 + n * MINUTE, "yes") for n in range(30)]
    done = replayed(
        MODEL, written(tmp_path / "p.jsonl", anonymous), written(tmp_path / "l.jsonl", labels)
    )
    rows = done.accounting.to_rows()
    assert rows["predictions"] == {"counted": 30, "read": 30}
    assert rows["labels!reasons"] == {"orphan_label": 30}
    assert not unbalanced(done.accounting)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(past=pasts(), name=st.sampled_from(list(MODELS)))
def test_whatever_is_in_a_file_meets_the_fate_that_the_stream_has_for_it(
    past: tuple[Events, Events], name: str
) -> None:
    (predictions, labels), model = past, MODELS[name]
    with tempfile.TemporaryDirectory() as folder:
        agree(Path(folder), model, predictions, labels if model.spec.labels else [])
