"""How the demo looks in a terminal: its findings while it runs, and its report at the end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from monitor.demo.story import Fired
from monitor.demo.verdict import Balance, Report, Verdict
from monitor.events.types import FindingData

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}
_MONTHS = range(4, 13)
_BARS = " ▁▂▃▄▅▆▇█"


def report(console: Console, told: Report) -> None:
    """Print the whole report."""
    console.print(_incidents(told.verdicts))
    for verdict in told.verdicts:
        console.print(_details(verdict))
    console.print(_elsewhere(told.elsewhere))
    console.print(
        "Real drift, and alarms all the same: summer isn't March, storms aren't fair weather, and "
        "one day's weather is never a month's (so March's own days fire as well, against the "
        "March they are part of). Fixed limits know nothing of that. What helps: a baseline of "
        "the same season, longer windows, or `features: {exclude: ...}` in the configuration.\n"
    )
    console.print(_accounting(told.balances))
    for failure in told.failures:
        console.print(Text(f"FAILED  {failure}", style="bold red"))
    if not told.failures:
        console.print(Text("All as announced, and every event accounted for.", style="bold green"))


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
        table.add_column(name, no_wrap=True)
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


def _details(verdict: Verdict) -> RenderableType:
    incident = verdict.incident
    lines = [Text.assemble((incident.name, "bold"), f": {incident.what} until {incident.end[:10]}")]
    if verdict.found:
        lines.append(Text(f"  {verdict.found.finding.message}"))
    if verdict.calm_highest is not None:
        state = "it fires too" if verdict.calm else "calm"
        lines.append(
            Text(f"  the same days without it: {verdict.calm_highest:.3f} at most, {state}")
        )
    if verdict.set_off:
        lines.append(Text(f"  set off too: {', '.join(verdict.set_off)}", style="dim"))
    return Group(*lines, Text())


def _elsewhere(rows: Iterable[tuple[Fired, str, str]]) -> Table:
    table = Table(title="What else fired, and why", title_justify="left")
    table.add_column("detector of subject", no_wrap=True)
    table.add_column("days", justify="right", no_wrap=True)
    table.add_column("March's", justify="right", no_wrap=True)
    table.add_column("highest", justify="right", no_wrap=True)
    table.add_column("AMJJASOND", no_wrap=True)
    table.add_column("why")
    for row, in_march, why in rows:
        table.add_row(
            f"{row.detector} of {row.subject.removeprefix('feature/')}",
            f"{row.fired} of {row.judged}",
            in_march,
            f"{row.highest:.2f}",
            bars(row.months),
            escape(why),
        )
    return table


def _accounting(balances: Iterable[Balance]) -> Table:
    table = Table(title="What became of every event", title_justify="left")
    table.add_column("topic")
    names: list[str] = []
    rows = list(balances)
    for balance in rows:
        names += [name for name in balance.outcomes if name not in names]
    for name in ("sent", "read", *names, "unaccounted"):
        table.add_column(name, justify="right")
    for balance in rows:
        left = balance.read - sum(balance.outcomes.values())
        counts = (balance.sent, balance.read, *(balance.outcomes[n] for n in names), left)
        table.add_row(balance.topic, *(f"{count:,}" for count in counts))
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
