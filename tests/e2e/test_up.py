"""`watchkeeper up`: broker and worker in one command, stopped in mid-stream and started again."""

import asyncio
import random
import socket
from pathlib import Path

from tests.e2e import logs, verdicts
from tests.e2e.oracle.intake import take
from tests.e2e.processes import Command
from tests.e2e.scenario import scenario

NAMESPACE = "up"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Below those that the system gives to clients: one that waits could connect to itself."""
    ports = random.sample(range(20_000, 32_000), 50)
    return next(port for port in ports if not listens(port))


def test_what_was_read_before_a_stop_is_known_after_it(tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    story = scenario(hours=8, rate=100, seed=9)
    config = story.write(tmp_path, address, NAMESPACE)
    half = len(story.sent) // 2
    for n, part in enumerate((story.sent[:half], story.sent[half:])):
        log = tmp_path / f"up-{n}.log"
        with Command(log, "up", config, "--data-dir", tmp_path / "kafka") as up:
            up.owns()
            asyncio.run(logs.send(address, NAMESPACE, part))
            asyncio.run(logs.at_rest(address, NAMESPACE, timeout=60))
            if n == 1:
                found = asyncio.run(logs.observed(address, NAMESPACE))
            assert up.stop() == 0, up.said
        assert "Traceback" not in up.said
        assert not listens(port), "the broker has outlived its command"
    taken = take(found.log, story.models)
    judged = verdicts.judged(story.models, taken)
    drift = found.events["drift-events"]
    wrong = [*verdicts.findings(drift, judged), *verdicts.windows(drift, judged)]
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:20])
    assert found.accounting == taken.accounting()
