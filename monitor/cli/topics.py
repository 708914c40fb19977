"""Make the topics that Watchkeeper needs in Kafka, or list them."""

import asyncio
from pathlib import Path

import click
import msgspec

from monitor.cli.worker import state_dir_option
from monitor.registry.specs import DAY_MS, Config
from monitor.stream.drained import undrained
from monitor.stream.models import read_config, read_models
from monitor.stream.rocks import default_state_dir
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

    Only a namespace that is drained may be left for another one: see `watchkeeper topics migrate`.
    """
    _refuse_undrained(read_config(config))
    click.echo("drained: everything that was sent is applied, and no worker runs")


def _refuse_undrained(config: Config) -> None:
    """Show what stands against leaving a namespace, and end with 1 if anything does."""
    found = asyncio.run(undrained(config))
    for problem in found:
        click.echo(problem)
    if found:
        raise SystemExit(1)


@command.command("migrate")
@click.argument("old", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("new", type=click.Path(path_type=Path, dir_okay=False))
@state_dir_option
def migrate(old: Path, new: Path, state_dir: Path | None) -> None:
    """Carry the state of OLD's namespace over to NEW's, which may have more partitions.

    The number of partitions cannot be changed under a state: keys would move. NEW is a copy of OLD
    with another `namespace` and `kafka.partitions`, which may grow and not shrink. Then:

    \b
    1. Stop the producers.
    2. Wait until `watchkeeper topics drained OLD` finds nothing but running workers.
    3. Stop the workers.
    4. watchkeeper topics migrate OLD NEW
    5. Point producers and consumers to the new namespace, and start its workers with NEW.

    Open windows, what waits for labels, ids seen and what was acted upon go on where they were.
    The old namespace stays as it is. A migration that is interrupted is run again. Exit code 1 if
    OLD is not drained.
    """
    from monitor.stream.migrate import migrate, refuse_unlike

    before, after = read_config(old), read_config(new)
    models = read_models(after)
    refuse_unlike(before, after)
    _refuse_undrained(before)
    folder = (state_dir or default_state_dir()) / after.namespace
    done = asyncio.run(migrate(before, after, models, folder, click.echo))
    for kind, n in done.entries.items():
        click.echo(f"carried over  {n:,} {kind}")
    for topic, n in done.rows.items():
        click.echo(f"carried over  {n:,} rows of {topic}")
    click.echo(f"carried over  {done.copied:,} records of compacted topics")
    click.echo(
        f"{before.namespace} with {before.kafka.partitions} partitions goes on as "
        f"{after.namespace} with {after.kafka.partitions}; point the producers there, and start "
        f"its workers: watchkeeper worker {new}"
    )


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
