"""Make the topics that a configuration needs."""

import asyncio
from pathlib import Path

import click

from monitor.registry.specs import KafkaSpec
from monitor.stream.models import read_config
from monitor.stream.topics import create_topics


@click.group("topics")
def command() -> None:
    """Make the topics that a configuration needs."""


@command.command("create")
@click.argument("config", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--bootstrap", help="Kafka's address, host:port; instead of the configuration's.")
def create(config: Path | None, bootstrap: str | None) -> None:
    """Make every topic of CONFIG that is missing; safe to repeat."""
    if config:
        settings = read_config(config)
        kafka, namespace = settings.kafka, settings.namespace
    else:
        kafka, namespace = KafkaSpec(), "watchkeeper"
    if bootstrap:
        kafka = KafkaSpec(
            bootstrap=bootstrap,
            partitions=kafka.partitions,
            replication=kafka.replication,
            security=kafka.security,
        )
    created = asyncio.run(create_topics(kafka, namespace))
    for name in created.made:
        click.echo(f"made   {name}")
    click.echo(
        f"{len(created.made)} topics made, {len(created.existing)} were there, "
        f"at {kafka.bootstrap}, {kafka.partitions} partitions each"
    )
