"""The measuring is measured: known speeds are told as they are, and all forms say the same."""

import argparse
import asyncio
import base64
import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from monitor.registry.config import load_config
from monitor.registry.limits import MAX_MODELS
from monitor.registry.specs import MINUTE_MS, SECOND_MS
from tests.bench import latency, sections, throughput, workload
from tests.bench.figures import Figures
from tests.bench.latency import MODELS, Closes
from tests.bench.sections import LENGTHS, SCALES
from tests.bench.setup import PARTITIONS, Setup
from tests.bench.throughput import Counted

RATE, FLUSH_S = 1000, 2.0


def _steady(partitions: int, seconds: float, dry_s: float = 0.0) -> Counted:
    """Partitions read at one rate together, each flushed every two seconds, at its own time."""
    flushes = []
    for partition in range(partitions):
        stop = seconds - (dry_s if partition == 0 else 0.0)
        at = FLUSH_S * (partition + 1) / partitions
        while at < seconds + FLUSH_S:
            flushes.append((round(at * 1000), partition, round(min(at, stop) * RATE / partitions)))
            at += FLUSH_S
    return Counted(flushes)


@pytest.mark.parametrize("partitions", [1, 4, 64])
@pytest.mark.parametrize("dry_s", [0.0, 5.0])
def test_a_steady_stream_has_its_own_rate_however_flushes_lag_behind(
    partitions: int, dry_s: float
) -> None:
    """Up to the last flush of all, what was applied before the first one would be counted too."""
    (began, first), (ended, last) = _steady(partitions, 40.0, dry_s).full_stream(up_ms=3000)
    assert (last - first) / (ended - began) * 1000 == pytest.approx(RATE, rel=0.01)
    assert began >= 4000


def test_a_run_that_is_over_before_all_is_up_says_nothing() -> None:
    with pytest.raises(AssertionError, match="publish more"):
        _steady(4, 20.0).full_stream(up_ms=15_000)


def _predictions(form: workload.Form) -> list[tuple[Any, ...]]:
    """(time, class, score, features) of every prediction, whatever form it has."""
    found: list[tuple[Any, ...]] = []
    for record in workload.records(1200, form, pace=300):
        event = json.loads(record)
        if form == "events":
            told = event["timestamp"], event["prediction"], event["score"], event["features"]
            found.append((*told[:3], tuple(sorted(told[3].items()))))
            continue
        features = {name: _values(column) for name, column in event["features"].items()}
        rows = zip(*features.values(), strict=True)
        columns = (event["timestamps"], event["predictions"], _values(event["scores"]), rows)
        for *head, row in zip(*columns, strict=True):
            found.append((*head, tuple(sorted(zip(features, row, strict=True)))))
    return found


def _values(column: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    return np.frombuffer(base64.b64decode(column["data"]), dtype="<f8").tolist()  # type: ignore[no-any-return]


def test_events_arrays_and_packed_columns_are_the_same_predictions() -> None:
    events = _predictions("events")
    assert len(events) == 1200
    assert _predictions("arrays") == events
    assert _predictions("packed") == events
    assert events[300][0] == workload.START_MS + 1000


def test_setups_that_are_compared_differ_in_one_thing() -> None:
    """The same number of events of the same time, and configurations that are valid."""
    for setups in (SCALES, LENGTHS):
        assert len({setup.pace for setup in setups.values()}) == 1
        for setup in setups.values():
            few = replace(setup, models=min(setup.models, 3))
            config = load_config(few.config("127.0.0.1:1"), "bench.yaml")
            assert len(config.models) == few.models
            assert len(config.models[0].windows) == 2 * len(setup.windows)
    assert max(setup.models for setup in SCALES.values()) <= MAX_MODELS
    one, six = LENGTHS.values()
    panes = {
        load_config(setup.config("127.0.0.1:1"), "bench.yaml").models[0].pane_ms
        for setup in (one, six)
    }
    assert panes == {MINUTE_MS}
    assert (len(one.windows), len(six.windows)) == (1, 6)


def test_a_window_closes_by_the_first_record_past_its_models_disorder_in_the_last_partition() -> (
    None
):
    asyncio.run(_closes())


async def _closes() -> None:
    closes, loop = Closes(), asyncio.get_running_loop()

    def note(partition: int, second: int) -> None:
        sent = loop.create_future()
        sent.set_result(SimpleNamespace(timestamp=1000 * second + partition))
        closes.note(7, partition, second * SECOND_MS, sent)

    for second in (10, 59, 66, 67, 68, 80):  # the seventh model waits seven seconds more
        for partition in range(PARTITIONS):
            note(partition, second + partition)
    name = workload.names(MODELS)[7]
    assert dict(closes.closed(0)) == {(name, MINUTE_MS): 69_003}
    assert dict(closes.closed(1)) == {}


def test_the_configuration_of_the_live_stream_is_valid_and_staggered() -> None:
    config = load_config(latency.config("127.0.0.1:1"), "latency.yaml")
    assert [model.disorder_ms for model in config.models] == [n * 1000 for n in range(MODELS)]
    assert {model.clock for model in config.models} == {"append"}


def test_a_setup_that_fails_takes_no_figure_from_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    held: list[int] = []

    def cost(address: str, setup: Setup, records: Sequence[bytes]) -> float:
        held.append(setup.models)
        if setup.models > 1:
            raise AssertionError("it came to a halt")
        return 10.0 * setup.workers

    monkeypatch.setattr(sections, "_kafka", lambda: contextlib.nullcontext("nowhere"))
    monkeypatch.setattr(throughput, "cost", cost)
    figures = Figures(Console(quiet=True))
    with pytest.raises(AssertionError, match=r"1,000 models: it came to a halt"):
        sections.SECTIONS["scaling"](figures, argparse.Namespace(events=200, runs=2))
    figures.report(tmp_path / "bench.json")
    found = json.loads((tmp_path / "bench.json").read_text())
    assert held == [1, 1, 1, 1000, 1, 1, 1]
    assert found[f"{sections.TWO} ÷ {sections.ONE}"]["ratio"] == 2.0
    assert not any("1,000 models" in name for name in found)


def test_a_limit_that_is_missed_is_told(tmp_path: Any) -> None:
    figures = Figures(Console(quiet=True))
    for value in (1.0, 3.0, 9.0):
        figures.take("delay", value, "s")
        figures.take("closes", value, "")
    figures.limit("delay", 2)
    figures.limit("closes", 3, most=False)
    figures.limit("never taken", 1)
    figures.report(tmp_path / "bench.json")
    found = json.loads((tmp_path / "bench.json").read_text())
    assert (found["delay"]["value"], found["delay"]["bound"]) == (3.0, "≤ 2")
    assert (found["delay"]["kept"], found["closes"]["kept"]) == (False, True)
    assert "never taken" not in found
