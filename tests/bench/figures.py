"""Figures of a benchmark run: ratios to what was measured in the same round, and what has a limit.

Speeds are told as ratios alone: a machine's own say nothing of the program.
"""

import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass
class Figures:
    """Measurements by name, a value a round; ratios are taken round by round.

    The machine's speed drifts between rounds, and less so within one.
    """

    console: Console
    measured: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    ratios: list[tuple[str, str | None, float | None, bool]] = field(default_factory=list)

    def take(self, name: str, value: float, unit: str = "events/s") -> None:
        """Note what was measured in this round, and say it."""
        self.measured.setdefault(name, []).append(value)
        self.units[name] = unit
        self.console.print(f"  {name}: {value:,.4g} {unit}" if value < 100 else
                           f"  {name}: {value:,.0f} {unit}")  # fmt: skip

    def compare(
        self, name: str, versus: str, bound: float | None = None, most: bool = False
    ) -> None:
        """Ask for the ratio of two figures; it should be at least (`most`: at most) `bound`."""
        self.ratios.append((name, versus, bound, most))

    def limit(self, name: str, bound: float | None = None, most: bool = True) -> None:
        """Ask for a figure itself; it should be at most (without `most`: at least) `bound`."""
        self.ratios.append((name, None, bound, most))

    def ratio(self, name: str, versus: str) -> float:
        """The median of the ratios of the rounds."""
        pairs = zip(self.measured[name], self.measured[versus], strict=True)
        return statistics.median(a / b for a, b in pairs)

    def report(self, out: Path) -> None:
        """Print the table and write the file."""
        table = Table("figure", "median", "versus", "median", "ratio", "bound")
        written: dict[str, object] = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()}
        }
        for name, versus, bound, most in self.ratios:
            if name not in self.measured or (versus is not None and versus not in self.measured):
                continue
            ours, unit = self.measured[name], self.units[name]
            theirs = None if versus is None else self.measured[versus]
            value = statistics.median(ours)
            other = None if theirs is None else statistics.median(theirs)
            ratio = None if versus is None else self.ratio(name, versus)
            judged = value if ratio is None else ratio
            sign = "≤" if most else "≥"
            kept = bound is None or (judged <= bound if most else judged >= bound)
            table.add_row(
                name, f"{value:,.4g} {unit}", versus or "",
                "" if other is None else f"{other:,.4g}",
                "" if ratio is None else f"{ratio:.2f}",
                "" if bound is None else f"{sign} {bound:,g}{'' if kept else ' missed'}",
            )  # fmt: skip
            written[name if versus is None else f"{name} ÷ {versus}"] = {
                "value": value,
                "unit": unit,
                "versus": other,
                "ratio": ratio,
                "bound": None if bound is None else f"{sign} {bound:g}",
                "kept": None if bound is None else kept,
                "runs": [
                    {"value": a, "versus": b}
                    for a, b in zip(ours, theirs or [None] * len(ours), strict=True)
                ],
            }
        self.console.print(table)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
        self.console.print(f"written to {out}")
