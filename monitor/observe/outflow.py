"""A flush: what nothing can change any more is sent on, and what else has changed kept as rows."""

from collections.abc import Iterable, Mapping, Sequence

from monitor.observe.accounting import Accounting
from monitor.observe.intake import orphaned, unmatched
from monitor.observe.letters import Letters
from monitor.observe.losses import Losses
from monitor.observe.placement import partition_of
from monitor.observe.rows import Rows
from monitor.observe.state import INPUTS, ModelState
from monitor.observe.watermark import Watermarks, closed
from monitor.panes.flush import Flush, Output
from monitor.panes.messages import Progress, encode


class Outflow:
    """Writes what has become of the models of one source partition into flushes."""

    def __init__(
        self,
        source: int,
        panes_partitions: int,
        states: Mapping[str, ModelState],
        marks: Watermarks,
        accounting: Accounting,
        letters: Letters,
        losses: Losses,
    ) -> None:
        self.source = source
        self.states = states
        self.marks = marks
        self.accounting = accounting
        self.letters = letters
        self.losses = losses
        self.rows = Rows()
        #: By partition of `panes`, whose go there.
        self._models: list[list[str]] = [[] for _ in range(panes_partitions)]
        for model in states:
            self._models[partition_of(model.encode(), panes_partitions)].append(model)

    def close(self, state: ModelState, flush: Flush) -> None:
        """Send panes that no event can change any more; keep the other changed ones as rows."""
        for message in state.on_time:
            flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
        state.on_time = []
        mark = self.marks.of("predictions", state.id)
        still = state.pane_ms + state.lateness_ms
        # Those of an earlier configuration go with the pane of ours that they begin in: evaluate
        # settles by our panes.
        for key in [k for k in state.foreign if k[1] - k[1] % state.pane_ms + still <= mark]:
            for message in state.foreign.pop(key):
                flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
                self.rows.delete(message, flush)
        for key in sorted(k for k in state.panes if k[1] + still <= mark):
            for message in state.input_snapshots(key):
                flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
                self.rows.delete(message, flush)
            del state.panes[key]
        for start in [s for s in state.versions if s + still <= mark]:
            del state.versions[start]
        for key in state.changed & state.panes.keys():
            for message in state.input_snapshots(key):
                self.rows.keep(message, flush)
        state.changed = set()

    def expire(self, state: ModelState, flush: Flush) -> None:
        """Give up labels and reviews whose prediction can no longer come."""
        mark = self.marks.of("predictions", state.id) - state.pane_ms
        memory = state.memory
        for topic, waiting, orphaned_before in (
            ("labels", memory.waiting, memory.orphans),
            ("reviews", memory.waiting_reviews, memory.orphan_reviews),
        ):
            orphans = waiting and orphaned_before(state.horizon(topic, mark))
            if not orphans:
                continue
            chains = {key: gone.chain for key, gone in orphans.items()}
            reached = set(state.overflow.reached(chains, state.delays[topic]))
            for key, gone in orphans.items():
                self.accounting.add(topic, "waiting", -len(gone.traces))
                why = unmatched(state, key) if key in reached else orphaned(state, topic, key)
                for left in gone.traces:
                    self.letters.reject(topic, left, why)
        for pane in state.relabelled:
            message = state.outcome_snapshot(pane)
            self.rows.keep(message, flush)
        state.unsent |= state.relabelled
        state.relabelled = set()

    def tell(
        self,
        flush: Flush,
        states: Sequence[ModelState],
        offsets: Mapping[str, int],
        read: Mapping[str, int],
        past: Mapping[tuple[str, str], int],
    ) -> None:
        """Revised outcome panes and what was lost, then how far time has come.

        The last goes to every partition of `panes`, of the models whose panes go there: each is
        told that we are here, though nothing of ours may come. `states` are those of which anything
        may have changed; `offsets` and `read` are how far the source topics have been applied and
        read, and `past` the event times that are no news any more.
        """
        for state in states:
            for pane in sorted(state.unsent & state.outcomes.keys()):
                message = encode(state.outcome_snapshot(pane))
                flush.outputs.append(Output("panes", state.id.encode(), message))
            state.unsent = set()
            for where in sorted(state.overflow.changed):
                message = encode(state.overflow.message(where))
                flush.outputs.append(Output("panes", state.id.encode(), message))
            state.overflow.changed = set()
        for lost in sorted(self.losses.changed):
            message = encode(self.losses.message(lost))
            flush.outputs.append(Output("panes", lost[0].encode(), message))
        self.losses.changed = set()
        behind = {of: self.marks.behind(greatest, of[1]) for of, greatest in past.items()}
        for partition, models in enumerate(self._models):
            progress = Progress(
                source=self.source,
                inputs=self.marks.by_model("predictions", models),
                labels=self.marks.by_model("labels", models),
                offsets=dict(offsets),
                read=dict(read),
                past_inputs=_of_topic(behind, "predictions", models),
                past_labels=_of_topic(behind, "labels", models),
            )
            key = str(self.source).encode()
            flush.outputs.append(Output("panes", key, encode(progress), partition))

    def forget(self, state: ModelState, flush: Flush) -> None:
        """Drop what nothing can refer to any more."""
        of = {topic: state.horizon(topic, self.marks.of(topic, state.id)) for topic in INPUTS}
        predictions = min(of[topic] for topic in state.named_by)
        # By their own watermarks: those alone say which of them may still come, or come again.
        state.memory.forget(
            predictions - state.pane_ms,
            of["reviews"] - state.pane_ms,
            of["approvals"] - state.pane_ms,
        )
        ended, unsent = closed(state.model, self.marks) - state.pane_ms, state.unsent
        for key in [k for k in state.outcomes if k[1] <= ended and k not in unsent]:
            self.rows.delete(state.outcome_snapshot(key), flush)
            del state.outcomes[key]
        # As far back as what may wait now reaches.
        reach = min(of[topic] - state.delays[topic] for topic in state.named_by)
        for key in state.overflow.over(reach - state.pane_ms):
            self.rows.delete(state.overflow.message(key), flush)
            del state.overflow.counts[key]


def _of_topic(
    marks: Mapping[tuple[str, str], int], topic: str, models: Iterable[str]
) -> dict[str, int]:
    return {model: marks[topic, model] for model in models if (topic, model) in marks}
