"""Two policies over one history: what only one of them finds, and what they grade differently."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.events.types import FindingData
from monitor.replay.told import rank

Pair = tuple[FindingData, FindingData]


@dataclass(frozen=True, slots=True)
class Difference:
    """Findings by event key: of one policy only, of the other only, or of both.

    Of pairs the first is `one`'s: it is `graver`, `milder`, or as grave.
    """

    only_one: tuple[FindingData, ...]
    only_other: tuple[FindingData, ...]
    graver: tuple[Pair, ...]
    milder: tuple[Pair, ...]
    same: int


def difference(one: Iterable[FindingData], other: Iterable[FindingData]) -> Difference:
    """Compare the findings of two policies, each with an event key of its own.

    The key says model, version, detector, subject and window, and so nothing of the policy: a
    finding over windows of another length is another finding.
    """
    here = {finding.event_key: finding for finding in one}
    there = {finding.event_key: finding for finding in other}
    both = [(finding, there[key]) for key, finding in here.items() if key in there]
    return Difference(
        only_one=tuple(finding for key, finding in here.items() if key not in there),
        only_other=tuple(finding for key, finding in there.items() if key not in here),
        graver=tuple((a, b) for a, b in both if rank(a) > rank(b)),
        milder=tuple((a, b) for a, b in both if rank(a) < rank(b)),
        same=sum(rank(a) == rank(b) for a, b in both),
    )
