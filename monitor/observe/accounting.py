"""What became of every event that was read: the second promise, as counters.

read = counted + duplicate + late + dead-lettered + quarantined + waiting, for each input topic of
a partition, in events. End-of-stream records are no events and are not in it.

Events of models that are keyed otherwise are `moved` from the partition that read them, and have
`arrived` in the one that judges them: there, read + arrived = ... + moved.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

OUTCOMES = ("counted", "duplicate", "late", "dead", "quarantined", "waiting")


class Accounting:
    """Counters of one source partition, by input topic and outcome; dead letters by reason too."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[tuple[str, str]] = Counter()

    def add(self, topic: str, outcome: str, n: int = 1) -> None:
        """Count n events of `topic` as `outcome`; a negative n moves events out of `waiting`."""
        self.counts[topic, outcome] += n

    def reject(self, topic: str, outcome: str, reason: str, n: int = 1) -> None:
        """Count n events that were not used, with their reason."""
        self.counts[topic, outcome] += n
        self.reasons[topic, reason] += n

    def to_rows(self) -> dict[str, dict[str, int]]:
        """Plain mappings: topic to outcome to events, and `topic!reasons` to reason to events."""
        rows: dict[str, dict[str, int]] = {}
        for (topic, outcome), n in sorted(self.counts.items()):
            if n:  # whether anything ever waited depends on which topic was read first
                rows.setdefault(topic, {})[outcome] = n
        for (topic, reason), n in sorted(self.reasons.items()):
            rows.setdefault(f"{topic}!reasons", {})[reason] = n
        return rows

    @classmethod
    def from_rows(cls, rows: Mapping[str, Mapping[str, int]]) -> "Accounting":
        """Rebuild what `to_rows` wrote."""
        self = cls()
        for name, counts in rows.items():
            topic, _, reasons = name.partition("!")
            target = self.reasons if reasons else self.counts
            target.update({(topic, key): n for key, n in counts.items()})
        return self


def total(partitions: Iterable[Accounting]) -> Accounting:
    """Sum the counters of several partitions."""
    out = Accounting()
    for part in partitions:
        out.counts.update(part.counts)
        out.reasons.update(part.reasons)
    return out


def unbalanced(accounting: Accounting) -> dict[str, int]:
    """Topics whose events read or arrived are not the sum of their outcomes, with the difference.

    >>> a = Accounting(); a.add("labels", "read", 3); a.add("labels", "counted", 2)
    >>> unbalanced(a)
    {'labels': 1}
    """
    topics = sorted({topic for topic, _ in accounting.counts})
    missing = {
        topic: accounting.counts[topic, "read"]
        + accounting.counts[topic, "arrived"]
        - sum(accounting.counts[topic, outcome] for outcome in (*OUTCOMES, "moved"))
        for topic in topics
    }
    return {topic: n for topic, n in missing.items() if n}
