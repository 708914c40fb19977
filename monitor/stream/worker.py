"""The worker process: checks what it needs, then runs the application until it is told to stop."""

import asyncio
import gc
from pathlib import Path

from monitor.errors import TopicMissing
from monitor.registry.specs import Config
from monitor.stream.app import build, run
from monitor.stream.logs import speak
from monitor.stream.models import read_models
from monitor.stream.rocks import Slot
from monitor.stream.topics import missing_topics


def check_topics(config: Config) -> None:
    """Raise TopicMissing, or BrokerUnreachable, where the worker would only wait."""
    missing = asyncio.run(missing_topics(config.kafka, config.namespace))
    if missing:
        raise TopicMissing(
            f"{len(missing)} topics are missing at {config.kafka.bootstrap}, among them "
            f"{missing[0]}; make them with `watchkeeper topics create {config.path}`"
        )


def collect_rarely() -> None:
    """Look for cycles every 100,000 new objects instead of every 700.

    A chunk makes tens of thousands of objects and no cycle; with Python's default the collector
    walks them some fifty times before they are let go, a third of all time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def work(config: Config, state_dir: Path) -> None:
    """Run one worker, unsupervised; returns when it has been stopped and has flushed."""
    speak()
    models = read_models(config)
    check_topics(config)
    app = build(config, models, Slot(state_dir, config.namespace).store)
    collect_rarely()
    run(app)
