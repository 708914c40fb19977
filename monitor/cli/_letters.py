"""How dead letters look in a terminal, and to machines."""

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from monitor.cli._terminal import terminal
from monitor.events.timestamps import rfc3339
from monitor.observe.reasons import REMEDIES
from monitor.stream.letters import Boxes, Letter, Selection, Tally
from monitor.stream.republish import Replayed, Report

#: Digits of an id that tell it from any other.
SHORT = 12
#: Letters that cannot be replayed, told one by one.
TOLD = 20
_WHOLE = {"id", "time", "first", "last"}
_PATH = re.compile(r"(?P<path>\$[^:]*): (?P<what>.*)", re.DOTALL)
_OUTCOMES = {
    "ready": "would be published again",
    "replayed": "published again",
    "before": "replayed before",
    "impossible": "cannot be replayed",
}


def as_json(letter: Letter, seen: Boxes) -> str:
    """One letter as a JSON object."""
    data = msgspec.structs.asdict(letter.data)
    more = {"id": letter.id, "box": letter.box, "replays": seen.replays[letter.place]}
    return msgspec.json.encode(more | data).decode()


def replayed_json(one: Replayed) -> str:
    """What became of one letter, as a JSON object."""
    data = one.letter.data
    answer: dict[str, Any] = {"id": one.letter.id, "outcome": one.outcome, "why": one.why or None}
    answer |= {"reason": data.reason, "model_id": data.model_id, "topic": data.topic}
    answer |= {"partition": data.partition, "offset": data.offset, "published_offset": one.offset}
    return msgspec.json.encode(answer).decode()


def show_all(tally: Tally, seen: Boxes, boxes: Sequence[str], selection: Selection) -> None:
    """Print the counts, the latest letters, and what is no longer there."""
    out = terminal()
    if tally.counts:
        out.print(_counts(tally))
        if tally.latest:
            out.print()
            out.print(_latest(tally.latest, seen))
        out.print()
        letters = _many(tally.total, "letter")
        out.print(Text(f"{letters}, the latest {len(tally.latest)} shown."))
    else:
        where = " and ".join(boxes)
        all_of_them = selection == Selection()
        out.print(Text(f"No letter in {where}." if all_of_them else f"No such letter in {where}."))
    for box in seen.shortened:
        out.print(Text(f"Retention has taken older letters of {box}.", "dim"))
    if seen.strange:
        out.print(Text(f"{_many(seen.strange, 'record')} there that no Watchkeeper wrote.", "dim"))


def show(letter: Letter, replays: int) -> None:
    """Print everything that a letter tells, and its remedy."""
    out = terminal()
    data = letter.data
    path = _PATH.fullmatch(data.detail)
    rows = [
        ("letter", letter.id),
        ("reason", data.reason),
        *(
            [("path", path["path"]), ("detail", path["what"])]
            if path
            else [("detail", data.detail)]
        ),
        ("model", letter.model),
        ("event", f"{data.topic}, partition {data.partition}, offset {data.offset}"),
        ("appended", data.append_time),
        *([("row", f"{data.index:,}")] if data.index is not None else []),
        *([("events", f"{data.events:,}")] if data.events > 1 else []),
        ("size", _many(data.size, "byte")),
        ("SHA-256", data.sha256),
        ("replayed", _many(replays, "time") if replays else "never"),
    ]
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        grid.add_row(Text(name, "dim"), Text(printable(value), overflow="fold"))
    out.print(grid)
    out.print()
    out.print(Text(REMEDIES.get(data.reason, "A newer version refused it; its notes say why.")))
    out.print()
    if data.index is not None:
        out.print(Text("One prediction of a columnar record, of which nothing is shown here."))
        return
    head = base64.b64decode(data.head)
    for line in _head(head, data.size, data.redacted):
        # As it is, whatever the width: to be read, or copied.
        out.print(Text(line), soft_wrap=True)


def show_replay(report: Report, selection: Selection, done: bool) -> None:
    """Print what became of the letters, by reason and model."""
    out = terminal()
    counts = Counter((x.outcome, x.letter.data.reason, x.letter.model) for x in report.done)
    if not counts:
        out.print(Text("No such letter: nothing to replay."))
        return
    table = _table("records>", "reason", "model", "")
    for (outcome, reason, model), n in sorted(counts.items(), key=lambda c: c[0]):
        table.add_row(f"{n:,}", Text(reason), Text(printable(model)), _OUTCOMES[outcome])
    out.print(table)
    out.print()
    failed = [one for one in report.done if one.outcome == "impossible"]
    for one in failed[:TOLD]:
        data = one.letter.data
        place = f"{data.topic}/{data.partition}/{data.offset}"
        out.print(Text(f"{one.letter.id[:SHORT]} of {place}: {one.why}"))
    if len(failed) > TOLD:
        out.print(Text(f"and {len(failed) - TOLD:,} more that cannot be replayed"))
    if report.left:
        out.print(Text(f"{_many(report.left, 'record')} beyond --limit left; run it again."))
    published = sum(one.outcome == "replayed" for one in report.done)
    ready = sum(one.outcome == "ready" for one in report.done)
    if done:
        out.print(Text(f"{_many(published, 'record')} published again."))
    else:
        out.print(Text(f"Nothing was published; with --yes it would be {_many(ready, 'record')}."))


def printable(text: str) -> str:
    r"""Text from an event, without what would move a terminal's cursor.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def hex_dump(data: bytes) -> Iterator[str]:
    r"""Bytes as people read them: 16 a line, with their offset and what is ASCII of them.

    >>> list(hex_dump(b"\xff\x00a"))
    ['00000000  ff 00 61                                         |..a|']
    """
    for at in range(0, len(data), 16):
        line = data[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"{at:08x}  {line.hex(' '):<47}  |{text}|"


def _head(head: bytes, size: int, redacted: bool) -> Iterator[str]:
    if redacted and not head:
        yield "Nothing of it is shown: it is no sound JSON, and features are declared personal."
        return
    if redacted:
        yield "What is known to be not personal:"
    elif size > len(head):
        yield f"The first {len(head):,} of {size:,} bytes:"
    elif not size:
        yield "It is empty."
        return
    text = _text(head, cut=redacted or size > len(head))
    yield from hex_dump(head) if text is None else text.splitlines()


def _text(head: bytes, cut: bool) -> str | None:
    """The head as text if it is some; a character that was cut at its end is left out."""
    for shorter in range(4 if cut else 1):
        try:
            text = head[: len(head) - shorter].decode()
        except UnicodeDecodeError:
            continue
        return text if all(c.isprintable() or c in "\n\t" for c in text) else None
    return None


def _counts(tally: Tally) -> Table:
    table = _table("letters>", "events>", "reason", "model", "topic", "first", "last")
    kinds = sorted(tally.counts.items(), key=lambda kind: (-kind[1].letters, kind[0]))
    for (reason, model, topic), count in kinds:
        table.add_row(
            f"{count.letters:,}", f"{count.events:,}", Text(reason), Text(printable(model)),
            Text(printable(topic)), _second(count.first_ms), _second(count.last_ms),
        )  # fmt: skip
    return table


def _latest(letters: Sequence[Letter], seen: Boxes) -> Table:
    table = _table("id", "time", "reason", "model")
    # The rest of the line, and no more: `show` has all of it.
    table.expand = True
    table.add_column("detail", ratio=1, no_wrap=True, overflow="ellipsis", min_width=20)
    for letter in letters:
        reason = letter.data.reason + (" (replayed)" if seen.replays[letter.place] else "")
        table.add_row(
            letter.id[:SHORT], _second(letter.time_ms), Text(reason),
            Text(printable(letter.model)), Text(printable(letter.data.detail)),
        )  # fmt: skip
    return table


def _table(*columns: str) -> Table:
    """A plain table; a name that ends in > is of a column of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        right = name.endswith(">")
        table.add_column(
            name.rstrip(">"),
            justify="right" if right else "left",
            overflow="fold",
            # In a narrow terminal other columns fold: these are read, and copied, whole.
            no_wrap=name in _WHOLE,
        )
    return table


def _second(ms: int) -> str:
    return rfc3339(ms // 1000 * 1000)


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
