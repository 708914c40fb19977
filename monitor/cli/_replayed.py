"""How a replay looks in a terminal."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from monitor.events.types import FindingData
from monitor.replay.difference import Difference
from monitor.replay.told import Told, rank

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}


@contextlib.contextmanager
def bar(rows: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr of the rows taken, while they are; none where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=rows)
        yield lambda taken: progress.advance(task, taken)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much was read, and how long it took."""

    predictions: int
    labels: int
    policies: int
    reading_s: float
    replaying_s: float

    def text(self, strangers: Mapping[str, int]) -> str:
        """One line for people."""
        seconds = self.reading_s + self.replaying_s
        labels = f" and {self.labels:,} labels" if self.labels else ""
        left = ""
        if strangers:
            of = ", ".join(sorted(strangers)[:5])
            left = f"; {sum(strangers.values()):,} rows of other models left out ({of})"
        twice = " under two policies" if self.policies == 2 else ""
        rate = self.predictions * self.policies / seconds
        return (
            f"{self.predictions:,} predictions{labels}{twice} in {seconds:.1f} s, "
            f"{self.reading_s:.1f} s of it reading: {rate:,.0f} a second{left}."
        )


def show(told: Iterable[Told], limit: int, out: Console) -> None:
    """Print of each model what fired, what was judged, and what would have been done."""
    for one in told:
        out.print(Text(one.model_id, "bold"), Text(_read(one), "dim"))
        if len(one.findings) > limit:
            out.print(_by_subject(one.findings))
        elif one.findings:
            out.print(_table(one.findings))
        for line in _lines(one, limit):
            out.print(Text(line))
        out.print()


def show_difference(
    told: tuple[Told, Told], paths: tuple[str, str], found: Difference, limit: int, out: Console
) -> None:
    """Print of a model what two policies say otherwise, and what each would have done."""
    one, other = paths
    out.print(Text(told[0].model_id, "bold"), Text(_read(told[0]), "dim"))
    for path, policy in zip(paths, told, strict=True):
        out.print(Text(f"{path}: {_found(policy.findings)}; {_done(policy)}"))
    for what, findings in (
        (f"only by {one}", found.only_one),
        (f"only by {other}", found.only_other),
    ):
        out.print(Text(f"{_found(findings)} {what}"))
        if findings and limit:
            out.print(_table(_gravest(findings, limit)))
    for what, pairs in (("graver", found.graver), ("milder", found.milder)):
        out.print(Text(f"{len(pairs):,} {what} by {one} than by {other}"))
        if pairs and limit:
            shown = set(map(_key, _gravest([a for a, _ in pairs], limit)))
            beside = {_key(a): b.verdict for a, b in pairs}
            out.print(_table([a for a, _ in pairs if _key(a) in shown], beside))
    out.print(Text(f"{found.same:,} the same by both"))
    out.print()


def _read(told: Told) -> str:
    return ", ".join(f"{n:,} {topic}" for topic, n in sorted(told.events.items(), reverse=True))


def _key(finding: FindingData) -> str:
    return finding.event_key


def _gravest(findings: Iterable[FindingData], limit: int) -> list[FindingData]:
    """So many of the gravest, in the order that they have."""
    findings = list(findings)
    order = sorted(range(len(findings)), key=lambda n: (-rank(findings[n]), n))
    return [findings[n] for n in sorted(order[:limit])]


def _table(findings: Iterable[FindingData], beside: Mapping[str, str] | None = None) -> Table:
    """A row each; `beside` has what the other policy says, by event key."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for n in range(4):
        table.add_column(no_wrap=n < 2, overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, _STYLES.get(finding.verdict, ""))
        if beside:
            verdict.append(f" (other: {beside[finding.event_key]})", "dim")
        version = "" if finding.model_version in ("", "-") else f" {finding.model_version}"
        table.add_row(
            Text(_short(finding.window.start)),
            verdict,
            Text(f"{finding.detector}{version}"),
            Text(finding.message),
        )
    return table


def _by_subject(findings: Iterable[FindingData]) -> Table:
    """A row for each detector and subject: how often, since when, and the gravest of them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("first", "detector", "subject", "findings", "the gravest"):
        table.add_column(name, no_wrap=name == "first", overflow="fold")
    of: dict[tuple[str, str], list[FindingData]] = {}
    for finding in findings:
        of.setdefault((finding.detector, finding.subject), []).append(finding)
    for (detector, subject), mine in of.items():
        worst = max(mine, key=lambda one: (rank(one), one.value or 0.0))
        counts = Counter[str](finding.verdict for finding in mine)
        found = [Text(f"{counts[name]:,} {name}", style) for name, style in _STYLES.items()
                 if counts[name]]  # fmt: skip
        gravest = f"{_short(worst.window.start)} {worst.message}"
        table.add_row(
            Text(_short(mine[0].window.start)),
            Text(detector),
            Text(subject.removeprefix("feature/")),
            Text(", ").join(found),
            Text(gravest),
        )
    return table


def _short(moment: str) -> str:
    """A time without what is zero in most of them.

    >>> _short("2013-05-01T02:00:00Z")
    '2013-05-01 02:00Z'
    """
    return moment.replace("T", " ").replace(":00Z", "Z")


def _found(findings: Iterable[FindingData]) -> str:
    counts = Counter[str](finding.verdict for finding in findings)
    n = sum(counts.values())
    each = [f"{counts[name]:,} {name}" for name in _STYLES if counts[name]]
    return f"{n:,} {'finding' if n == 1 else 'findings'}" + (f" ({', '.join(each)})" if n else "")


def _done(told: Told) -> str:
    done = ", ".join(f"{n:,} {action}" for action, n in told.actions.items())
    return f"would have been done: {done or 'nothing'}"


def _lines(told: Told, limit: int) -> Iterator[str]:
    hidden = len(told.findings) - limit
    more = "; --limit shows more of them one by one, and --out writes all" if hidden > 0 else ""
    revised = f"; {told.withdrawn:,} withdrawn when more had come" if told.withdrawn else ""
    yield f"found: {_found(told.findings)}{more}{revised}"
    yield _done(told)
    for detector, windows in told.windows.items():
        unjudged = sum(windows.unjudged.values())
        line = f"{detector}: {windows.judged:,} windows judged"
        if unjudged:
            why = ", ".join(f"{n:,} {reason}" for reason, n in windows.unjudged.most_common())
            line += f", {unjudged:,} not ({why})"
        yield line
        for reason, message in windows.instances.items():
            if message:
                yield f"  {reason}, as in: {message}"
    if told.refused:
        refused = ", ".join(f"{n:,} {what}" for what, n in told.refused.items())
        yield f"not counted: {refused}"
