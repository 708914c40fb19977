"""Labels joined to their predictions without a memory: a history knows which belong together.

The stream remembers every prediction until its label comes, because it cannot know which will. Here
both are at hand. Where no prediction comes twice, nothing else can become of them than what is
found for many rows at once below; a history of another kind takes the long way.
"""

from collections import Counter
from itertools import repeat

import numpy as np
import numpy.typing as npt

from monitor.observe.accounting import Accounting
from monitor.observe.columns import Indexes, Times
from monitor.observe.fold import PaneKey
from monitor.observe.intake import FUTURE_MS, LABELS_LIMIT, orphaned
from monitor.observe.letters import Letters
from monitor.observe.outcomes import Label, class_name, repeated, with_label
from monitor.observe.remembered import Seen
from monitor.observe.state import VERSIONS_LIMIT, ModelState
from monitor.observe.watermark import Watermarks
from monitor.registry.specs import ModelSpec
from monitor.replay.history import Cells, History, known
from monitor.replay.prepared import Cutter

_NOBODY = -1


class Forgetful(ModelSpec, frozen=True, kw_only=True):
    """The specification of a model of which no id need be remembered."""

    @property
    def remembers(self) -> bool:
        """Nothing."""
        return False


def forgetful(spec: ModelSpec) -> ModelSpec:
    """The same specification for a history without repeats."""
    return Forgetful(**{name: getattr(spec, name) for name in spec.__struct_fields__})


def plain(history: History, room: int) -> bool:
    """Whether a memory would find nothing in a history that it has room for."""
    return (
        history.rows <= room
        and history.distinct
        and len(history.names) <= VERSIONS_LIMIT
        and max(_often(history).values(), default=0) <= LABELS_LIMIT
    )


def _often(history: History) -> Counter[str]:
    """How often those are labelled that are more than once."""
    ids = history.labels.ids.tolist()
    if len(known(ids)) == len(ids):
        return Counter()
    counts = Counter(key for key in ids if type(key) is str)
    return Counter({key: n for key, n in counts.items() if n > 1})


class Joined:
    """Takes the rows of a plain history into the outcome panes of its model."""

    def __init__(
        self,
        state: ModelState,
        marks: Watermarks,
        accounting: Accounting,
        letters: Letters,
        cutter: Cutter,
    ) -> None:
        self.state = state
        self.marks = marks
        self.accounting = accounting
        self.letters = letters
        self.cutter = cutter
        self.history = history = cutter.history
        labels, latest = history.labels, cutter.append_ms + FUTURE_MS
        #: Predictions that are counted, and labels that are none of the stream's to refuse.
        self._counted = history.times <= latest
        self._counted[list(history.odd)] = False
        self._sound = labels.times <= latest
        self._sound[list(labels.odd)] = False
        #: Of predictions that are labelled more than once, the labels, and what they say so far.
        often = _often(history)
        self._corrected = np.zeros(labels.rows, dtype=bool)
        if often:
            ids = labels.ids.tolist()
            self._corrected[:] = [type(key) is str and key in often for key in ids]
        self._seen: dict[int, Seen] = {}
        self._panes = history.times - history.times % state.pane_ms
        self._of = self._predictions_of()
        self._names: list[str] = []
        self._predicted, self._labelled = self._classes()
        self._tables: dict[int, Indexes] = {}

    def _predictions_of(self) -> Indexes:
        """The row of each label's prediction, -1 where there is none that is counted."""
        if self.history.ids is None or not self.history.labels.rows:
            return np.full(self.history.labels.rows, _NOBODY)
        ids, named = self.history.ids.tolist(), self.history.labels.ids.tolist()
        try:
            row = dict(zip(ids, range(len(ids)), strict=True))
            of = list(map(row.get, named, repeat(_NOBODY)))
        except TypeError:  # an odd row may have anything for an id
            row = {key: n for n, key in enumerate(ids) if type(key) is str}
            of = [row.get(key, _NOBODY) if type(key) is str else _NOBODY for key in named]
        found = np.array(of, dtype=np.intp)
        found[~self._counted[found]] = _NOBODY
        return found

    def _classes(self) -> tuple[Indexes, Indexes]:
        """The classes of predictions and labels as places in `_names`, if anybody asks for them."""
        nothing = np.empty(0, dtype=np.intp)
        if not any(ages for ages, _ in self.state.shapes):
            return nothing, nothing
        index: dict[str, int] = {}
        placed: dict[object, int] = {}

        def places(values: Cells) -> Indexes:
            listed = values.tolist()
            if set(map(type, listed)) <= {str}:
                return np.array([index.setdefault(v, len(index)) for v in listed], dtype=np.intp)
            return np.array([_place(value, index, placed) for value in listed], dtype=np.intp)

        found = places(self.history.predictions), places(self.history.labels.values)
        self._names = list(index)
        return found

    def predictions(self, rows: Indexes) -> None:
        """Take a run of predictions, of one version."""
        if not self.state.joins:
            return
        version = self.history.names[self.history.versions[rows[0]]]
        starts, n = np.unique(self._panes[rows[self._counted[rows]]], return_counts=True)
        for start, made in zip(starts.tolist(), n.tolist(), strict=True):
            self.state.outcome((version, start)).predictions += made
            self.state.relabelled.add((version, start))

    def labels(self, first: int, end: int, offset: int) -> Indexes:
        """Take labels, the first of them at an offset; return those that only the stream can."""
        mine = np.arange(first, end)
        strange, mine = mine[~self._sound[mine]], mine[self._sound[mine]]
        times = self.history.labels.times[mine]
        self.marks.advance("labels", self.state.id, times)
        self.accounting.add("labels", "read", len(mine))
        of = self._of[mine]
        made, reach = self.history.times[of], self.state.delays["labels"]
        joined = (of != _NOBODY) & (times - made <= reach) & (made - times <= reach)
        for n in mine[~joined].tolist():
            (record,) = self.cutter.labels(n, n + 1, offset + n - first)
            why = orphaned(self.state, "labels", self.history.labels.ids[n])
            self.letters.reject("labels", record, why)
        mine, of, ages = mine[joined], of[joined], times[joined] - made[joined]
        again = self._corrected[mine]
        for n, row in zip(mine[again].tolist(), of[again].tolist(), strict=True):
            self._correct(n, row, offset + n - first)
        self.accounting.add("labels", "counted", int((~again).sum()))
        self._count(of[~again], ages[~again], mine[~again])
        return strange

    def _correct(self, n: int, row: int, offset: int) -> None:
        """Take one of several labels of a prediction, as they come: the latest holds."""
        history, time_ms = self.history, int(self.history.labels.times[n])
        label = Label(time_ms, offset, class_name(history.labels.values[n]), time_ms)
        seen = self._seen.get(row)
        if seen is None:
            version = history.names[history.versions[row]]
            predicted = class_name(history.predictions[row])
            seen = self._seen[row] = Seen(int(history.times[row]), version, predicted, crc=0)
        before = seen.chain
        if repeated(before, label):
            self.accounting.add("labels", "duplicate")
            return
        seen.chain = with_label(before, label)
        self.accounting.add("labels", "counted")
        self.state.relabelled.add(self.state.relabel(seen, before))

    def _count(self, of: Indexes, ages: Times, mine: Indexes) -> None:
        """Add labels of these predictions to their panes; `ages` int64[n] are ms."""
        if not len(of):
            return
        panes, versions = self._panes[of], self.history.versions[of]
        order = np.lexsort((panes, versions))
        same = (np.diff(panes[order]) == 0) & (np.diff(versions[order]) == 0)
        for group in np.split(order, np.flatnonzero(~same) + 1):
            version = self.history.names[versions[group[0]]]
            pane = version, int(panes[group[0]])
            self.state.relabelled.add(pane)
            self._cells(pane, of[group], ages[group], mine[group])

    def _cells(self, pane: PaneKey, of: Indexes, ages: Times, mine: Indexes) -> None:
        number = self.state.model.index(pane[1])
        limits, classes = self.state.shapes[number]
        if not limits:
            return
        table = self._tables.get(number)
        if table is None:
            table = np.array([classes[name] for name in self._names], dtype=np.intp)
            self._tables[number] = table
        bucket: npt.NDArray[np.intp] = np.searchsorted(np.array(limits), ages, "left")
        young = bucket < len(limits)
        at = bucket[young], table[self._labelled[mine[young]]], table[self._predicted[of[young]]]
        np.add.at(self.state.outcome(pane).counts, at, 1)


def _place(value: object, index: dict[str, int], placed: dict[object, int]) -> int:
    """Where a class stands; what is no class, as of an odd row, stands anywhere."""
    try:
        # 1 and True are one key, and two classes.
        place = placed.get((type(value), value))
    except TypeError:
        return 0
    if place is None:
        place = placed[type(value), value] = index.setdefault(class_name(value), len(index))
    return place
