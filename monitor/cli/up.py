"""Start Apache Kafka and a worker on this machine, in one command."""

import asyncio
import sys
from pathlib import Path

import click

from monitor.cli._fitness import refuse_unfit
from monitor.cli.worker import state_dir_option, worker_child
from monitor.errors import BrokerUnreachable, ConfigError
from monitor.registry.specs import Config
from monitor.stream.broker import default_data_dir, refuse_taken
from monitor.stream.models import read_config, read_models
from monitor.stream.rocks import default_state_dir
from monitor.stream.supervisor import Child, Supervisor
from monitor.stream.topics import Horizons, create_topics


@click.command("up")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where Kafka keeps its data.",
)
@state_dir_option
def command(config: Path, data_dir: Path | None, state_dir: Path | None) -> int:
    """Run broker and worker for CONFIG until told to stop; the data are kept between starts.

    Both are supervised: one that dies is started again.
    """
    settings = read_config(config)
    refuse_unfit(settings, read_models(settings))
    host, _, port = settings.kafka.bootstrap.partition(":")
    if host not in ("127.0.0.1", "localhost") or not port.isdigit() or settings.kafka.security:
        raise ConfigError(
            f"{config}: kafka.bootstrap is {settings.kafka.bootstrap}: `up` starts a broker of its "
            "own on 127.0.0.1 without a login; use `watchkeeper worker` with your cluster"
        )
    refuse_taken(int(port))  # else the worker would join whoever runs there already
    argv = [sys.executable, "-m", "monitor.cli.main", "broker", "--port", port]
    argv += ["--data-dir", str(data_dir or default_data_dir())]
    broker = Child("broker", argv, ready=_Topics(settings))
    return Supervisor([broker, worker_child(config, state_dir or default_state_dir())]).run()


class _Topics:
    """True once the broker has answered and the topics are made."""

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.made = False

    def __call__(self) -> bool:
        if not self.made:
            kafka, namespace = self.settings.kafka, self.settings.namespace
            try:
                asyncio.run(create_topics(kafka, namespace, Horizons.of(self.settings)))
            except BrokerUnreachable:
                return False
            self.made = True
        return self.made
