"""The worker process: checks what it needs, then runs the application until it is told to stop."""

import asyncio
import gc
import logging
import time
from pathlib import Path

from monitor.errors import BrokerUnreachable, TopicMissing
from monitor.registry.specs import Config
from monitor.stream.app import build, run
from monitor.stream.logs import speak
from monitor.stream.models import read_keyring, read_models
from monitor.stream.rocks import Slot
from monitor.stream.topics import missing_topics

logger = logging.getLogger("watchkeeper")

#: So often a broker that is away is looked for, in seconds.
AGAIN_S = 0.5


def check_topics(config: Config) -> None:
    """Raise TopicMissing, or BrokerUnreachable, where the worker would only wait."""
    missing = asyncio.run(missing_topics(config.kafka, config.namespace))
    if missing:
        raise TopicMissing(
            f"{len(missing)} topics are missing at {config.kafka.bootstrap}, among them "
            f"{missing[0]}; make them with `watchkeeper topics create {config.path}`"
        )


def await_topics(config: Config) -> None:
    """Check the topics as soon as the broker answers, however long that takes.

    A worker that ended for want of a broker would be started again later and later, and the last
    of these waits would go on when the broker is long back.
    """
    said = False
    while True:
        try:
            return check_topics(config)
        except BrokerUnreachable as error:
            if not said:
                logger.info("%s; waiting for it", error)
            said = True
            time.sleep(AGAIN_S)


def collect_rarely() -> None:
    """Look for cycles every 100,000 new objects instead of every 700.

    A chunk makes tens of thousands of objects and no cycle; with Python's default the collector
    walks them some fifty times before they are let go, a third of all time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def work(config: Config, state_dir: Path, member: str | None = None) -> None:
    """Run one worker; returns when it has been stopped and has flushed.

    One that is started again under its name, as a `member`, waits for a broker that is away: it was
    there before. Without a name it is refused.
    """
    speak()
    models, keyring = read_models(config), read_keyring(config)
    if member is None:
        check_topics(config)
    else:
        await_topics(config)
    app = build(config, models, Slot(state_dir, config.namespace).store, keyring, member)
    collect_rarely()
    run(app)
