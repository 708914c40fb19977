"""See what could not be used and why, and publish it again once the cause is mended."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from monitor.errors import InvalidEvent, WatchkeeperError
from monitor.events.timestamps import to_ms
from monitor.observe.reasons import Reason
from monitor.registry.durations import duration_ms
from monitor.stream.letters import DEAD_LETTERS, LATE, Letter, Selection, Tally, read_letters
from monitor.stream.models import read_config


@click.group("dead-letters")
def command() -> None:
    """See what could not be used and why, and publish it again once the cause is mended."""


class _Since(click.ParamType):
    """A duration back from now, or a time."""

    name = "duration or time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return max(0, _now_ms() - duration_ms(value))
        except ValueError:
            try:
                return max(0, to_ms(value))
            except InvalidEvent:
                self.fail(
                    f"{value!r} is neither a duration as 2h nor a time as 2026-05-01T00:00:00Z",
                    param,
                    ctx,
                )


_config = click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
_reason = click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice(sorted(get_args(Reason))),
    metavar="REASON",
    help="Only those of this reason; may be given several times.",
)
_model = click.option(
    "--model", metavar="ID", help="Only those of this model; - for those of none."
)
_since = click.option(
    "--since", type=_Since(), help="Only what came since: 2h, or 2026-05-01T00:00:00Z."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@command.command("list")
@_config
@click.option("--late", is_flag=True, help="Those that came too late for their windows as well.")
@_reason
@_model
@_since
@click.option(
    "--limit", type=click.IntRange(0), default=20, show_default=True, help="The latest so many."
)
@_json
def show_all(
    config: Path,
    late: bool,
    reasons: tuple[str, ...],
    model: str | None,
    since: int | None,
    limit: int,
    as_json: bool,
) -> int:
    """Count the dead letters of CONFIG by reason, model and topic, and show the latest.

    They are kept for 7 days. A time is that at which Kafka got the event.
    """
    from monitor.cli import _letters

    settings, tally = read_config(config), Tally(limit)
    boxes = _boxes(late or LATE in reasons)
    selection = Selection(reasons=reasons, model=model, since_ms=since or 0)
    seen = asyncio.run(read_letters(settings, boxes, selection, tally.take))
    if as_json:
        for letter in tally.latest:
            click.echo(_letters.as_json(letter, seen))
    else:
        _letters.show_all(tally, seen, boxes, selection)
    return 0


@command.command("show")
@_config
@click.argument("letter_id", metavar="ID")
@_json
def show(config: Path, letter_id: str, as_json: bool) -> int:
    """Show all of one dead letter: where its event stood, what it was, and what to do.

    ID is one that `list` shows, or its beginning.
    """
    from monitor.cli import _letters

    found: dict[str, Letter] = {}
    selection = Selection(ids=(letter_id,))
    seen = asyncio.run(read_letters(read_config(config), _boxes(True), selection, _into(found)))
    _require_each((letter_id,), found, config)
    (letter,) = found.values()
    if as_json:
        click.echo(_letters.as_json(letter, seen))
    else:
        _letters.show(letter, seen.replays[letter.place])
    return 0


@command.command("replay")
@_config
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--late", is_flag=True, help="Those that came too late as well; they stay late.")
@_reason
@_model
@_since
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="At most so many, the oldest first.",
)
@click.option("--again", is_flag=True, help="Also what was replayed before.")
@click.option("--yes", is_flag=True, help="Do it; otherwise only say what would be done.")
@_json
def again(
    config: Path,
    ids: tuple[str, ...],
    late: bool,
    reasons: tuple[str, ...],
    model: str | None,
    since: int | None,
    limit: int,
    again: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish the events of dead letters of CONFIG again: by ID, or by --reason and --model.

    Each is read where it stood, compared with the letter's SHA-256, and published to the same
    partition with the same key, bytes and headers; without --yes nothing is published. Mend the
    cause first: register the model, upgrade the worker. The bytes can't be mended here.

    What it means for the counts: the replayed record is a new one, and is judged as such, once. A
    prediction or review that has been counted meanwhile is known by its id, and dropped as a
    duplicate, or refused as id_conflict; a label says nothing new if it is known already. Time
    isn't turned back: an event whose windows are judged is late, and stays late. The letter stays
    where it is, and is still counted as dead. A record is replayed once, and what is refused again
    isn't tried a third time, unless you ask with --again. A columnar record goes as a whole, once
    for all its letters: those of its predictions that were counted are duplicates then, so it is
    not replayed for a model that has `deduplicate` off.

    Exits with 0 if every letter could be replayed (or was before), 1 if one cannot: retention has
    taken its record, or another record stands in its place.
    """
    from monitor.cli import _letters
    from monitor.stream.republish import replay

    if not ids and not reasons and model is None:
        raise click.UsageError("say which: by ID, --reason or --model")
    settings = read_config(config)
    selection = Selection(ids, reasons, model, since or 0)
    boxes = _boxes(late or bool(ids) or LATE in reasons)
    if ids:
        found: dict[str, Letter] = {}
        asyncio.run(read_letters(settings, boxes, Selection(ids=ids), _into(found)))
        _require_each(ids, found, config)
    report = asyncio.run(
        replay(
            settings, boxes, selection,
            limit=limit, again=again, now_ms=_now_ms(), publish=yes,
        )
    )  # fmt: skip
    if as_json:
        for one in report.done:
            click.echo(_letters.replayed_json(one))
    else:
        _letters.show_replay(report, selection, yes)
    return 1 if any(one.outcome == "impossible" for one in report.done) else 0


def _boxes(late: bool) -> tuple[str, ...]:
    return (DEAD_LETTERS, LATE) if late else (DEAD_LETTERS,)


def _into(found: dict[str, Letter]) -> Callable[[Letter], None]:
    return lambda letter: found.update({letter.id: letter})


def _require_each(ids: tuple[str, ...], found: dict[str, Letter], config: Path) -> None:
    """Refuse an id that no letter has, or that is the beginning of several."""
    for wanted in ids:
        meant = [letter_id for letter_id in found if letter_id.startswith(wanted)]
        if not meant:
            raise WatchkeeperError(
                f"no dead letter {wanted!r:.80}; `watchkeeper dead-letters list --late {config}` "
                "shows those that there are, which go after 7 days"
            )
        if len(meant) > 1:
            raise WatchkeeperError(
                f"{len(meant)} dead letters begin with {wanted!r:.80}, such as {min(meant)} and "
                f"{max(meant)}; give more of the id"
            )


def _now_ms() -> int:
    return int(time.time() * 1000)
