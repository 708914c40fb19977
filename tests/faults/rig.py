"""A stream to do harm to: topics of its own, a load that flows into them, and workers.

Nothing is left behind: workers end with this process, however it ends. Whatever is waited for has a
deadline; only processes that were started here are signalled, each by its id.
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.logs import DidNotQuiesce, Observed
from tests.e2e.processes import Command, Worker
from tests.e2e.scenario import Scenario
from tests.faults.comparison import Truth, differences
from tests.faults.load import strayed, write_manifest

#: How long the stream may take to come to rest once all is sent, in seconds.
REST_S = 180.0
#: How long a broker may be away before a producer of ours gives up, in seconds.
PATIENCE_S = 400.0

_numbers = itertools.count()


class Invalid(Exception):
    """A run that says nothing of the product: the load was not what it was meant to be."""


def until(what: str, condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition; AssertionError with its name if it doesn't come about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


class PatchedWorker(Worker):
    """A worker, perhaps with patches in its process; it ends with us."""

    def __init__(self, log: Path, config: Path, state_dir: Path, *given: str) -> None:
        arguments = (config, state_dir, *given)
        Command.__init__(self, log, *arguments, module="tests.faults.worker", stdin=subprocess.PIPE)

    def __exit__(self, *_: object) -> None:
        """A worker that stands still cannot end in good order."""
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        super().__exit__()
        assert self.process.stdin is not None
        self.process.stdin.close()

    @property
    def stopped(self) -> bool:
        """Whether the worker proper stands still (SIGSTOP)."""
        told = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(self.pid or 0)], capture_output=True, text=True
        )
        return told.stdout.strip().startswith("T")

    @property
    def rss(self) -> int:
        """Resident bytes of the worker proper; 0 where there is none."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid or 0)], capture_output=True, text=True
        )
        return int(told.stdout.strip() or 0) * 1024


class Rig:
    """A namespace with its topics, the load flowing into it, the workers, and what they suffered.

    `told` hears what happens, in a few words.
    """

    def __init__(
        self,
        kafka: EmbeddedKafka,
        load: Scenario,
        folder: Path,
        seconds: float = 0.0,
        seed: int = 7,
        told: Callable[[str], None] = lambda what: None,
        **about: object,
    ) -> None:
        self.kafka, self.load, self.folder, self.told = kafka, load, folder, told
        self.namespace = f"f{os.getpid()}-{next(_numbers)}"
        self.seconds = seconds
        self.chance = random.Random(seed)
        self.workers: list[PatchedWorker] = []
        self.kills = 0
        #: When harm was done, in seconds since the epoch.
        self.harms: list[float] = []
        self.began = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = load.write(folder, kafka.address, self.namespace)
        made = processes.run("topics", "create", self.config)
        assert made.returncode == 0, made.stderr
        self.manifest = folder / "manifest"
        #: Where workers keep their caches.
        self.state_dir = folder / "caches"
        write_manifest(self.manifest, load.sent, **about)
        self._stack = contextlib.ExitStack()
        self._failure: list[BaseException] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        #: The part of the load that may be sent by now.
        self.allowed = 1.0
        self.sent = 0

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._stack.close()
        if self._thread.ident is not None:
            self._thread.join(10.0)

    # -- workers -------------------------------------------------------------------------------

    def worker(self, *patches: str) -> PatchedWorker:
        """Start a worker, perhaps with patches in its process."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        made = PatchedWorker(log, self.config, self.state_dir, *patches)
        self._stack.enter_context(made)
        self.workers.append(made)
        return made

    def kill(self, worker: PatchedWorker, but: list[int], after_s: float) -> None:
        """SIGKILL to the worker proper so long after it is there; `but` are its predecessors."""
        pid = worker.started(but)
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        but.append(pid)
        self.killed()

    def killed(self) -> None:
        """Count one that was killed just now."""
        self.kills += 1
        self.harms.append(time.time())
        self.told(f"{self.kills} killed")

    @contextlib.contextmanager
    def paused(self, worker: PatchedWorker) -> Iterator[None]:
        """SIGSTOP the worker proper for a while."""
        pid = worker.started()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @property
    def said(self) -> str:
        """All that the workers have said."""
        return "\n".join(worker.said for worker in self.workers)

    @property
    def rebalances(self) -> int:
        """How often partitions were taken up."""
        return sum(line.startswith("own ") or " own " in line for line in self.said.splitlines())

    # -- the load ------------------------------------------------------------------------------

    def flow(self) -> None:
        """Begin to send the load, spread evenly over its seconds."""
        self._thread.start()

    def _send(self) -> None:
        total = len(self.load.sent)
        began, pace = time.monotonic(), self.seconds / max(1, total)

        async def pause(n: int, delivered: logs.Delivered) -> None:
            if n + 1 >= self.allowed * total:
                # What counts as sent is in the log: a label that comes later may come too late.
                await delivered()
            self.sent = n + 1
            while self.sent >= self.allowed * total and self.sent < total:
                await asyncio.sleep(0.05)
                if self._over.is_set():
                    raise Invalid("it ended before all was sent")
            ahead = began + n * pace - time.monotonic()
            if n % 50 == 0 and ahead > 0:
                await asyncio.sleep(ahead)

        try:
            asyncio.run(
                logs.send(
                    self.kafka.address, self.namespace, self.load.sent, pause, patience=PATIENCE_S
                )
            )
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits for it
            self._failure.append(error)

    @property
    def flowing(self) -> bool:
        """Whether more of the load is to come."""
        return self._thread.is_alive()

    def allow(self, share: float) -> None:
        """Let a share of the load be sent, all that was allowed before included."""
        self.allowed = share

    def gone(self, share: float) -> None:
        """Wait until a share of the load has been sent."""
        wanted = int(share * len(self.load.sent))
        until("the load", lambda: self.sent >= wanted or self._failure, self.seconds + PATIENCE_S)
        if self._failure:
            raise Invalid(f"the load could not be sent: {self._failure}")

    def at_rest(self) -> None:
        """Wait until all is sent, and all that it sets off is done."""
        self.allow(1.0)
        self._thread.join(self.seconds + REST_S + PATIENCE_S)
        if self.flowing or self._failure:
            raise Invalid(f"the load could not be sent: {self._failure or 'too slow'}")
        self.rest()

    def rest(self) -> None:
        """Wait until what has been sent so far has gone through all stages."""
        self.told("waiting for rest")
        try:
            asyncio.run(logs.at_rest(self.kafka.address, self.namespace, REST_S))
        except DidNotQuiesce as error:
            said = [f"{worker.log.name}: {worker.said[-1500:]}" for worker in self.workers]
            raise DidNotQuiesce("\n".join([str(error), *said])) from None

    def observed(self) -> Observed:
        """Everything that stands in the topics, read by plain consumers."""
        return asyncio.run(logs.observed(self.kafka.address, self.namespace))

    def truth(self, found: Observed) -> Truth:
        """What the input log implies; Invalid if it isn't what the manifest says."""
        if strange := strayed(self.manifest, found.log):
            raise Invalid(strange)
        return Truth(self.load.models, found.log)

    def differences(self) -> tuple[Truth, Observed, list[str]]:
        """Come to rest, and compare; no worker may have failed by a fault of ours meanwhile."""
        self.at_rest()
        found = self.observed()
        self.told("comparing")
        truth = self.truth(found)
        wrong = differences(truth, found.events, found.partitions)
        if "Traceback" in self.said:
            wrong.append("a worker failed:\n" + self.said[self.said.index("Traceback") :][:2000])
        return truth, found, wrong
