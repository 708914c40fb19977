"""Where a trial is held, and what it finds.

A trial is one fault test of FAULTS.md at any scale; 1.0 is what it asks for. It returns what it
found; a wait that is not met in time is an AssertionError, a run that says nothing `Invalid` or
`DidNotQuiesce`.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.e2e.scenario import Scenario
from tests.faults.comparison import Truth
from tests.faults.load import Load
from tests.faults.rig import Rig

MEGA = 2**20
#: Events a second of the longer trials.
RATE = 1000


class Skipped(Exception):
    """A trial that cannot be held on this machine."""


@dataclass
class Found:
    """What a trial found: differences from the truth, and figures by name."""

    differences: list[str]
    figures: dict[str, float] = field(default_factory=dict)
    #: What is drawn of them, as lines of text.
    drawn: str = ""


@dataclass(frozen=True)
class Ground:
    """Where trials are held: a broker, a folder, a scale, and someone who is told of them."""

    kafka: EmbeddedKafka
    folder: Path
    scale: float = 1.0
    seed: int = 1
    told: Callable[[str], None] = lambda what: None
    #: Where files of figures go.
    out: Path = Path("build")

    def times(self, n: int, least: int = 1) -> int:
        """So many at full scale, at a smaller one as many fewer."""
        return max(least, round(n * self.scale))

    def seconds(self, n: float, least: float = 12.0) -> float:
        return max(least, n * self.scale)

    @contextmanager
    def rig(
        self, of: Scenario, seconds: float = 0.0, kafka: EmbeddedKafka | None = None
    ) -> Iterator[Rig]:
        """Topics for a load and whatever happens to it; its files are kept at small scales."""
        about: dict[str, object] = {}
        if isinstance(of, Load):
            about = {"drawn_by": of.seed, "shares": of.shares, "drawn": of.drawn}
        number = sum(1 for _ in self.folder.glob("rig-*"))
        folder = self.folder / f"rig-{number}"
        rig = Rig(kafka or self.kafka, of, folder, seconds, self.seed, self.told, **about)
        try:
            with rig:
                yield rig
        finally:
            if self.scale >= 1.0:
                shutil.rmtree(folder, ignore_errors=True)


def conclude(rig: Rig, **more: float) -> Found:
    """Come to rest and compare."""
    truth, _, wrong = rig.differences()
    return figures(rig, truth, wrong, **more)


def figures(rig: Rig, truth: Truth, wrong: list[str], **more: float) -> Found:
    """What a rig suffered and what came of it, with more figures of a trial's own."""
    every: dict[str, float] = {
        "events": len(truth.taken.fates),
        "windows": len(truth.judged),
        "mismatches": len(wrong),
        "kills": rig.kills,
        "rebalances": rig.rebalances,
    }
    return Found(wrong, every | more)
