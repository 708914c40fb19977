"""Drift of columns in memory, beside other projects: each in an environment of its own.

The same windows of 10,000 rows and 20 features for all, from columns in memory. What is measured
is what one does with each in production: Evidently compares a window with the reference, whylogs
makes a profile (comparing comes on top), river updates a detector for each numeric value, and
Watchkeeper counts a window over its bins and computes every statistic that it has.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tests.bench import workload
from tests.bench.throughput import Speed

HERE = Path(__file__).parent / "peers"
ROWS, WINDOWS = 10_000, 3
#: Name in the report: program, its arguments, and the environment that it needs.
PROGRAMS = {
    "Watchkeeper, every statistic": ("watchkeeper_psi.py", [], None),
    "Evidently PSI": ("evidently_psi.py", [], "evidently"),
    "whylogs profile": ("whylogs_profile.py", [], "whylogs"),
    "river ADWIN": ("river_drift.py", ["ADWIN"], "river"),
    "river Page-Hinkley": ("river_drift.py", ["PageHinkley"], "river"),
}


def environments(folder: Path, console: Console, names: Iterable[str]) -> dict[str, Path]:
    """The Python of each peer's environment; made where it isn't there, or asks for others."""
    found = {}
    for wanted in (HERE / f"{name}.txt" for name in sorted(names)):
        home = folder / wanted.stem
        python, made = home / "bin" / "python", home / "made.txt"
        if not made.exists() or made.read_text() != wanted.read_text():
            console.print(f"installing {wanted.stem} into {home} …")
            venv.create(home, with_pip=True, clear=True)
            pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--quiet"]
            subprocess.run([*pip, "install", "--requirement", str(wanted)], check=True, timeout=600)
            made.write_text(wanted.read_text())
        found[wanted.stem] = python
    return found


def write_data(path: Path) -> None:
    """The reference and the windows, rows of 18 numbers and 2 categories."""
    names = [*workload.NUMERIC, *workload.CATEGORICAL]

    def rows(count: int, seed: int) -> list[tuple[str, ...]]:
        drawn = workload.columns(count, seed)
        return list(zip(*(map(str, drawn[name]) for name in names), strict=True))

    np.savez(
        path,
        names=names,
        numeric=len(workload.NUMERIC),
        reference=np.array(rows(20_000, 1)),
        windows=np.array([rows(ROWS, 10 + n) for n in range(WINDOWS)]),
    )


def ask(environment: str, program: str, data: Path, pythons: dict[str, Path]) -> dict[str, Any]:
    """What a peer's program says of the data: each of its lines is a name, and JSON."""
    argv = [str(pythons[environment]), "-I", str(HERE / program), str(data)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{program} failed: {ended.stderr[-500:]}"
    lines = (line.partition(" ") for line in ended.stdout.splitlines())
    return {name: json.loads(rest) for name, _, rest in lines if rest[:1] == "["}


def measure(name: str, data: Path, pythons: dict[str, Path]) -> Speed:
    """Run one program over the data."""
    program, arguments, environment = PROGRAMS[name]
    python = str(pythons[environment]) if environment else sys.executable
    argv = [python, *(["-I"] if environment else []), str(HERE / program), str(data), *arguments]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True).stdout
    figures = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return Speed(figures["rows"], figures["seconds"])
