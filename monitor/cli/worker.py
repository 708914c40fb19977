"""Watch the models of a configuration; a worker that dies is started again."""

import sys
from pathlib import Path

import click

from monitor.stream.supervisor import Child, Supervisor


@click.command("worker")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--unsupervised", is_flag=True, help="Run the worker itself; ends when it fails. For systemd."
)
def command(config: Path, unsupervised: bool) -> int:
    """Watch the models of CONFIG until told to stop.

    Needs Kafka at the configured address, its topics (`watchkeeper topics create CONFIG`) and the
    models' baselines. Start as many as the load needs: they share the partitions.
    """
    if unsupervised:
        from monitor.stream.models import read_config
        from monitor.stream.worker import work

        work(read_config(config))
        return 0
    return Supervisor([worker_child(config)]).run()


def worker_child(config: Path) -> Child:
    """The worker as a child process of a supervisor."""
    argv = [sys.executable, "-m", "monitor.cli.main", "worker", "--unsupervised", str(config)]
    return Child("worker", argv)
