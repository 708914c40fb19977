"""The state of observe, carried over from so many source partitions to more of them.

What is remembered goes where its key now leads, so that a label finds the prediction that was made
before. What is counted stays where it is: whoever evaluates adds all source partitions up, and a
label that comes later changes the counts of its prediction's pane in its own partition. Panes that
one partition has of predictions that another now remembers are therefore open in both.

What is forgotten is not told: whoever takes a partition up knows it by its watermarks.

Each old partition goes on under its number, at its own watermarks. A new one begins where the last
of the old ones stands: nothing that may still come is late there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from monitor.errors import MigrationRefused
from monitor.observe.accounting import Accounting
from monitor.observe.cache import Cache
from monitor.observe.held import hour_over
from monitor.observe.joinlog import ENTRIES, Change, pack_change, unpack_change
from monitor.observe.memory import Memory
from monitor.observe.model import Monitored
from monitor.observe.outcomes import Label
from monitor.observe.placement import UNKEYED, murmur2, named_by
from monitor.observe.rejection import Trace
from monitor.observe.remembered import Seen
from monitor.observe.rows import PARTITION_KEY, PartitionRow, encode_row, partition_row, row_key
from monitor.observe.store import Store
from monitor.observe.watermark import Watermarks, closed
from monitor.panes.codec import cleared
from monitor.panes.flush import LogRecord
from monitor.panes.messages import OutcomePane, decode, encode

#: What waits for predictions, and the kinds of ids, in the order of `Memory.forgotten_ms`.
WAITING = ("labels", "reviews")
KINDS = ("predictions", "reviews", "approvals")
_Marks = list[tuple[str, str, int]]


class Left:
    """One partition as it was left: its rows, and the memory that its join log makes."""

    def __init__(self, models: Sequence[Monitored], store: Store) -> None:
        self.rows: Mapping[bytes, bytes] = {}
        self.models = {m.spec.id: m for m in models}
        self._cache = Cache(store, [*self.models])
        self.memories = {
            m.spec.id: Memory(
                m.spec.id,
                m.spec.labels.max_delay_ms if m.spec.labels else 0,
                store,
                m.spec.review_delay_ms or 0,
            )
            for m in models
        }
        #: The latest times of what is remembered of records whose keys were not noted.
        self._unnoted: dict[tuple[str, str], int] = {}

    def begin(self, first: int, end: int) -> int:
        """The log is read from its start."""
        return first

    def take(self, records: Sequence[LogRecord]) -> int | None:
        """Take records of the join log in their order."""
        for _, value in records:
            change = unpack_change(value)
            for kind in KINDS if not change.noted else ():
                times = [entry[1] for entry in getattr(change, kind)]
                at = change.model_id, kind
                self._unnoted[at] = max([*times, self._unnoted.get(at, 0)])
        self._cache.replay(records, self.memories)
        return None

    def unnoted(self) -> str | None:
        """A model of which something is remembered without its key."""
        for (model, kind), newest in self._unnoted.items():
            if newest and model in self.memories:
                forgotten = self.memories[model].forgotten_ms[KINDS.index(kind)]
                if not hour_over(newest, forgotten):
                    return model
        return None

    @property
    def row(self) -> PartitionRow:
        """What is true of the partition."""
        held = self.rows.get(PARTITION_KEY)
        return PartitionRow([], {}) if held is None else partition_row(held)


class _Waits(NamedTuple):
    """A label or review that waits: where it stood, the id of its prediction, and its trace."""

    offset: int
    source: int
    key: str
    label: Label
    trace: Trace


class Migration:
    """All partitions as they were left, and what becomes of them: first `log`, then `rows`.

    Raises MigrationRefused where it cannot be told what becomes of something.
    """

    def __init__(self, left: Sequence[Left], partitions: int) -> None:
        if partitions < len(left):
            raise MigrationRefused(
                f"{len(left)} partitions cannot become {partitions}: what two of them have counted "
                "and how far each has come does not go into one; keep at least as many"
            )
        self.left = left
        self.partitions = partitions
        self.models = sorted({model for one in left for model in one.memories})
        #: What was carried over, by kind: predictions, reviews and approvals, and what waits.
        self.carried: Counter[str] = Counter()
        self._known = [one.row for one in left]
        self._accounting = [Accounting.from_rows(row.accounting) for row in self._known]
        self._accounting += [Accounting() for _ in range(len(left), partitions)]
        #: Outcome panes that were open, by model, version and start.
        self._open: dict[tuple[str, str, int], OutcomePane] = {}
        for one in left:
            for key, value in one.rows.items():
                message = decode(value) if key != PARTITION_KEY else None
                if isinstance(message, OutcomePane):
                    self._open[message.model_id, message.version, message.start_ms] = message
        #: Those that each partition remembers predictions of.
        self._needed: list[set[tuple[str, str, int]]] = [set() for _ in range(partitions)]

    # -- what is remembered ----------------------------------------------------------------------

    def log(self) -> Iterator[tuple[int, bytes]]:
        """Records of the new join logs, each with its partition, in their order there."""
        if len(self.left) == 1 and (model := self.left[0].unnoted()):
            raise self._unknown(model, "something")
        for model in self.models:
            waiting = {topic: self._waiting(model, topic) for topic in WAITING}
            for source, left in enumerate(self.left):
                yield from self._remembered(source, left.memories[model])
            for at, change in enumerate(self._waits(model, waiting)):
                yield from ((at, record) for record in pack_change(change))

    def _remembered(self, source: int, memory: Memory) -> Iterator[tuple[int, bytes]]:
        """Predictions with their labels, and ids of reviews and approvals, of one partition."""
        model = memory.model_id
        made = [Change(model, noted=True) for _ in range(self.partitions)]
        sizes = [0] * self.partitions

        def full(at: int, kind: str, entries: int = 1) -> Iterator[tuple[int, bytes]]:
            self.carried[kind] += 1
            sizes[at] += entries
            if sizes[at] >= ENTRIES:
                yield from ((at, record) for record in pack_change(made[at]))
                made[at], sizes[at] = Change(model, noted=True), 0

        for key, seen in memory.predictions():
            at = self._home(source, model, key, seen.hashed)
            change = made[at]
            change.predictions.append((key, seen.time_ms, seen.version, seen.prediction, seen.crc))
            change.hashes.append(seen.hashed)
            change.labels += [(key, *label) for label in _renumbered(seen)]
            pane = self.left[source].models[model].spec.pane_ms
            of = model, seen.version, seen.time_ms - seen.time_ms % pane
            if of in self._open:
                self._needed[at].add(of)
            yield from full(at, "predictions", 1 + len(seen.chain))
        for kind, hashes, known in (
            ("reviews", "review_hashes", memory.known_reviews()),
            ("approvals", "approval_hashes", memory.known_approvals()),
        ):
            for key, one in known:
                at = self._home(source, model, key, one.hashed)
                getattr(made[at], kind).append((key, one.time_ms, one.crc))
                getattr(made[at], hashes).append(one.hashed)
                yield from full(at, kind)
        for at, change in enumerate(made):
            if sizes[at]:
                yield from ((at, record) for record in pack_change(change))

    def _waiting(self, model: str, topic: str) -> list[list[_Waits]]:
        """What waits, by the partition where it will, in the order in which it came."""
        waiting: list[list[_Waits]] = [[] for _ in range(self.partitions)]
        for source, left in enumerate(self.left):
            for key, label, trace in left.memories[model].waits(topic):
                at = self._home(source, model, key, trace.hashed)
                self._refuse_met(model, topic, key, at)
                self.carried[f"waiting {topic}"] += 1
                waiting[at].append(_Waits(label.offset, source, key, label, trace))
                if at != source:
                    self._accounting[source].add(topic, "waiting", -1)
                    self._accounting[source].add(topic, "moved")
                    self._accounting[at].add(topic, "waiting")
                    self._accounting[at].add(topic, "arrived")
        return [sorted(mine) for mine in waiting]

    def _refuse_met(self, model: str, topic: str, key: str, at: int) -> None:
        """Refuse where what waits would find its prediction, which lay in another partition.

        Only records that were misplaced are apart so. Nobody would count the label.
        """
        for source, left in enumerate(self.left):
            memory = left.memories[model]
            memory.fetch([key])
            seen = memory.seen.get(key)
            if seen and self._home(source, model, key, seen.hashed) == at:
                raise MigrationRefused(
                    f"{topic} of model {model} wait in other partitions than their predictions, "
                    f"as of {key}: their producers have another partitioner; mend it, and migrate "
                    f"when these are given up, which the model's {topic} max_delay bounds"
                )

    def _waits(
        self, model: str, waiting: Mapping[str, Sequence[Sequence[_Waits]]]
    ) -> Iterator[Change]:
        """A change for each partition that makes wait there what will.

        Offsets are of topics that are left. They count up to -1 here, in the order of before: each
        is then unique, and whatever comes in the new topics comes after.
        """
        for at in range(self.partitions):
            change = Change(model, noted=True)
            for topic, said, traces in (
                ("labels", change.labels, change.traces),
                ("reviews", change.waiting_reviews, change.review_traces),
            ):
                mine = waiting[topic][at]
                for n, one in enumerate(mine, -len(mine)):
                    said.append((one.key, *one.label._replace(offset=n)))
                    traces.append(one.trace._replace(offset=n, origin=None))
            yield change

    def _home(self, source: int, model: str, key: str, hashed: int | None) -> int:
        """The partition of an entry, by the key that its record had."""
        if hashed == UNKEYED:
            return source
        if hashed is None:
            hashed = murmur2(key.encode())
            if named_by(hashed, len(self.left)) != source:
                raise self._unknown(model, key)
        return named_by(hashed, self.partitions)

    def _unknown(self, model: str, key: str) -> MigrationRefused:
        return MigrationRefused(
            f"model {model} remembers {key}, read by a version that did not note the keys of "
            "records: where it belongs now is not known; let the workers of this version run "
            "until it is forgotten, as long as labels.max_delay, or reviews.max_delay if longer"
        )

    # -- what is counted -------------------------------------------------------------------------

    def rows(self, partition: int) -> dict[bytes, bytes]:
        """The rows of a partition; the log must have been asked for."""
        known = self._known
        if partition < len(self.left):
            rows, row = dict(self.left[partition].rows), known[partition]
        else:
            rows = {}
            row = PartitionRow(
                _least([one.greatest for one in known]),
                {},
                past=_least([one.past for one in known]),
                read=_earliest([one.read for one in known]),
                sent=_least([one.sent for one in known]),
            )
        row = msgspec.structs.replace(row, accounting=self._accounting[partition].to_rows())
        rows[PARTITION_KEY] = encode_row(row)
        over = self._over(partition)
        for of in self._needed[partition]:
            pane = msgspec.structs.replace(
                self._open[of],
                source=partition,
                predictions=0,
                counts=cleared(self._open[of].counts),
            )
            if pane.start_ms > over.get(pane.model_id, pane.start_ms - 1):
                rows.setdefault(row_key(pane), encode(pane))
        return rows

    def _over(self, partition: int) -> dict[str, int]:
        """By model, up to which start outcome panes are over in a partition, in ms.

        What was sent of those last stands for good. In a new partition none are.
        """
        if partition >= len(self.left):
            return {}
        models = self.left[partition].models
        marks = Watermarks({name: model.spec.disorder_ms for name, model in models.items()})
        marks.restore(one for one in self._known[partition].greatest if one[1] in models)
        return {name: closed(model, marks) - model.spec.pane_ms for name, model in models.items()}


def _renumbered(seen: Seen) -> list[Label]:
    """The labels of a prediction: before all of the new topics, in the order of before."""
    chain = sorted(seen.chain, key=lambda label: label.offset)
    return [label._replace(offset=n) for n, label in enumerate(chain, -len(chain))]


def _earliest(known: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """What all know of, at the least of it."""
    return {key: min(one[key] for one in known) for key in known[0] if all(key in x for x in known)}


def _least(known: Sequence[_Marks]) -> _Marks:
    by_model = [{f"{t}\0{m}": n for t, m, n in one} for one in known]
    return [(*key.split("\0"), n) for key, n in _earliest(by_model).items()]  # type: ignore[misc]
