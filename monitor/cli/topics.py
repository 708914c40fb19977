"""Make the topics that Watchkeeper needs in Kafka, or list them."""

import asyncio
from pathlib import Path

import click
import msgspec

from monitor.registry.specs import DAY_MS, Config
from monitor.stream.drained import undrained
from monitor.stream.models import read_config
from monitor.stream.topics import TOPICS, Horizons, Topic, create_topics


@click.group("topics")
def command() -> None:
    """Make the topics that Watchkeeper needs in Kafka, or list them."""


@command.command("create")
@click.argument("config", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--bootstrap", help="Address of the broker, instead of the configuration's.")
def create(config: Path | None, bootstrap: str | None) -> None:
    """Make every topic that isn't there yet, as CONFIG says, or by the defaults.

    Those already there are left as they are, unless state would be lost with them: that is an
    error which says what to change.
    """
    settings = Config() if config is None else read_config(config)
    kafka = settings.kafka
    if bootstrap:
        kafka = msgspec.structs.replace(kafka, bootstrap=bootstrap)
    report = asyncio.run(create_topics(kafka, settings.namespace, Horizons.of(settings)))
    for name in report.created:
        click.echo(f"created  {name}")
    click.echo(
        f"{len(report.created)} topics created, {len(report.existing)} there already, "
        f"at {kafka.bootstrap}"
    )


@command.command("drained")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
def drained(config: Path) -> None:
    """Say whether all that was sent is applied and no worker runs; exit code 1 if not.

    The number of partitions cannot be changed under a state: keys would move. To have another one,
    stop the producers, wait until this command finds nothing but running workers, stop those, and
    go on under a new `namespace` with the new `kafka.partitions`. It begins without a memory:
    labels of predictions made before, and windows that are open, stay with the old one.
    """
    found = asyncio.run(undrained(read_config(config)))
    for problem in found:
        click.echo(problem)
    if found:
        raise SystemExit(1)
    click.echo("drained: everything that was sent is applied, and no worker runs")


@command.command("list")
def show() -> None:
    """Show the table of topics: who writes them, their keys, partitions and retention."""
    rows = [("topic", "direction", "record", "key", "partitions", "kept")]
    rows += [(t.name, t.direction, t.type, t.key, t.partitions, _kept(t)) for t in TOPICS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "last of each key"
    ms = topic.retention_ms(Horizons())
    if ms < 0:
        return "for good"
    return f"{ms / DAY_MS:g} days" + (" or more" if isinstance(topic.retention, str) else "")
