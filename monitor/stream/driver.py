"""Our transport driver for Faust: a run of records of one partition is one message, a chunk.

Plain Faust spends four asyncio tasks on a message. Here an agent gets up to `chunk_size` records at
once, and Faust keeps what it is for: groups, rebalancing, agents, the worker and its life cycle.
Only the topics that the app names are chunked. What is overridden is private to Faust: the
versions are pinned, and a test asserts that each name still exists.
"""

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiokafka
import faust
from faust.transport import drivers
from faust.transport.drivers import aiokafka as base
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, ConsumerMessage

from monitor.errors import TopicMismatch
from monitor.stream.assignor import assignor_for
from monitor.stream.client import back_off
from monitor.stream.records import unwrap

SCHEME = "watchkeeper"
_PARTITION = aiokafka.TopicPartition
#: How long an answer of the broker may take.
REQUEST_TIMEOUT_MS = 60_000
logger = logging.getLogger(__name__)


class Chunk(list[Any]):
    """aiokafka records of one partition in offset order; `epoch` counts seeks of the partition."""

    __slots__ = ("epoch",)

    def __init__(self, records: Iterable[Any] = ()) -> None:
        super().__init__(records)
        self.epoch = 0


#: An answer of the broker that is older says nothing of now, in ms: it is asked twice a second.
STALE_MS = 5_000


class ChunkSchema(faust.Schema):  # type: ignore[misc]
    """Hands a chunk through undecoded: decoding is the agent's work, many records at a time."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return the coroutine that makes an event of a message."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class Scheduler(DefaultSchedulingStrategy):  # type: ignore[misc]
    """Cuts each partition's fetched records into chunks, then takes turns as Faust does."""

    def __init__(self, chunked: frozenset[str], size: int) -> None:
        self.chunked = chunked
        self.size = size

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield chunks of chunked topics, records of others."""
        size = self.size
        cut = {
            tp: [Chunk(run[i : i + size]) for i in range(0, len(run), size)]
            if tp.topic in self.chunked
            else run
            for tp, run in records.items()
        }
        turns: Iterator[tuple[TP, Any]] = super().iterate(cut)
        return turns


class ConsumerThread(base.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that fetches; its consumer reads committed records and assigns by stage."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = assignor_for(self.app.groups)
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id or None,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=None,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=200,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            **self.app.client_settings,
        )

    async def on_thread_stop(self) -> None:
        """Leave the group: a static member would keep its partitions until its session expires.

        It keeps them over a restart; but this is the end in good order, and nobody comes back.
        """
        if self._consumer is not None:
            self._consumer._coordinator._group_instance_id = None
        await super().on_thread_stop()


class Consumer(base.Consumer):  # type: ignore[misc]
    """Faust's consumer with chunks: delivery, commit and seeking are our own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chunked: frozenset[str] = self.app.chunked
        self.scheduler = Scheduler(self.chunked, self.app.chunk_size)
        #: Next offset to hand out; what is below it has been handed out already.
        self._cursor: dict[TP, int] = {}
        #: Last offsets of the chunks handed out and not yet committed, in order.
        self._inflight: dict[TP, deque[int]] = defaultdict(deque)
        #: Counts, by partition, how often what was handed out has been forgotten.
        self._epochs: dict[TP, int] = defaultdict(int)
        #: A seek is under way: what is fetched meanwhile is dropped and read again (#596).
        self._hold = False
        self._rewind: dict[TP, int] = {}
        #: Counts seeks: what was fetched before the last one is from another place.
        self._seeks = 0
        #: Partitions have been taken from us, and none assigned since.
        self._revoked = False

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # -- delivery ------------------------------------------------------------------------------

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        seeks = self._seeks
        try:
            records = await super()._getmany(active_partitions, timeout)
        except KeyError as missing:
            # aiokafka's fetcher can lose a partition while a broker restarts; what it had drained
            # for the others is lost with the exception, so all are read again from the cursors.
            logger.warning("fetcher lost %s; reading again from the cursors", missing)
            for tp, offset in self._cursor.items():
                if tp in self.assignment():
                    self._thread.seek(tp, offset)
            await asyncio.sleep(0.1)
            return {}
        for tp in [tp for tp in records if tp.topic in self.chunked]:
            first, cursor = records[tp][0].offset, self._cursor.get(tp)
            if self._hold:
                del records[tp]
                self._rewind[tp] = min(first, self._rewind.get(tp, first))
            elif seeks != self._seeks:
                del records[tp]
                if cursor is not None:
                    self._thread.seek(tp, cursor)
            elif cursor is not None and first < cursor:
                self._refuse_shortened(tp, cursor)
                records[tp] = [r for r in records[tp] if r.offset >= cursor]
                if not records[tp]:
                    del records[tp]
        return records

    def _refuse_shortened(self, tp: TP, cursor: int) -> None:
        """End the worker where a partition ends before what was read of it.

        aiokafka goes on from its new beginning; all that comes there would pass for read already.
        """
        state = self._state(tp)
        if state is not None and state.highwater is not None and state.highwater < cursor:
            self.app.refuse(
                TopicMismatch(
                    f"{tp.topic} partition {tp.partition} ends at {state.highwater}, but {cursor} "
                    "records of it have been read: it was recreated or truncated; put its data "
                    "back, or start under a new namespace"
                )
            )

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, Chunk):
            return super()._to_message(tp, record)
        last = record[-1]
        self._cursor[tp] = last.offset + 1
        self._inflight[tp].append(last.offset)
        record.epoch = self._epochs[tp]
        return ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type,
            None, None, record, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing for chunked topics: their bounded queue is the back-pressure."""
        if tp.topic not in self.chunked:
            super().on_buffer_full(tp)

    # -- commit: the longest acknowledged prefix of what was handed out ------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust's gap would hold the message itself (#606); chunks need none.
        if tp.topic not in self.chunked:
            await super()._add_gap(tp, offset_from, offset_to - 1)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.chunked:
            offset: int | None = super()._new_offset(tp)
            return offset
        queue, acked, new = self._inflight[tp], self._acked_index[tp], None
        while queue and queue[0] in acked:
            last = queue.popleft()
            acked.discard(last)
            new = last + 1
        if new is not None:
            self._acked[tp] = [offset for offset in self._acked[tp] if offset >= new]
        return new

    # -- whatever moves the read position forgets chunks in flight -----------------------------

    def _forget(self, tps: Iterable[TP]) -> None:
        for tp in list(tps):
            self._epochs[tp] += 1
            for state in (self._cursor, self._inflight, self._acked, self._acked_index):
                state.pop(tp, None)

    def forgotten(self, tp: TP, chunk: Chunk) -> bool:
        """Whether a chunk is from before a seek: it is read again, and may be out of order.

        Who waits to put it into a full queue does so after the queue has been cleared.
        """
        return chunk.epoch != self._epochs[tp]

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Flush and commit before the partitions go: Faust drops its acks too early (#502)."""
        self._revoked = True
        if not self.app.should_stop and self.assignment():
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
            await self.app._consumer_wait_empty(self, self.log)
        await super().on_partitions_revoked(revoked)
        self._forget(self._cursor.keys() | self._inflight.keys())

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """From here on `perform_seek` may take what is assigned."""
        self._revoked = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Seek to where our own state says that each partition stands, once it is restored."""
        self._hold = True
        self._seeks += 1
        if self._revoked:
            # Faust's fetcher seeks too when it finds the flow stopped, but what it still sees as
            # assigned is no longer ours: owning it again would fence its next owner.
            return
        await super().perform_seek()
        mine = {tp for tp in self.assignment() if tp.topic in self.chunked}
        positions = await self.app.positions(mine)
        if positions:
            await self.seek_wait(positions)
        self._forget(self._cursor.keys() | self._inflight.keys())
        self._cursor.update(positions)

    def resume_flow(self) -> None:
        """Read again what was fetched while a seek was under way."""
        assigned = self.assignment() if self._rewind else ()
        for tp, first in self._rewind.items():
            if tp in assigned:
                self._thread.seek(tp, self._cursor.get(tp, first))
        self._rewind.clear()
        self._hold = False
        super().resume_flow()

    async def seek(self, partition: TP, offset: int) -> None:
        """Seek, and forget the chunks in flight."""
        await super().seek(partition, offset)
        if partition.topic in self.chunked:
            self._seeks += 1
            self._forget([partition])
            self._cursor[partition] = offset

    def caught_up(self, tp: TP, applied: int) -> bool:
        """Whether everything that the broker holds of a partition has been applied."""
        end = self._end(tp)
        if end is None:
            return False
        state = self._state(tp)
        if not state.has_valid_position or state.position < end:
            return False
        return applied + 1 >= self._cursor.get(tp, 0) or end == 0

    def lag(self, tp: TP, applied: int) -> int | None:
        """Records that the broker holds beyond an applied offset, None where it has not said.

        Markers of transactions take offsets too: who has caught up lags by none of them.
        """
        end = self._end(tp)
        if end is None:
            return None
        return 0 if self.caught_up(tp, applied) else max(0, end - applied - 1)

    def _end(self, tp: TP) -> int | None:
        """Where a partition ends, None unless the broker has just said so.

        After an outage it may hold more than it said before, and what it holds is not silence.
        """
        state = self._state(tp)
        if state is None or state.highwater is None:
            return None
        # aiokafka dates answers by this clock.
        age_ms = time.time() * 1000 - state.timestamp
        return int(state.highwater) if age_ms <= STALE_MS else None

    def _state(self, tp: TP) -> Any:
        """What aiokafka knows of a partition; None while it is not assigned."""
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        if assignment is None or _PARTITION(*tp) not in assignment.tps:
            return None
        return assignment.state_value(_PARTITION(*tp))


class Transport(base.Transport):  # type: ignore[misc]
    """Faust's Kafka transport with our consumer."""

    Consumer = Consumer


def register() -> None:
    """Make `watchkeeper://host:port` a broker URL that Faust knows."""
    unwrap()
    back_off()
    drivers.TRANSPORTS[SCHEME] = f"{__name__}:Transport"
