"""Watch the models of a configuration; a worker that dies is started again."""

import sys
from pathlib import Path
from uuid import uuid4

import click

from monitor.cli._fitness import refuse_unfit
from monitor.errors import TopicMissing
from monitor.stream.models import read_config, read_keyring, read_models
from monitor.stream.rocks import default_state_dir
from monitor.stream.supervisor import Child, Supervisor

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the worker keeps its caches; not needed elsewhere, as Kafka holds it all.",
)
#: What a supervisor tries again; 2 would say that it is of no use.
_AGAIN = 3


@click.command("worker")
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--unsupervised", is_flag=True, help="Run the worker itself; ends when it fails. For systemd."
)
@click.option("--supervised", is_flag=True, hidden=True)
@click.option("--member", hidden=True)
@state_dir_option
def command(
    config: Path, state_dir: Path | None, unsupervised: bool, supervised: bool, member: str | None
) -> int:
    """Watch the models of CONFIG until told to stop.

    Needs Kafka at the configured address, its topics (`watchkeeper topics create CONFIG`) and the
    models' baselines. Start as many as the load needs: they share the partitions.
    """
    from monitor.stream.worker import check_topics, work

    settings, folder = read_config(config), state_dir or default_state_dir()
    if supervised:
        try:
            work(settings, folder, member)
        except TopicMissing as error:
            # They were there when the supervisor began.
            click.echo(f"watchkeeper: {error}", err=True)
            return _AGAIN
        return 0
    if unsupervised:
        work(settings, folder)
        return 0
    refuse_unfit(settings, read_models(settings))
    read_keyring(settings)
    check_topics(settings)
    return Supervisor([worker_child(config, folder)]).run()


def worker_child(config: Path, state_dir: Path) -> Child:
    """The worker as a child process of a supervisor, one and the same member of its group.

    Started again after a crash it takes its partitions up at once; the group would else wait for
    the dead one until its session expires.
    """
    argv = [sys.executable, "-m", "monitor.cli.main", "worker", "--supervised", str(config)]
    return Child("worker", [*argv, "--state-dir", str(state_dir), "--member", uuid4().hex])
