"""Labels and reviews that wait for their predictions, with the traces of their records.

A trace is all that is kept of a record: enough for a dead letter, if the prediction never comes.
"""

from typing import NamedTuple

import msgspec

from monitor.observe.outcomes import Chain, Label, with_label
from monitor.observe.rejection import Trace


class Waited(msgspec.Struct, array_like=True):
    """What waits for a prediction, with the traces of its records: a row of the store."""

    chain: Chain
    traces: list[Trace]


class Claimed(NamedTuple):
    """What became of all that waited for a prediction: how many were taken or repeated.

    Those out of reach have waited in vain; their traces are taken along.
    """

    taken: int
    repeated: int
    lost: list[Trace]


class Waiting:
    """Labels or reviews that wait, by the id of the prediction that they wait for.

    A review stands in a chain as a label does: its decision is what it says of the prediction.
    """

    def __init__(self) -> None:
        #: All that waits, repeated labels too: each is accounted for when its fate is known.
        self.chains: dict[str, Chain] = {}
        self.traces: dict[int, Trace] = {}
        #: Ids whose row in the store is not that of today.
        self.dirty: set[str] = set()

    def add(self, key: str, label: Label) -> None:
        """Let one wait; `traces` has that of its record."""
        self.chains[key] = with_label(self.chains.get(key, ()), label)
        self.dirty.add(key)

    def take(self, key: str) -> list[tuple[Label, Trace]]:
        """Take out what waits for a prediction, in the order in which it came."""
        self.dirty.add(key)
        labels = sorted(self.chains.pop(key, ()), key=lambda label: label.offset)
        return [(label, self.traces.pop(label.offset)) for label in labels]

    def give_up(self, key: str) -> Waited:
        """Take out what waits for a prediction that will not come; in the order of its times."""
        self.dirty.add(key)
        chain = self.chains.pop(key, ())
        return Waited(chain, [self.traces.pop(label.offset) for label in chain])

    def orphans(self, before_ms: int) -> dict[str, Waited]:
        """Take out what waits for predictions of which nothing was said at or after a time.

        A chain is judged by its last, so that all that was said of one prediction shares a fate.
        """
        over = [key for key, chain in self.chains.items() if chain[-1].timestamp < before_ms]
        return {key: self.give_up(key) for key in over}

    def row(self, key: str) -> Waited | None:
        """The row of an id in the store; None where nothing waits."""
        chain = self.chains.get(key)
        return Waited(chain, [self.traces[label.offset] for label in chain]) if chain else None

    def load(self, key: str, row: Waited) -> None:
        """Take up a row of the store."""
        self.chains[key] = row.chain
        self.traces |= {trace.offset: trace for trace in row.traces}
