"""Run a single Apache Kafka on this machine, for trials, tests and small installations."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from monitor.stream.broker import PORT, EmbeddedKafka, default_data_dir
from monitor.stream.jars import Progress
from monitor.stream.supervisor import ending

#: Not 2: a supervisor is to start it again.
_DIED = 1


@click.command("broker")
@click.option("--port", type=int, default=PORT, show_default=True, help="0: any free one.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Kept between starts.  [default: ~/.local/share/watchkeeper/broker]",
)
def command(port: int, data_dir: Path | None) -> int:
    """Run Apache Kafka on 127.0.0.1 until told to stop (Ctrl-C, SIGTERM).

    The first start fetches its jars, 45 MB, from Maven Central. Every later one needs no network.
    """
    kafka = EmbeddedKafka(data_dir or default_data_dir(), port)
    with jars_bar() as progress:
        kafka.start(progress)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    click.echo(f"Apache Kafka at {kafka.address}, data in {kafka.data_dir}, pid {kafka.pid}")
    try:
        while not stop.wait(0.1):
            if (code := kafka.wait(0)) is not None:
                click.echo(f"watchkeeper: Kafka {ending(code)}; see {kafka.log}", err=True)
                return _DIED
    finally:
        kafka.stop()
    return 0


@contextlib.contextmanager
def jars_bar() -> Iterator[Callable[[Progress], None]]:
    """What `EmbeddedKafka.start` takes: shows on stderr how far the jars are, if any are fetched.

    A bar in a terminal; elsewhere a line when it begins, and one when it has ended.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    shown: list[Live | None] = []
    with contextlib.ExitStack() as stack:

        def show(progress: Progress) -> None:
            text = f"Apache Kafka, once: {progress}"
            if not shown:
                bar = Live(console=console, transient=True) if console.is_terminal else None
                shown.append(None if bar is None else stack.enter_context(bar))
            elif shown[0] is None and progress.jars < progress.of_jars:
                return
            if shown[0] is None:
                click.echo(text, err=True)
            else:
                width = max(10, min(40, console.width - len(text) - 3))
                filled = width * progress.size // progress.of_size
                shown[0].update(Text(f"{text} {'━' * filled}{'╌' * (width - filled)}"))
                if progress.jars == progress.of_jars:
                    stack.close()

        yield show
