"""Start Apache Kafka and a worker on this machine, in one command."""

import asyncio
from pathlib import Path

import click

from monitor.cli.worker import worker_child
from monitor.errors import ConfigError
from monitor.stream.broker import EmbeddedKafka, default_data_dir
from monitor.stream.models import read_config, read_models
from monitor.stream.supervisor import Supervisor
from monitor.stream.topics import create_topics


@click.command("up")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where Kafka keeps its data.",
)
def command(config: Path, data_dir: Path | None) -> int:
    """Run broker and worker for CONFIG until told to stop; the data are kept between starts."""
    settings = read_config(config)
    read_models(settings)  # refuse a baseline that is unfit before anything is started
    host, _, port = settings.kafka.bootstrap.partition(":")
    if host not in ("127.0.0.1", "localhost") or not port.isdigit() or settings.kafka.security:
        raise ConfigError(
            f"{config}: kafka.bootstrap is {settings.kafka.bootstrap}: `up` starts a broker of its "
            "own on 127.0.0.1 without a login; use `watchkeeper worker` with your cluster"
        )
    with EmbeddedKafka(data_dir or default_data_dir(), int(port)) as kafka:
        click.echo(f"Apache Kafka at {kafka.address}", err=True)
        asyncio.run(create_topics(settings.kafka, settings.namespace))
        return Supervisor([worker_child(config)]).run()
