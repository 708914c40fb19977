"""The stages of the stream: what each reads, where its state lives, and its pure logic."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from monitor.evaluate.partition import EvaluatePartition
from monitor.events.signatures import Keyring
from monitor.observe.decode import Decoder
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.split import REKEYED
from monitor.observe.state import INPUTS
from monitor.observe.store import Store
from monitor.panes.flush import Logic
from monitor.response.partition import RespondPartition


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its source topics (co-partitioned), its state topic, perhaps a log, its logic.

    Topic names are without the namespace. A stage that beats tells the next one every few seconds
    how far time has come.
    """

    name: str
    topics: tuple[str, ...]
    state: str
    log: str | None
    beats: bool
    logic: Callable[[int], Logic]


def stages(
    models: Sequence[Monitored],
    partitions: int,
    store: Callable[[int], Store],
    keyring: Keyring | None = None,
) -> tuple[Stage, ...]:
    """Observe, evaluate and respond for the registered models.

    `store` opens the local store of a partition of observe; `keyring` has the approvers' keys. All
    partitions of observe share a decoder: it has no state, but the bins of every model.
    """
    decoder = cache(lambda: Decoder(models, keyring))
    return (
        Stage(
            "observe", (*INPUTS, REKEYED), "observe-state", "join-log", True,
            lambda n: ObservePartition(models, n, partitions, store(n), decoder()),
        ),
        Stage(
            "evaluate", ("panes",), "evaluate-state", None, False,
            lambda n: EvaluatePartition(models, partitions),
        ),
        Stage(
            "respond", ("drift-events",), "respond-state", None, False,
            lambda n: RespondPartition(),
        ),
    )  # fmt: skip
