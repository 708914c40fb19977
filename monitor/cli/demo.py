"""Watch a year of real flights stream through, and three announced incidents being caught."""

import signal
from pathlib import Path

import click

from monitor.cli._terminal import terminal
from monitor.errors import DataError


@click.command("demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty folder to keep Kafka's data, configuration and logs in; otherwise they go.",
)
@click.option(
    "--port", default=0, show_default="any free one", help="The port of Kafka on 127.0.0.1."
)
@click.option("--clean", is_flag=True, help="Inject nothing: none of the incidents may be found.")
@click.option("--keep", is_flag=True, help="In a terminal, go on until Ctrl-C after the report.")
def command(folder: Path | None, port: int, clean: bool, keep: bool) -> int:
    """Stream nine months of flights through Kafka and a worker, and report what was found.

    Needs nothing but this: Apache Kafka comes from Maven Central at the first start. Exits with 0
    if every incident was found within three windows and every event is accounted for, else 1.
    """
    from monitor.cli.broker import jars_bar

    try:
        from monitor.demo.incidents import INCIDENTS
        from monitor.demo.run import Options, run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("monitor"):
            raise
        raise DataError(
            f"the demo needs {error.name}; install it with: pip install 'watchkeeper[demo]'"
        ) from None

    # However it is told to end, it ends like at Ctrl-C: broker and worker stopped, files gone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with jars_bar() as jars:
        return run(Options(folder, port, () if clean else INCIDENTS, keep), terminal(), jars)
