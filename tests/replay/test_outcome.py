"""What a replay says of itself: what stands, what was judged, what two policies say otherwise."""

import json
from pathlib import Path

import msgspec
import pytest

from monitor.events.types import FindingData
from monitor.observe.model import Monitored
from monitor.registry.specs import DataDriftSpec, Thresholds
from monitor.replay.difference import difference
from monitor.replay.outputs import TOPICS, lines, summary
from monitor.replay.run import Replayed
from monitor.replay.told import Told, tell
from tests.observe.stream import HOUR, MINUTE, T0, WINDOW, baseline, monitored, prediction, spec
from tests.replay.past import replayed, written
from tests.test_laws import early

#: Amounts of 100 against a baseline of normal ones: far from all that it holds.
SHIFTED = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(180)]


@pytest.fixture
def file(tmp_path: Path) -> str:
    return written(tmp_path / "past.jsonl", SHIFTED)


def sums(told: Told) -> dict[str, tuple[int, dict[str, int]]]:
    return {name: (one.judged, dict(one.unjudged)) for name, one in told.windows.items()}


def test_findings_stand_in_order_of_time_the_graver_first(file: str) -> None:
    told = tell(replayed(monitored(), file))
    keys = [(one.window.end, one.verdict) for one in told.findings]
    ranks = ["critical", "high", "medium"]
    assert keys == sorted(keys, key=lambda key: (key[0], ranks.index(key[1])))
    assert {one.detector for one in told.findings} >= {"data_drift"}
    assert told.events == {"predictions": 180}
    assert sum(told.actions.values()) > 0


def test_windows_that_were_not_judged_say_why(file: str) -> None:
    told = tell(replayed(monitored(), file))
    assert sums(told)["data_drift"] == (3, {})
    assert sums(told)["performance"] == (0, {"labels_immature": 3})
    assert "have a label" in told.windows["performance"].instances["labels_immature"]
    few = DataDriftSpec(windows=(WINDOW,), min_samples=61)
    assert sums(tell(replayed(monitored(data_drift=few), file)))["data_drift"] == (
        0, {"insufficient_data": 3},
    )  # fmt: skip
    bare = tell(replayed(Monitored(spec(), None), file))
    assert sums(bare)["data_drift"] == (0, {"baseline_missing": 3})
    assert bare.findings == ()


def test_what_a_revision_takes_back_does_not_stand(tmp_path: Path) -> None:
    """The provisional window sees one half, all of one colour; the rest comes behind."""
    window = DataDriftSpec(windows=(early(60, 60),), min_samples=10)
    model = monitored(data_drift=window, prediction_drift=None, performance=None)
    first = [prediction(f"a{n}", T0 + n * MINUTE) for n in range(60)]
    after = [prediction(f"z{n}", T0 + HOUR + n * MINUTE) for n in range(60)]
    done = replayed(model, written(tmp_path / "p.jsonl", first + after))
    told = tell(done)
    both = [e for e in done.published["drift-events"] if b"drift.detected" in e]
    assert len(both) > len(told.findings) > 0
    assert told.withdrawn == 0
    # The same findings, had only the last revisions not held them.
    kept = [
        e
        for e in done.published["drift-events"]
        if b"drift.detected" not in e or b'"revision":0' in e
    ]
    fewer = tell(Replayed(done.model, done.accounting, {"drift-events": kept}))
    assert fewer.findings == ()
    assert fewer.withdrawn == len(told.findings)


def test_two_policies_differ_by_event_key(file: str) -> None:
    def told(**thresholds: float) -> tuple[FindingData, ...]:
        drift = DataDriftSpec(
            windows=(WINDOW,), min_samples=50, method="plain",
            thresholds={"psi": Thresholds(**thresholds), "rates": Thresholds(0.01, 0.05, 0.1)},
        )  # fmt: skip
        return tell(replayed(monitored(data_drift=drift), file)).findings

    strict, lenient = told(medium=0.1, high=0.2, critical=0.3), told(medium=0.1, high=0.2)
    deaf = told(medium=1e6)
    found = difference(strict, lenient)
    assert len(found.graver) > 0
    assert all((a.verdict, b.verdict) == ("critical", "high") for a, b in found.graver)
    assert len(found.graver) + found.same == len(strict)
    assert (found.only_one, found.only_other, found.milder) == ((), (), ())
    back = difference(lenient, strict)
    assert back.milder == tuple((b, a) for a, b in found.graver)
    only = difference(strict, deaf)
    assert len(only.only_one) == len(strict) - len(deaf) > 0
    assert difference(deaf, strict).only_other == only.only_one
    assert difference(strict, strict).same == len(strict)


def test_lines_are_the_events_of_the_stream_in_order_of_time(file: str) -> None:
    done = replayed(monitored(), file)
    events = [json.loads(line) for line in lines([done], "drift-events")]
    assert len(events) == len(done.published["drift-events"])
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert all(event["specversion"] == "1.0" for event in events)
    assert set(done.published) <= set(TOPICS)


def test_the_summary_adds_up(file: str) -> None:
    done = replayed(monitored(), file)
    told = tell(done)
    answer = summary([done], [told], {"other": 3})
    assert msgspec.json.decode(msgspec.json.encode(answer)) == answer
    (one,) = answer["models"]
    assert sum(sum(of.values()) for of in one["findings"].values()) == len(told.findings)
    assert answer["events"]["predictions"] == {"counted": 180, "read": 180}
    assert answer["left_out"] == {"other": 3}


def test_the_hash_is_the_configurations(file: str) -> None:
    """The clock is replaced, and yet a verdict names the configuration that it is of."""
    live = Monitored(spec(clock="append", config_hash="0123456789abcdef"), baseline())
    told = tell(replayed(live, file))
    assert {one.config_hash for one in told.findings} == {"0123456789abcdef"}
