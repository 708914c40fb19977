"""Replay history files against a configuration, without Kafka: what would have fired, and why?"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from monitor.errors import ConfigError, WatchkeeperError
from monitor.files.history import HISTORY_ROLES, read_histories
from monitor.files.tables import ENDINGS, read_table
from monitor.observe.model import Monitored
from monitor.registry.specs import Config
from monitor.replay.difference import difference
from monitor.replay.history import History
from monitor.replay.outputs import TOPICS, difference_summary, lines, summary
from monitor.replay.run import Replayed, replay
from monitor.replay.told import tell
from monitor.stream.models import read_config, read_models

HELP = f"""Run CONFIG over the past in FILE..., as the stream would have, and say what it finds.

A FILE is a table of predictions, one a row ({", ".join(ENDINGS)}, each also with .gz): the features
and columns of the roles {", ".join(HISTORY_ROLES)}; JSON lines may be prediction events as they
are published. A table with prediction_id, label and timestamp and no prediction is one of labels.
The clock is the rows' own: they are read in order of time, all files together.

Exit code: 0 whatever is found, 2 where a file or a configuration cannot be used.
"""


class _Time(click.ParamType):
    name = "TIME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since 1970; a time without an offset is UTC."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-05-01T00:00:00Z", param, ctx)
        aware = moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class _Policy:
    """A configuration, and the models of it that are replayed."""

    config: Config
    models: tuple[Monitored, ...]


@click.command(help=HELP)
@click.argument("config")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--against", metavar="OTHER", help="Another configuration: what it finds otherwise.")
@click.option("--model", metavar="ID", help="Only this model; rows that name none are of it.")
@click.option(
    "--out",
    metavar="PATH",
    help="Write the drift events as JSON lines; into a folder (a name that ends in /) all topics.",
)
@click.option("--since", type=_Time(), help="Only predictions from then on.")
@click.option("--until", type=_Time(), help="Only predictions from before then.")
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="Findings to show."
)
@click.option("--json", "as_json", is_flag=True, help="Print counts as one JSON object.")
@click.option("--prediction", metavar="COLUMN", help="What the model said.")
@click.option("--score", metavar="COLUMN", help="How sure it was.")
@click.option("--label", metavar="COLUMN", help="What turned out to be true.")
@click.option("--timestamp", metavar="COLUMN", help="When it was predicted.")
@click.option("--label-timestamp", metavar="COLUMN", help="When the label was known.")
@click.option("--prediction-id", metavar="COLUMN", help="What tells predictions apart.")
def command(
    config: str,
    files: tuple[str, ...],
    against: str | None,
    model: str | None,
    out: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    as_json: bool,
    **roles: str | None,
) -> int:
    """Replay one policy, or two, and show what comes out."""
    from monitor.cli._replayed import Sizes, bar, show, show_difference
    from monitor.cli._terminal import terminal

    began = time.perf_counter()
    policies = [_policy(config, () if model is None else (model,))]
    if against is not None:
        policies.append(_policy(against, [one.spec.id for one in policies[0].models]))
    given = {role: column for role, column in roles.items() if column is not None}
    tables = [read_table(file) for file in files]
    pasts = []
    for policy in policies:
        found = read_histories(tables, policy.models, given)
        kept = {name: past.between(since, until) for name, past in found.known.items()}
        pasts.append({name: past for name, past in kept.items() if past.rows})
    del tables
    if not pasts[0]:
        raise WatchkeeperError("no prediction lies between --since and --until; widen them")
    read = time.perf_counter()
    with bar(sum(past.rows for known in pasts for past in known.values())) as progress:
        done = [
            _replayed(policy, known, progress)
            for policy, known in zip(policies, pasts, strict=True)
        ]
    told = [[tell(one) for one in each] for each in done]
    differences = {
        one.model_id: difference(one.findings, other.findings)
        for one, other in zip(told[0], told[-1], strict=True)
    }
    answer = summary(done[0], told[0], found.strangers)
    if against is not None:
        answer["against"] = {of: difference_summary(one) for of, one in differences.items()}
    if out is not None:
        _write(out, done[0], answer)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return 0
    console = terminal()
    if against is None:
        show(told[0], limit, console)
    else:
        for pair in zip(*told, strict=True):
            found_otherwise = differences[pair[0].model_id]
            show_difference(pair, (config, against), found_otherwise, limit, console)
    sizes = Sizes(
        predictions=sum(past.rows for past in pasts[0].values()),
        labels=sum(past.labels.rows for past in pasts[0].values()),
        policies=len(policies),
        reading_s=read - began,
        replaying_s=time.perf_counter() - read,
    )
    console.print(sizes.text(found.strangers), markup=False)
    return 0


def _policy(path: str, ids: Sequence[str]) -> _Policy:
    """Read a configuration and the baselines of these models, or of all."""
    config = read_config(Path(path))
    missing = [name for name in ids if config.model(name) is None]
    if missing:
        known = ", ".join(m.id for m in config.models)
        raise ConfigError(
            f"{path}: no model {', '.join(missing)}; it has {known}: name one of them with --model"
        )
    wanted = [spec for name in ids if (spec := config.model(name))] or config.models
    config = msgspec.structs.replace(config, models=tuple(wanted))
    return _Policy(config, read_models(config))


def _replayed(
    policy: _Policy, pasts: Mapping[str, History], progress: Callable[[int], None]
) -> list[Replayed]:
    now_ms = time.time_ns() // 1_000_000
    partitions = policy.config.kafka.partitions
    return [
        replay(model, pasts[model.spec.id], now_ms, partitions, progress)
        for model in policy.models
        if model.spec.id in pasts
    ]


def _write(out: str, done: Sequence[Replayed], answer: Mapping[str, Any]) -> None:
    """Write drift events into a file, or every topic into a folder."""
    path = Path(out)
    try:
        if not (out.endswith("/") or path.is_dir()):
            with path.open("wb") as file:
                file.writelines(lines(done, TOPICS[0]))
            return
        path.mkdir(parents=True, exist_ok=True)
        for topic in TOPICS:
            with (path / f"{topic}.jsonl").open("wb") as file:
                file.writelines(lines(done, topic))
        text = json.dumps(answer, indent=2)
        (path / "summary.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise WatchkeeperError(f"{path}: {error.strerror}; name a writable file") from None
