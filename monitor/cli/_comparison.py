"""How a comparison looks in a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.cli._terminal import blocks, is_unicode
from monitor.files.comparison import Comparison, Feature
from monitor.files.shape import bars, shape
from monitor.stats.grid import NumericGrid

#: Below so many characters the table leaves out what the sentences beneath it say.
WIDE = 100
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}


def show(comparison: Comparison, out: Console) -> None:
    """Print the table, a sentence for each drifted feature, and what was not compared."""
    out.print(_table(comparison, out))
    if comparison.drifted:
        sentences = Table.grid(padding=(0, 2, 0, 0))
        for feature in comparison.drifted:
            severity = Text(feature.severity, _STYLES[feature.severity])
            sentences.add_row(severity, Text(feature.message))
        out.print()
        out.print(sentences)
    out.print()
    for line in _left_out(comparison):
        out.print(Text(line, "dim"))
    out.print(Text(_summary(comparison)))


def _table(comparison: Comparison, out: Console) -> Table:
    wide = out.width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("feature", overflow="fold")
    if wide:
        table.add_column("kind", no_wrap=True)
        table.add_column("rows with a value", justify="right", no_wrap=True)
    table.add_column("PSI", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("reference", no_wrap=True)
    table.add_column("current", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    for feature in comparison.features:
        cells = [Text(feature.name)]
        if wide:
            to = "→" if is_unicode(out) else "to"
            rows = f"{feature.n_reference:,} {to} {feature.n_current:,}"
            cells += [Text(feature.grid.kind), Text(rows)]
        cells += [Text(_psi(feature)), Text(_p(feature.p_value))]
        cells += _drawn(feature, 12 if wide else 8, out)
        severity = feature.severity if feature.judged else "not judged"
        cells.append(Text(severity, _STYLES.get(severity, "dim")))
        table.add_row(*cells)
    return table


def _drawn(feature: Feature, width: int, out: Console) -> tuple[Text, Text]:
    found = shape(feature.reference, feature.current, feature.grid, width)
    scale = float(max(found.reference.max(initial=0), found.current.max(initial=0)))
    steps = blocks(out)
    style = _STYLES[feature.severity] if feature.drifted else ""
    return (
        Text(bars(found.reference, scale, steps), "dim"),
        Text(bars(found.current, scale, steps), style),
    )


def _psi(feature: Feature) -> str:
    """Return PSI, unless the reference has one value: one cell always holds all the rows."""
    value = feature.statistics.get("psi")
    constant = isinstance(feature.grid, NumericGrid) and feature.grid.coarse.size == 0
    return f"{value:.3f}" if isinstance(value, float) and not constant else "-"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _left_out(comparison: Comparison) -> list[str]:
    lines = []
    for path, names in (
        (comparison.reference.path, comparison.only_reference),
        (comparison.current.path, comparison.only_current),
    ):
        if names:
            lines.append(f"Only in {path}: {', '.join(names)}")
    reasons: dict[str, list[str]] = {}
    for skipped in comparison.skipped:
        reasons.setdefault(f"Not compared ({skipped.reason}): ", []).append(skipped.column)
    for feature in comparison.features:
        if not feature.judged:
            why = feature.message.removeprefix(f"{feature.name}: ")
            reasons.setdefault(f"Not judged ({why}): ", []).append(feature.name)
    return lines + [why + ", ".join(names) for why, names in reasons.items()]


def _summary(comparison: Comparison) -> str:
    judged = sum(feature.judged for feature in comparison.features)
    drifted = comparison.drifted
    rows = f"{comparison.reference.rows:,} rows against {comparison.current.rows:,}"
    if not judged:
        return f"No column could be judged; {rows}."
    of = f"{judged} judged {'column' if judged == 1 else 'columns'}"
    if not drifted:
        return f"None of {of} drifted; {rows}."
    each = [f"{n} {name}" for name in _STYLES if (n := sum(f.severity == name for f in drifted))]
    return f"{len(drifted)} of {of} drifted ({', '.join(each)}); {rows}."
