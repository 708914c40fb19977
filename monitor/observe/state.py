"""All that one source partition holds of one model."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Times
from monitor.observe.fold import Pane, PaneKey
from monitor.observe.held import HOUR_MS
from monitor.observe.memory import Memory
from monitor.observe.model import Monitored
from monitor.observe.outcomes import Chain, Classes, OutcomeCounts
from monitor.observe.overflow import Overflow
from monitor.observe.remembered import Seen
from monitor.observe.store import Store
from monitor.panes.codec import pack, unpack
from monitor.panes.messages import UNHEARD, InputPane, OutcomePane
from monitor.registry.footprint import MOST_REMEMBERED

#: The topics that observe reads.
INPUTS = ("predictions", "labels", "reviews", "approvals")
#: Versions of a model in one pane of one partition that are told apart.
VERSIONS_LIMIT = 20
#: A command waits minutes for its approval. The id of one that is older may be forgotten.
APPROVAL_AGE_MS = 24 * HOUR_MS
OTHER_VERSIONS = "__other__"


class ModelState:
    """Open panes, outcome panes and memory of one model in one source partition."""

    def __init__(
        self,
        model: Monitored,
        source: int,
        store: Store | None = None,
        most_remembered: int = MOST_REMEMBERED,
    ) -> None:
        self.model = model
        self.id = model.spec.id
        self.pane_ms = model.spec.pane_ms
        self.lateness_ms = model.lateness_ms
        self.source = source
        self.panes: dict[PaneKey, Pane] = {}
        self.provisional = model.spec.provisional
        #: Of panes that end up to here it has been told what came on time, ms.
        self.passed_ms = UNHEARD
        #: What came on time in panes that have ended since, to be sent.
        self.on_time: list[InputPane] = []
        #: Snapshots made with an earlier baseline: they pass on as they are, and never merge.
        self.foreign: dict[PaneKey, list[InputPane]] = {}
        self.outcomes: dict[PaneKey, OutcomeCounts] = {}
        #: Panes, and outcome panes, that have changed since the last flush.
        self.changed: set[PaneKey] = set()
        self.relabelled: set[PaneKey] = set()
        #: Outcome panes that evaluate does not know as they are.
        self.unsent: set[PaneKey] = set()
        #: The versions that have panes of their own, by the start of the pane.
        self.versions: dict[int, set[str]] = {}
        self.joins = model.spec.labels is not None
        self.reviewed = model.spec.review_delay_ms is not None
        self.remembers = model.spec.remembers
        #: How long after its time something may refer to an event, by the topic of what refers.
        self.delays = {
            "predictions": model.spec.join_ms,
            "labels": model.spec.labels.max_delay_ms if model.spec.labels else 0,
            "reviews": model.spec.review_delay_ms or 0,
            "approvals": APPROVAL_AGE_MS,
        }
        #: The topics whose events name predictions: each may still ask for those of its delay.
        self.named_by = (
            "predictions",
            *(("labels",) if self.joins else ()),
            *(("reviews",) if self.reviewed else ()),
        )
        self.memory = self.empty_memory(store)
        #: Predictions that are remembered at once; what comes beyond is in `overflow`.
        self.most_remembered = most_remembered
        self.overflow = Overflow(self.id, source, self.pane_ms)
        outcomes = [period.baseline and period.baseline.outcomes for period in model.periods]
        #: Label ages and classes that outcomes are counted by, by the number of the period.
        self.shapes = [
            (one.ages_ms, Classes(one.classes)) if one else ((), Classes(())) for one in outcomes
        ]

    def empty_memory(self, store: Store | None) -> Memory:
        """The memory that a store holds."""
        return Memory(self.id, self.delays["labels"], store, self.delays["reviews"])

    def pane_key(self, version: str, time_ms: int) -> PaneKey:
        """The pane of a model version that an event time falls into."""
        return version, time_ms - time_ms % self.pane_ms

    def admit(self, version: str, start_ms: int) -> str:
        """The name under which a version is counted in the pane that starts then.

        Versions beyond the first few are one, `__other__`. A version is free text of the
        producer's: one a request would fill memory and the state.
        """
        known = self.versions.get(start_ms)
        if known is None:
            known = self.versions[start_ms] = set()
        if version not in known:
            if len(known) >= VERSIONS_LIMIT:
                return OTHER_VERSIONS
            known.add(version)
        return version

    def pass_to(self, mark_ms: int) -> None:
        """Take note of what came on time, now that the watermark is at `mark_ms`.

        To be told before what came later is added, so that it depends on the order of the log
        alone, and not on when it is told.
        """
        for key in sorted(k for k in self.panes if self._ends_now(k[1], mark_ms)):
            self.on_time += self._snapshots(key, on_time=True)
        for _, foreign in sorted(self.foreign.items()):
            for pane in foreign:
                if self._ends_now(pane.start_ms - pane.start_ms % self.pane_ms, mark_ms):
                    self.on_time.append(msgspec.structs.replace(pane, on_time=True))
        self.passed_ms = max(self.passed_ms, mark_ms)

    def _ends_now(self, start_ms: int, mark_ms: int) -> bool:
        return self.passed_ms < start_ms + self.pane_ms <= mark_ms

    @property
    def unfinished(self) -> bool:
        """Whether the next flush has something to do though nothing happens until then."""
        return bool(self.unsent or self.overflow.changed or self.memory.sweeping)

    def horizon(self, topic: str, mark_ms: int) -> int:
        """Before it, nothing of a topic whose watermark is at `mark_ms` refers to an event."""
        return mark_ms - self.delays[topic] - self.lateness_ms

    def forgotten(self, topic: str, times: Times, marks: Times) -> npt.NDArray[np.bool_]:
        """Which events of a topic may be forgotten already, each with the watermark it found."""
        horizon = marks - self.delays[topic] - self.lateness_ms - self.pane_ms
        return np.asarray(times - times % HOUR_MS + HOUR_MS <= horizon)

    def may_forget(self, topic: str, time_ms: int, mark_ms: int) -> bool:
        """Whether an event of a topic may be forgotten once its watermark is at `mark_ms`."""
        horizon = self.horizon(topic, mark_ms) - self.pane_ms
        return time_ms - time_ms % HOUR_MS + HOUR_MS <= horizon

    def room(self, mark_ms: int) -> int:
        """How many predictions more may be remembered once a watermark is at `mark_ms`."""
        before = self.horizon("predictions", mark_ms) - self.pane_ms
        return self.most_remembered - self.memory.held.since(before)

    def outcome(self, key: PaneKey) -> OutcomeCounts:
        """The outcome pane of a key, made when first asked for."""
        pane = self.outcomes.get(key)
        if pane is None:
            ages_ms, classes = self._shape(key)
            pane = self.outcomes[key] = OutcomeCounts(len(ages_ms), len(classes.index))
        return pane

    def _shape(self, key: PaneKey) -> tuple[tuple[int, ...], Classes]:
        return self.shapes[self.model.index(key[1])]

    def relabel(self, seen: Seen, before: Chain) -> PaneKey:
        """Count the labels of a remembered prediction anew; return the outcome pane touched."""
        where = self.pane_key(seen.version, seen.time_ms)
        ages_ms, classes = self._shape(where)
        if ages_ms:
            self.outcome(where).replace(
                before, seen.chain, seen.prediction, seen.time_ms, ages_ms, classes
            )
        return where

    def input_snapshots(self, key: PaneKey) -> Iterator[InputPane]:
        """An open pane as messages, a block of columns each."""
        return self._snapshots(key, on_time=False)

    def _snapshots(self, key: PaneKey, on_time: bool) -> Iterator[InputPane]:
        version, start = key
        pane, period = self.panes[key], self.model.at(start)
        for block, where in enumerate(period.blocks):
            counts = pack(pane.counts[where])
            yield InputPane(
                self.id, version, start, self.source, block, pane.rows,
                period.fingerprint, counts, on_time=on_time,
            )  # fmt: skip

    def outcome_snapshot(self, key: PaneKey) -> OutcomePane:
        """An outcome pane as a message."""
        version, start = key
        pane = self.outcomes[key]
        return OutcomePane(
            self.id, version, start, self.source, pane.predictions,
            self.model.at(start).fingerprint, pack(pane.counts),
        )  # fmt: skip

    def restore_input(self, message: InputPane) -> None:
        """Take up an open pane; one of another baseline is only passed on."""
        key, period = (message.version, message.start_ms), self.model.at(message.start_ms)
        if message.fingerprint != period.fingerprint:
            self.foreign.setdefault(key, []).append(message)
            return
        if message.version != OTHER_VERSIONS:
            self.versions.setdefault(message.start_ms, set()).add(message.version)
        pane = self.panes.get(key)
        if pane is None:
            pane = self.panes[key] = Pane(period.width)
            pane.grow(message.rows)
        where = period.blocks[message.block]
        pane.counts[where] = unpack(message.counts, pane.counts[where].size)

    def restore_outcomes(self, messages: list[OutcomePane], closed_ms: int) -> bool:
        """Take up outcome panes; say whether they fit the baseline and the panes of today.

        Where they don't, they are counted anew from memory, which holds all that they rest on; of
        panes that had ended by `closed_ms` it may hold a part, for reviews, and they are gone.
        """
        if all(m.fingerprint == self.model.at(m.start_ms).fingerprint for m in messages):
            for message in messages:
                pane = self.outcome((message.version, message.start_ms))
                pane.predictions = message.predictions
                pane.counts = unpack(message.counts, pane.counts.size).reshape(pane.counts.shape)
            return True
        for _, seen in self.memory.predictions():
            pane_key = self.pane_key(seen.version, seen.time_ms)
            if pane_key[1] + self.pane_ms > closed_ms:
                self.outcome(pane_key).predictions += 1
                self.relabel(seen, ())
        for key, n in self.overflow.counts.items():
            if key[1] + self.pane_ms > closed_ms:
                self.outcome(key).predictions += n
        return False


def boundaries(state: ModelState, topic: str, mark_ms: int) -> tuple[int, ...]:
    """The last pane that a topic's watermark has closed.

    Where windows are provisional, also the last one that it has passed.
    """
    early = topic == "predictions" and state.provisional
    waits = (state.lateness_ms, 0) if early else (state.lateness_ms,)
    return tuple((mark_ms - wait) // state.pane_ms for wait in waits)
