"""A live model under clocks that are wrong (T12), and its silence (T17).

It has been silent for half an hour, so that nothing has to be waited for: heartbeats close what is
open, by the broker's time alone. One worker's clock is ten minutes ahead, then another's ten
behind; while each is at work, events of this very minute come, which neither may take for late or
for future ones. Some producers' clocks are a day ahead.
"""

import json
import time
from dataclasses import dataclass

from tests.e2e.logs import Observed
from tests.e2e.oracle.setting import HOUR, MINUTE, SECOND, Signal
from tests.e2e.scenario import Scenario, Sent, live
from tests.faults.comparison import Truth, differences
from tests.faults.ground import Found, Ground, figures
from tests.faults.rig import Rig

#: Heartbeats come every five seconds, from two stages one after the other.
CLOSED_S = 120.0
WINDOW = Signal(5 * MINUTE, 5 * MINUTE, 30 * SECOND, 60)


@dataclass(frozen=True)
class Run:
    """What came of a live model's events."""

    rig: Rig
    truth: Truth
    found: Observed
    differences: list[str]

    def figures(self, **more: float) -> Found:
        """The differences and figures of this run."""
        return figures(self.rig, self.truth, self.differences, **more)


def _fresh(now: int) -> list[Sent]:
    """Predictions of the next minute, every tenth dated a day ahead; none was sent before."""
    sent = []
    for n, one in enumerate(live(WINDOW, now, now + MINUTE, rate=200, seed=3).sent):
        event = json.loads(one.value or b"")
        if one.topic == "predictions":
            event["prediction_id"] = f"fresh-{n}"
            event["timestamp"] += 24 * HOUR * (n % 10 == 0)
            sent.append(
                Sent(one.topic, event["prediction_id"].encode(), json.dumps(event).encode())
            )
    return sent


def run(ground: Ground) -> Run:
    """Run the model under both clocks; what came out, and how it differs from the truth."""
    now = int(time.time() * 1000)
    story = live(WINDOW, since=now - 100 * MINUTE, until=now - 30 * MINUTE)
    fresh = _fresh(now)
    load = Scenario(story.models, story.baselines, (*story.sent, *fresh))
    past = len(story.sent) / len(load.sent)
    # Windows of the present end when the broker says so, and no sooner.
    must = now - now % WINDOW.size

    def compare(rig: Rig, whole: bool) -> Run:
        found = rig.observed()
        truth = rig.truth(found) if whole else Truth(load.models, found.log)
        ended = (must, int(time.time() * 1000))
        return Run(rig, truth, found, differences(truth, found.events, found.partitions, ended))

    with ground.rig(load) as rig:
        rig.allow(past)
        rig.flow()
        rig.gone(past)
        ahead = rig.worker("skew:10")
        rig.rest()
        deadline = time.monotonic() + CLOSED_S
        while compare(rig, whole=False).differences and time.monotonic() < deadline:
            time.sleep(1.0)
        rig.allow((past + 1) / 2)
        rig.gone((past + 1) / 2)
        rig.rest()
        assert ahead.stop() == 0
        behind = rig.worker("skew:-10")
        behind.owns()
        rig.at_rest()
        result = compare(rig, whole=True)
        assert behind.stop() == 0
        return result


def clocks(ground: Ground) -> Found:
    """T12: workers' clocks ten minutes off, producers' a day: no window ends by any of them."""
    result = run(ground)
    fates = result.truth.taken.accounting()["predictions"]
    return result.figures(quarantined=fates.get("quarantined", 0), late=fates.get("late", 0))


def silence(ground: Ground) -> Found:
    """T17: 15 minutes and more without an event: an alert that says so, and no rollback."""
    result = run(ground)
    wrong = [*result.differences, *unsaid(result.found)]
    return figures(result.rig, result.truth, wrong, alerts=len(result.found.events["alerts"]))


def unsaid(found: Observed) -> list[str]:
    """What is wrong about the alert of a silence: there is none, or something is rolled back."""
    silent = {
        event["id"]
        for event in found.events["drift-events"]
        if event["data"]["kind"] == "drift"
        and "no_traffic" in (event["data"]["verdict"], event["data"]["detector"])
    }
    alerts = [e for e in found.events["alerts"] if e["data"]["finding_id"] in silent]
    wrong = [] if alerts else ["no alert says that nothing comes"]
    return wrong + [f"rolled back: {event['data']}" for event in found.events["rollbacks"]]
