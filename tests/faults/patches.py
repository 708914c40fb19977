"""Harm that is done from within a worker's process, by name; never a switch in the product.

Each is given as `name:argument:...`. A mark is a file that says that it has happened: the process
that is started next finds it and goes undisturbed.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def _once(mark: Path) -> bool:
    """Whether this is the first time; it holds for all processes."""
    try:
        with mark.open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


def _tells(owner: Any, changed: Any) -> bool:
    """Whether a flush of observe has dead letters: then there are events in it, beyond doubt."""
    return owner.stage.name == "observe" and any(
        output.topic == "dead-letters" for output in changed.outputs
    )


def skew(minutes: str) -> None:
    """The worker's clock is so many minutes ahead; below zero, behind."""
    by, now, now_ns = float(minutes) * 60.0, time.time, time.time_ns
    time.time = lambda: now() + by
    time.time_ns = lambda: now_ns() + int(by * 1e9)


def zombie(mark: str, flush: str) -> None:
    """Stop (SIGSTOP) when a flush of observe with dead letters has been enqueued, none delivered.

    Not before the n-th flush. What yields to the event loop while it enqueues may have been
    delivered in part: then a later flush is taken.
    """
    from monitor.stream.owner import Owner

    send, flushes = Owner._send, 0

    async def enqueue(self: Owner, changed: Any, sent: list[Any]) -> int:
        nonlocal flushes
        if not _tells(self, changed) or Path(mark).exists():
            return await send(self, changed, sent)
        flushes += 1
        yielded: list[bool] = []
        accumulator = self.producer._message_accumulator
        size, accumulator._batch_size = accumulator._batch_size, 16 * 2**20
        asyncio.get_running_loop().call_soon(yielded.append, True)
        try:
            last = await send(self, changed, sent)
        finally:
            accumulator._batch_size = size
        if flushes >= int(flush) and not yielded and _once(Path(mark)):
            os.kill(os.getpid(), signal.SIGSTOP)
        return last

    Owner._send = enqueue  # type: ignore[method-assign]


def unfenced() -> None:
    """Mutation: every process has transactional ids of its own, so that no one is fenced."""
    from monitor.stream.runner import Runner

    make = Runner._producer

    def producer(self: Runner, stage: str, partition: int) -> Any:
        return make(self, f"{stage}-{os.getpid()}", partition)

    Runner._producer = producer  # type: ignore[method-assign]


def acknowledge_first(mark: str, flush: str) -> None:
    """Mutation: how far the input is read is committed before what came of it; die in between."""
    from monitor.panes.flush import Flush
    from monitor.stream.owner import Owner
    from monitor.stream.tables import OFFSETS_KEY

    commit, flushes = Owner._commit, 0

    async def in_two(self: Owner, changed: Flush) -> tuple[int, int | None]:
        nonlocal flushes
        first = Flush()
        first.rows[OFFSETS_KEY] = changed.rows[OFFSETS_KEY]
        await commit(self, first)
        flushes += _tells(self, changed)
        if _tells(self, changed) and flushes >= int(flush) and _once(Path(mark)):
            os.kill(os.getpid(), signal.SIGKILL)
        return await commit(self, changed)

    Owner._commit = in_two  # type: ignore[method-assign]


def die(moment: str, mark: str, flush: str) -> None:
    """SIGKILL to ourselves `before` or `after` the commit of the n-th flush that says something."""
    from aiokafka import AIOKafkaProducer

    from monitor.stream.owner import Owner

    send, commit, flushes = Owner._send, AIOKafkaProducer.commit_transaction, 0

    async def count(self: Owner, changed: Any, sent: list[Any]) -> int:
        nonlocal flushes
        flushes += bool(changed.outputs)
        return await send(self, changed, sent)

    async def or_die(self: AIOKafkaProducer) -> None:
        if moment == "after":
            await commit(self)
        if flushes >= int(flush) and _once(Path(mark)):
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "before":
            await commit(self)

    Owner._send = count  # type: ignore[method-assign]
    AIOKafkaProducer.commit_transaction = or_die


def slow(rate: str) -> None:
    """The worker's capacity is so many records a second, whatever the machine's is."""
    from monitor.observe.partition import ObservePartition

    take = ObservePartition.apply

    def slowly(self: ObservePartition, topic: str, records: Any) -> None:
        take(self, topic, records)
        time.sleep(len(records) / float(rate))

    ObservePartition.apply = slowly  # type: ignore[method-assign]


def put_off(seconds: str) -> None:
    """No flush is due before so long after the last."""
    from monitor.stream import runner

    runner.URGENT_S = runner.DIRTY_S = runner.HEARTBEAT_S = float(seconds)


PATCHES: dict[str, Callable[..., None]] = {
    patch.__name__: patch
    for patch in (skew, zombie, unfenced, acknowledge_first, die, slow, put_off)
}


def apply(given: list[str]) -> None:
    """Apply patches, each `name:argument:...`; clocks first, before anything takes hold of them."""
    for words in sorted((one.split(":") for one in given), key=lambda words: words[0] != "skew"):
        PATCHES[words[0]](*words[1:])
