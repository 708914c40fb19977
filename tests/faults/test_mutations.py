"""The suite itself is tested: with what makes the stream exact switched off, it must fail.

Fencing and the order of commits are properties of real processes and a real broker; dedup and the
replacing of snapshots are properties of the pure stages, which run here in memory, under the same
load and the same comparison. The harm alone, without the mutation, is in `test_trials.py`, or here
beside it: then nothing differs.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.evaluate import input_sums, outcome_sums
from monitor.observe.partition import ObservePartition
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.models import read_config, read_keyring, read_models
from tests.e2e.logs import INPUTS, OUTPUTS
from tests.e2e.oracle.intake import Entry
from tests.e2e.scenario import ABROAD, T0
from tests.faults.comparison import Truth, differences
from tests.faults.crashes import stand_still
from tests.faults.ground import Ground
from tests.faults.load import Load, load
from tests.faults.rig import until
from tests.pipeline import PARTITIONS, Pipeline

#: The broker's clock: long after the load, and before what it dates into the future.
NOW = T0 + ABROAD // 2


@pytest.fixture(scope="module")
def drawn() -> Load:
    return load(6000, seed=4)


@pytest.fixture
def ground(kafka: EmbeddedKafka, tmp_path: Path) -> Ground:
    return Ground(kafka, tmp_path, scale=0.01)


# -- with a broker ---------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_without_fencing_a_zombie_is_noticed(ground: Ground, drawn: Load) -> None:
    """Its flush lands last: what it says was said before, and its rows are of long ago."""
    with ground.rig(drawn, 6.0) as rig:
        undead = stand_still(rig, "unfenced")
        rig.worker("unfenced").owns()
        rig.at_rest()
        undead.wakes()
        undead.worker.owns(times=2)
        assert "taken it over" not in undead.worker.said
        _, _, wrong = rig.differences()
    assert any(one.startswith("published 2 times on dead-letters") for one in wrong), wrong[:5]


@pytest.mark.timeout(600)
def test_input_acknowledged_before_the_commit_is_noticed(ground: Ground, drawn: Load) -> None:
    """Killed in between, a worker has lost what it had read; the same death before is harmless.

    The row of applied offsets is the acknowledgement: the group's own offsets decide nothing.
    """
    with ground.rig(drawn, 6.0) as rig:
        mark = rig.folder / "between"
        worker = rig.worker(f"acknowledge_first:{mark}:2")
        rig.flow()
        until("a death between two commits", mark.exists)
        worker.says("worker started again")
        _, _, wrong = rig.differences()
    assert any(one.startswith("accounting of ") and " events in the log, " in one for one in wrong)


# -- in memory -------------------------------------------------------------------------------------


def run(drawn: Load, folder: Path) -> list[str]:
    """Run the pure stages in a drawn order with crashes; how what came out differs."""
    config = read_config(drawn.write(folder, "127.0.0.1:1", "pure"))
    pipeline = Pipeline(list(read_models(config)), read_keyring(config))
    for sent in drawn.sent:
        if sent.partition is None or sent.partition < PARTITIONS:
            pipeline.append(sent.topic, sent.key, sent.value, sent.partition, NOW)
    pipeline.run(random.Random(1), crashes=0.1)
    log = [
        Entry(topic, partition, record.offset, record.timestamp, record.value)
        for topic in INPUTS
        for partition in range(PARTITIONS)
        for record in pipeline.logs[topic, partition]
    ]
    events = {topic: pipeline.published(topic) for topic in OUTPUTS if topic != "panes"}
    counters = {
        unit.partition: unit.logic.accounting.to_rows()
        for unit in pipeline.units
        if isinstance(unit.logic, ObservePartition)
    }
    return differences(Truth(drawn.models, log), events, counters)


def test_with_nothing_switched_off_nothing_differs(drawn: Load, tmp_path: Path) -> None:
    wrong = run(drawn, tmp_path)
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:20])


def test_without_dedup_every_duplicate_is_noticed(
    drawn: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.observe.state.ModelState.may_forget", lambda *_: True)
    wrong = run(drawn, tmp_path)
    assert any("duplicate, expected" in one for one in wrong), wrong[:5]


def test_snapshots_that_are_added_are_noticed(
    drawn: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each snapshot of a pane is taken for a pane of its own, so that they add up."""
    snapshots: dict[int, tuple[int, Any]] = {}

    def another(pane: Any) -> int:
        """A number of this snapshot's own; it is kept, so that no other gets its identity."""
        return snapshots.setdefault(id(pane), (len(snapshots), pane))[0]

    for module in (input_sums, outcome_sums):
        known = module.snapshot_key

        def always_another(pane: Any, known: Callable[[Any], Any] = known) -> Any:
            return *known(pane), another(pane)

        monkeypatch.setattr(module, "snapshot_key", always_another)
    wrong = run(drawn, tmp_path)
    assert any("predictions is" in one or "n_current is" in one for one in wrong), wrong[:5]
