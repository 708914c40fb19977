"""How what came out differs from what the input log implies: every difference, in words."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e import verdicts
from tests.e2e.logs import INPUTS, RESPONSES
from tests.e2e.oracle.intake import EVER, Entry, Taken, take
from tests.e2e.oracle.setting import Model
from tests.e2e.oracle.windows import Judgement

OUTCOMES = ("counted", "duplicate", "late", "dead", "quarantined", "waiting")
#: Counters of one partition: topic to outcome to events.
Counters = Mapping[str, Mapping[str, int]]
Events = Mapping[str, Sequence[Mapping[str, Any]]]


class Truth:
    """What an input log implies, said by the oracle alone.

    Verdicts rest on the log's bytes and nothing else, and take the oracle longer than anything:
    logs of the same bytes share them.
    """

    _judged: dict[str, list[Judgement]] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, models: Sequence[Model], log: Sequence[Entry]) -> None:
        self.log = log
        self.taken: Taken = take(log, models)
        key = hashlib.sha256(repr([(m.id, id(m)) for m in models]).encode())
        for entry in sorted(log, key=lambda entry: entry.place):
            key.update(repr((entry.place, entry.value)).encode())
        digest = key.hexdigest()
        if digest not in self._judged:
            self._judged[digest] = verdicts.judged(models, self.taken)
        self.judged = self._judged[digest]

    @property
    def revised(self) -> int:
        """How many verdicts on a window rest on more predictions than the one before."""
        first = {j.key("window"): j.predictions for j in self.judged if not j.revision}
        later = [j for j in self.judged if j.revision]
        return sum(j.predictions > first.get(j.key("window"), 0) for j in later)

    @property
    def ends(self) -> Counter[tuple[str, int]]:
        """Ends of streams by topic and partition: they are no events."""
        return Counter(e.place[:2] for e in self.log if e.place not in self.taken.fates)


def differences(
    truth: Truth,
    events: Events,
    counters: Mapping[int, Counters],
    ended: tuple[int, int] = (EVER, EVER),
) -> list[str]:
    """All that is missing, too many or unlike; [] where the stream is exact.

    Where a stream goes on, windows that `ended` by the first time, in ms, must have been judged,
    those by the second one may, and none that ends later.
    """
    drift = events["drift-events"]
    must, may = ended
    seen = {event["id"] for event in drift}
    judged = [
        j for j in truth.judged
        if j.end <= must or (j.end <= may and f"{j.key('window')}.{j.revision}" in seen)
    ]  # fmt: skip
    wrong = [*accounting(truth, counters), *repeated(events)]
    wrong += [*verdicts.findings(drift, judged), *verdicts.windows(drift, judged)]
    wrong += verdicts.responses({topic: events[topic] for topic in RESPONSES}, judged)
    letters = {topic: events[topic] for topic in ("dead-letters", "late")}
    return wrong + verdicts.letters(letters, truth.taken)


def accounting(truth: Truth, counters: Mapping[int, Counters]) -> list[str]:
    """Where a partition's committed counters don't add up to its log, or aren't the oracle's."""
    wrong = []
    sent = Counter(entry.place[:2] for entry in truth.log)
    for partition in sorted({n for _, n in sent} | counters.keys()):
        found = {k: dict(v) for k, v in counters.get(partition, {}).items()}
        for topic in INPUTS:
            of = found.get(topic, {})
            read, fates = of.get("read", 0), sum(of.get(outcome, 0) for outcome in OUTCOMES)
            events = sent[topic, partition] - truth.ends[topic, partition]
            if not read == fates == events:
                wrong.append(
                    f"accounting of {topic} {partition}: {events} events in the log, {read} read, "
                    f"{fates} accounted for: {of}"
                )
        expected = truth.taken.accounting(partition)
        for name in sorted(found.keys() | expected.keys()):
            one, other = found.get(name, {}), expected.get(name, {})
            for what in sorted(one.keys() | other.keys()):
                if one.get(what, 0) != other.get(what, 0):
                    wrong.append(
                        f"accounting of {name} {partition}: {one.get(what, 0)} {what}, "
                        f"expected {other.get(what, 0)}"
                    )
    return wrong


def repeated(events: Events) -> list[str]:
    """Events that were published twice."""
    wrong = []
    for topic, some in events.items():
        times = Counter(event["id"] for event in some)
        wrong += [f"published {n} times on {topic}: {key}" for key, n in times.items() if n > 1]
    return wrong
