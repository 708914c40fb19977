"""A scaled selection of the fault tests, about four minutes; `make faults` runs all of them."""

from pathlib import Path

import pytest

from monitor.stream.broker import EmbeddedKafka
from tests.e2e.logs import INPUTS, PARTITIONS
from tests.faults import crashes, inputs, live
from tests.faults.comparison import OUTCOMES
from tests.faults.ground import Found, Ground, figures
from tests.faults.load import Shares, load

#: One fiftieth of what FAULTS.md asks for, and at least one of everything.
SCALE = 0.012
#: How long counting may stand still after a worker's death, or once a broker is back, in seconds.
STANDSTILL_S = 15.0
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def ground(kafka: EmbeddedKafka, tmp_path: Path) -> Ground:
    return Ground(kafka, tmp_path, SCALE)


def exact(found: Found, **least: float) -> None:
    """No difference, and something was done: figures of at least so much."""
    told = "\n".join(found.differences[:20])
    assert not found.differences, f"{len(found.differences)} differences, {found.figures}:\n{told}"
    for name, n in ({"events": 8000, "windows": 300} | least).items():
        assert found.figures[name] >= n, found.figures


def test_t1_kill_9(ground: Ground) -> None:
    found = crashes.kill_9(ground)
    exact(found, kills=4, rebalances=4)
    assert found.figures["counting_again_median_s"] <= STANDSTILL_S, found.figures


def test_t2_rebalance_and_a_zombie(ground: Ground) -> None:
    exact(crashes.rebalance(ground), joins=3, pauses=1)


def test_t3_the_broker_is_killed_and_restarted(ground: Ground) -> None:
    found = crashes.broker(ground)
    exact(found, broker_restarts=2)
    assert found.figures["after_start_max_s"] <= STANDSTILL_S, found.figures


def test_t4_t5_t6_t13_duplicates_disorder_poison_and_versions(ground: Ground) -> None:
    """One load has them all, and one worker takes it without a restart."""
    drawn = load(12_000, seed=2, shares=Shares(newer=0.4))
    with ground.rig(drawn, 6.0) as rig:
        worker = rig.worker()
        rig.flow()
        truth, found, wrong = rig.differences()
        assert worker.stop() == 0
    assert "started again" not in worker.said
    exact(figures(rig, truth, wrong))
    assert inputs.has_duplicates(drawn, truth)
    assert inputs.has_disorder(drawn, truth)
    assert inputs.has_poison(drawn, truth)
    assert inputs.has_versions(drawn, truth)
    for topic in INPUTS:
        # Approvals have the keys of four models, and so not every partition has some.
        of_partitions = [
            counters[topic] for counters in found.partitions.values() if topic in counters
        ]
        assert of_partitions
        assert topic == "approvals" or len(of_partitions) == PARTITIONS
        for of in of_partitions:
            assert of["read"] == sum(of.get(outcome, 0) for outcome in OUTCOMES) > 0


@pytest.fixture(scope="module")
def present(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> live.Run:
    return live.run(Ground(kafka, tmp_path_factory.mktemp("live"), SCALE))


def test_t12_no_window_ends_by_a_wrong_clock(present: live.Run) -> None:
    exact(present.figures(), events=3000, windows=30)
    fates = present.truth.taken.accounting()["predictions"]
    assert fates["quarantined"] >= 10
    assert "late" not in fates


def test_t17_a_silence_is_told_and_nothing_is_rolled_back(present: live.Run) -> None:
    assert not live.unsaid(present.found)
