"""`make bench`: every figure beside its peers in one run; writes build/bench.json."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tests.bench.figures import Figures
from tests.bench.sections import EVIDENTLY, OURS, SECTIONS, WHYLOGS


def main() -> int:
    """Run what is asked for, print a table, write the file; 1 where a section failed."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--plain-events", type=int, default=60_000)
    parser.add_argument("--live-rate", type=int, default=5_000, help="events/s of the live stream")
    parser.add_argument("--live-minutes", type=float, default=6.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("--peers", type=Path, default=Path(".venv/peers"))
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    figures, failed = Figures(Console()), False
    for name, section in SECTIONS.items():
        if options.only in (None, name):
            try:
                section(figures, options)
            except AssertionError as error:
                # What the others have measured is told all the same.
                failed = True
                figures.console.print(f"{name} failed: {error}", markup=False)
    figures.compare(OURS, EVIDENTLY)
    figures.compare(OURS, WHYLOGS)
    figures.report(options.out)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
