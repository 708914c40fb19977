"""How the demo looks in a terminal: its findings while it runs, and its report at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from monitor.demo.story import Fired
from monitor.demo.verdict import Balance, Report, Verdict
from monitor.events.types import FindingData

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
#: Below so many characters the wide tables would lose what they are there to show.
_WIDE = 120
#: What an incident's detector measures, as its value is called beside the calm days.
_MEASURES = {"data_drift": "PSI", "performance": "drop in accuracy", "data_quality": "rate"}
_MONTHS = range(4, 13)
_BARS = " ▁▂▃▄▅▆▇█"


def report(console: Console, told: Report) -> None:
    """Print the whole report."""
    console.print(_incidents(told.verdicts))
    for verdict in told.verdicts:
        console.print(_details(verdict, console.width))
    wide = console.width >= _WIDE
    console.print((_elsewhere if wide else _elsewhere_narrow)(told.elsewhere))
    console.print(
        "Real drift, and alarms all the same: summer isn't March, storms aren't fair weather, and "
        "one day's weather is never a month's (so March's own days fire as well, against the "
        "March they are part of). Fixed limits know nothing of that. What helps: a baseline of "
        "the same season, longer windows, or `features: {exclude: ...}` in the configuration.\n"
    )
    console.print(_accounting(told.balances, wide=wide))
    for failure in told.failures:
        console.print(Text(f"FAILED  {failure}", style="bold red"))
    if not told.failures:
        console.print(Text("All as announced, and every event accounted for.", style="bold green"))
    console.print(
        Text('To keep its files: watchkeeper demo --dir DIR (make demo ARGS="--dir DIR")')
    )


def recent(findings: Iterable[FindingData]) -> Table:
    """Return a table of the last findings, newest first."""
    table = Table(title="what has begun to fire", title_justify="left", expand=True, box=None)
    for name, width in (("day", 10), ("finding", 34), ("grade", 8)):
        table.add_column(name, width=width, no_wrap=True)
    table.add_column("message", no_wrap=True, overflow="ellipsis", ratio=1)
    for finding in findings:
        table.add_row(
            finding.window.start[:10],
            f"{finding.detector} of {finding.subject.removeprefix('feature/')}",
            Text(finding.verdict, style=_STYLES.get(finding.verdict, "")),
            escape(finding.message),
        )
    return table


def _incidents(verdicts: Iterable[Verdict]) -> Table:
    table = Table(title="Incidents, announced beforehand", title_justify="left")
    for name in ("incident", "began", "found", "delay", "severity"):
        table.add_column(name, no_wrap=True, overflow="fold")
    table.add_column("actions (dry run)")
    for verdict in verdicts:
        found = verdict.found
        table.add_row(
            verdict.incident.name,
            verdict.incident.start[:10],
            found.finding.window.start[:10] if found else "-",
            _windows(found.delay) if found else "-",
            _severity(verdict),
            ", ".join(found.actions) if found else "-",
        )
    return table


def _severity(verdict: Verdict) -> Text:
    if verdict.found is None:
        if not verdict.injected:
            return Text("not injected", style="dim")
        return Text("NOT FOUND", style="bold red")
    severity = verdict.found.finding.verdict
    return Text(severity, style=_STYLES.get(severity, ""))


def _details(verdict: Verdict, width: int) -> RenderableType:
    incident = verdict.incident
    lines = [Text.assemble((incident.name, "bold"), f": {incident.what} until {incident.end[:10]}")]
    if verdict.found:
        lines.append(_indented(verdict.found.finding.message, width))
    if verdict.calm_highest is not None:
        state = "it fires too" if verdict.calm else "calm"
        measure = _MEASURES.get(incident.detector, "value")
        without = f"the same days without it: highest {measure} {verdict.calm_highest:.3f}, {state}"
        lines.append(_indented(without, width))
    if verdict.set_off:
        lines.append(_indented(f"set off too: {', '.join(verdict.set_off)}", width, "dim"))
    return Group(*lines, Text())


def _indented(said: str, width: int, style: str = "") -> Text:
    """Wrap a sentence beneath its heading; a number and its % stay together.

    Rich would break at a no-break space too.
    """
    said = said.replace(" %", "\N{NO-BREAK SPACE}%")
    lines = textwrap.wrap(
        said, max(width, 20), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return Text("\n".join(lines), style)


def _elsewhere(rows: Iterable[tuple[Fired, str, str]]) -> Table:
    table = Table(title="What else fired, and why", title_justify="left")
    table.add_column("detector of subject", overflow="fold")
    table.add_column("days", justify="right", no_wrap=True)
    table.add_column("March's", justify="right", no_wrap=True)
    table.add_column("highest", justify="right", no_wrap=True)
    table.add_column("AMJJASOND", no_wrap=True)
    table.add_column("why")
    for row, in_march, why in rows:
        table.add_row(
            escape(_fired_by(row)),
            f"{row.fired} of {row.judged}",
            in_march,
            f"{row.highest:.2f}",
            bars(row.months),
            escape(why),
        )
    return table


def _elsewhere_narrow(rows: Iterable[tuple[Fired, str, str]]) -> RenderableType:
    """Say the same as `_elsewhere` with each reason beneath its row."""
    cells = [("detector of subject", "days", "March's", "highest", "AMJJASOND")]
    reasons = ["  why"]
    for row, in_march, why in rows:
        days = f"{row.fired} of {row.judged}"
        cells.append((_fired_by(row), days, in_march, f"{row.highest:.2f}", bars(row.months)))
        reasons.append(f"  {why}")
    name, *counts = (max(map(len, column)) for column in zip(*cells, strict=True))
    lines = [Text("What else fired, and why", "italic")]
    for index, (first, *others) in enumerate(cells):
        right = (f"{cell:>{width}}" for cell, width in zip(others, counts, strict=True))
        style = "" if index else "bold"
        lines.append(Text("  ".join((f"{first:<{name}}", *right)), style, overflow="fold"))
        lines.append(Text(reasons[index], style or "dim", overflow="fold"))
    return Group(*lines, Text())


def _fired_by(row: Fired) -> str:
    return f"{row.detector} of {row.subject.removeprefix('feature/')}"


def _accounting(balances: Iterable[Balance], *, wide: bool) -> Table:
    """Return a row a topic, or where that is too wide a column a topic; no number is ever cut."""
    rows = list(balances)
    names = list(dict.fromkeys(name for balance in rows for name in balance.outcomes))
    lines = [["topic", "sent", "read", *names, "unaccounted"]]
    for balance in rows:
        left = balance.read - sum(balance.outcomes.values())
        counts = (balance.sent, balance.read, *(balance.outcomes[n] for n in names), left)
        lines.append([balance.topic, *(f"{count:,}" for count in counts)])
    if not wide:
        lines = [list(line) for line in zip(*lines, strict=True)]
    table = Table(title="What became of every event", title_justify="left")
    for index, name in enumerate(lines[0]):
        table.add_column(name, justify="right" if index else "left", overflow="fold")
    for line in lines[1:]:
        table.add_row(*line)
    return table


def _windows(delay: int) -> str:
    return "1 window" if delay == 1 else f"{delay} windows"


def bars(months: Iterable[tuple[int, int]]) -> str:
    """Draw the days of April to December on which something fired, a bar a month.

    >>> bars([(4, 30), (6, 1), (12, 15)])
    '█ ▁     ▄'
    """
    days = dict(months)
    return "".join(_BARS[min(8, -(-days.get(month, 0) * 8 // 31))] for month in _MONTHS)
