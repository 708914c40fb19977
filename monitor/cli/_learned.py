"""How a baseline that was just built looks in a terminal."""

from rich.console import Console
from rich.text import Text

from monitor.cli._columns import columns, labels, period
from monitor.cli._own_windows import file_size, told
from monitor.files.reference import Learned
from monitor.registry.specs import ModelSpec


def show(learned: Learned, spec: ModelSpec, path: str, size: int, out: Console) -> None:
    """Print each column, what the labels said, what can be judged, and where it was written.

    `size` is the file's, in bytes.
    """
    baseline = learned.baseline
    out.print(columns(baseline, out))
    out.print()
    for line in (*_skipped(learned), _outcomes(learned), *told(learned, spec)):
        out.print(Text(line, "dim"))
    rows = f"{baseline.rows:,} rows{period(baseline)}"
    out.print(
        Text(
            f"Wrote {path}: {baseline.id}, {rows}, fingerprint {baseline.fingerprint}, "
            f"{file_size(baseline, size)}"
        )
    )


def _skipped(learned: Learned) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for skipped in learned.skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.column)
    return [f"Left out ({why}): {', '.join(names)}" for why, names in reasons.items()]


def _outcomes(learned: Learned) -> str:
    known = labels(learned.baseline)
    if known is not None:
        return known
    lacks = [role for role in ("prediction", "label") if role not in learned.roles]
    why = f": no column of {' or '.join(lacks)}" if lacks else ", which a regression's cannot yet"
    return f"Performance cannot be judged with it{why}."
