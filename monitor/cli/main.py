"""The command `watchkeeper`: finds the commands beside this module, ends every error in one line.

Each module of this package whose name has no leading underscore is a command of that name, with
hyphens, and holds a click command in its attribute `command`. A module is imported only when its
command runs, so that `watchkeeper compare` never waits for Faust.
"""

import ast
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import click
from click.utils import PacifyFlushWrapper

import monitor.cli
from monitor import __version__
from monitor.errors import WatchkeeperError

#: 0 and 1 are answers ("fine", "a check failed"); a fault of ours must not look like either.
EXIT_REFUSED = 2
EXIT_BROKEN = 70
EXIT_INTERRUPTED = 130


class _Commands(click.Group):
    """Every sibling module, by name; help comes from its docstring, which needs no import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = (module.name for module in pkgutil.iter_modules(monitor.cli.__path__))
        names = (name for name in modules if not name.startswith("_") and name != "main")
        return sorted(name.replace("_", "-") for name in names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(_module(cmd_name)).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}; known: {', '.join(known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(name)) for name in self.list_commands(ctx)])


def _module(name: str) -> str:
    return f"monitor.cli.{name.replace('-', '_')}"


def _first_line(name: str) -> str:
    spec = find_spec(_module(name))
    if spec is None or spec.origin is None:
        return ""
    with open(spec.origin, encoding="utf-8") as source:  # noqa: PTH123 - an origin is a str
        return (ast.get_docstring(ast.parse(source.read())) or "").partition("\n")[0]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="watchkeeper")
def watchkeeper() -> None:
    """Watch AI systems in production: drift, performance and what to do about them."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 fine, 1 a check failed, 2 refused.

    A refusal (`WatchkeeperError`, a usage error, a file that cannot be opened) is one line on
    stderr. Only a fault of ours leaves a traceback, and 70.
    """
    try:
        outcome = watchkeeper.main(list(arguments), prog_name="watchkeeper", standalone_mode=False)
    except WatchkeeperError as error:
        return _refuse(str(error))
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except SystemExit:
        # So click ends when whoever read our output has enough of it (`| head`): with 1, which
        # would be an answer. Its wrapper keeps the interpreter's last flush from complaining.
        if isinstance(sys.stdout, PacifyFlushWrapper):
            return 0
        raise
    except OSError as error:
        if error.filename is None:
            raise
        return _refuse(f"{error.filename}: {error.strerror}")
    return outcome if isinstance(outcome, int) else 0


def _refuse(message: str) -> int:
    click.echo(f"watchkeeper: {message}", err=True)
    return EXIT_REFUSED


def main() -> None:
    """Be the command `watchkeeper`."""
    try:
        code = run(sys.argv[1:])
    except Exception:  # noqa: BLE001 - the last one to hear of it: shown, and never exit code 1
        sys.excepthook(*sys.exc_info())
        code = EXIT_BROKEN
    sys.exit(code)


if __name__ == "__main__":
    main()
