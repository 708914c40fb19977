"""Build, show and list baselines: what a model's data looks like when it is fine."""

import json
import os
import time
from pathlib import Path

import click

from monitor.errors import ConfigError, WatchkeeperError
from monitor.files.reference import ROLES, learn
from monitor.files.tables import ENDINGS, read_table
from monitor.registry.specs import ModelSpec
from monitor.stream.models import read_baseline, read_config


@click.group()
def command() -> None:
    """Build, show and list baselines: what a model's data looks like when it is fine."""


BUILD = f"""Learn the baseline of MODEL in CONFIG from FILE, one past prediction a row.

FILE is a table ({", ".join(ENDINGS)}, each also with .gz). JSON lines may be prediction events
as they are published, with `label` and `label_timestamp` added where they are known. Columns
called {", ".join(ROLES)} have that role unless another is named; text times without an offset are
taken as UTC.

Where the times are known and are long enough, the earlier part is the reference, and the later part
becomes windows of the baseline's own: by these it is known how much windows differ while nothing is
wrong. They should hold nothing that you would want to be told of.
"""


@command.command("build", help=BUILD)
@click.argument("config")
@click.argument("model")
@click.argument("file")
@click.option(
    "--out", help="Where to write it.  [default: the model's baseline in CONFIG, if it is one]"
)
@click.option("--id", "name", help="What to call it.  [default: the name of the file written]")
@click.option("--prediction", metavar="COLUMN", help="What the model said.")
@click.option("--score", metavar="COLUMN", help="How sure it was.")
@click.option("--label", metavar="COLUMN", help="What turned out to be true.")
@click.option("--timestamp", metavar="COLUMN", help="When it was predicted.")
@click.option("--label-timestamp", metavar="COLUMN", help="When the label was known.")
@click.option(
    "--own-windows/--no-own-windows",
    default=True,
    help="Whether the later part becomes own windows, or all is the reference.  [default: it does]",
)
def build(
    config: str,
    model: str,
    file: str,
    out: str | None,
    name: str | None,
    own_windows: bool,
    **roles: str | None,
) -> int:
    """Build a baseline, write it, and show what was learned."""
    spec = _model(config, model)
    path = _out(config, spec, out)
    given = {role: column for role, column in roles.items() if column is not None}
    called = name or path.name.partition(".")[0]
    learned = learn(read_table(file), spec, called, given, own_windows=own_windows)
    data = learned.baseline.to_json()
    replaced = _write(path, data)
    from monitor.cli._learned import show
    from monitor.cli._terminal import terminal

    console = terminal()
    show(learned, spec, str(path), len(data), console)
    if replaced:
        console.print(f"Replaced the {path.name} that was there before.", markup=False)
    return 0


@command.command("show")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def show_(file: str, as_json: bool) -> int:
    """Show the baseline in FILE: columns, labels, own windows, fingerprint."""
    baseline = read_baseline(Path(file))
    size = Path(file).stat().st_size
    from monitor.cli._shown import described, show

    if as_json:
        click.echo(json.dumps({"path": file, "bytes": size, **described(baseline)}, indent=2))
    else:
        from monitor.cli._terminal import terminal

        show(baseline, size, terminal())
    return 0


@command.command("list")
@click.argument("config")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def list_(config: str, as_json: bool) -> int:
    """List the baselines of the models in CONFIG: since when each holds, and how old it is.

    Exits with 1 if a model has none, or one that cannot be used.
    """
    from monitor.cli._listed import listed, table, to_json

    found = list(listed(read_config(Path(config)), int(time.time() * 1000)))
    if as_json:
        click.echo(json.dumps(to_json(found), indent=2))
    else:
        from monitor.cli._terminal import terminal

        console = terminal()
        console.print(table(found))
        for one in found:
            if one.why is not None:
                console.print(one.why, markup=False)
    return 1 if any(one.why is not None for one in found) else 0


def _model(config: str, model: str) -> ModelSpec:
    loaded = read_config(Path(config))
    spec = loaded.model(model)
    if spec is None:
        known = ", ".join(m.id for m in loaded.models)
        raise ConfigError(f"{config}: no model {model!r}; it has {known}")
    return spec


def _out(config: str, spec: ModelSpec, out: str | None) -> Path:
    if out is not None:
        return Path(out)
    paths = [baseline.path for baseline in spec.baselines]
    if len(paths) != 1:
        named = f"{len(paths)} baselines ({', '.join(paths)})" if paths else "no baseline"
        raise ConfigError(f"{config}: {spec.id} names {named}; say where to write with --out")
    return Path(config).parent / paths[0]


def _write(path: Path, data: bytes) -> bool:
    """Write the file whole or not at all: a worker may read it at any time.

    Return whether there was one before.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_bytes(data)
        replaced = path.exists()
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise WatchkeeperError(f"{path}: {error.strerror}; name a writable file") from None
    return replaced
