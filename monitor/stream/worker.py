"""The worker process: checks what it needs, then runs the application until it is told to stop."""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from monitor.errors import TopicMissing
from monitor.registry.specs import Config
from monitor.stream.app import build, run
from monitor.stream.models import read_models
from monitor.stream.topics import missing_topics


def check_topics(config: Config) -> None:
    """Raise TopicMissing, or BrokerUnreachable, where the worker would only wait."""
    missing = asyncio.run(missing_topics(config.kafka, config.namespace))
    if missing:
        raise TopicMissing(
            f"{len(missing)} topics are missing at {config.kafka.bootstrap}, among them "
            f"{missing[0]}; make them with `watchkeeper topics create {config.path}`"
        )


def work(config: Config) -> None:
    """Run one worker, unsupervised; returns when it has been stopped and has flushed."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="watchkeeper worker: %(message)s"
    )
    logging.getLogger("watchkeeper").setLevel(logging.INFO)
    # Faust tells of every rebalance as a warning or an error; what matters we say ourselves.
    for noisy in ("faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # A broker that has just started elects its coordinators at the first question; it is asked again.
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(
        lambda record: "GroupCoordinatorNotAvailable" not in record.getMessage()
    )
    models = read_models(config)
    check_topics(config)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as datadir:
        run(build(config, models, Path(datadir)))
