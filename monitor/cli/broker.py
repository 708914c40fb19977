"""Start Apache Kafka on this machine, from Python packages alone."""

import signal
from pathlib import Path
from types import FrameType

import click

from monitor.stream.broker import EmbeddedKafka, default_data_dir


@click.command("broker")
@click.option("--port", default=19092, show_default=True, help="On 127.0.0.1; 0 takes a free one.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the data are kept."
)
def command(port: int, data_dir: Path | None) -> int:
    """Run a single-node Apache Kafka on loopback until told to stop; its data are kept."""
    kafka = EmbeddedKafka(data_dir or default_data_dir(), port)

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with kafka:
        click.echo(f"Apache Kafka at {kafka.address}, data in {data_dir or default_data_dir()}")
        try:
            code = kafka.wait()
        except KeyboardInterrupt:
            return 0
    raise click.ClickException(f"the broker ended by itself ({code}); see {kafka.log}")
