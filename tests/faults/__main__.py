"""Runs the fault tests at full scale and writes their figures.

    python -m tests.faults [--only T1,T3] [--scale 0.1] [--out build/faults.json]
    python -m tests.faults --only soak      half an hour; its series is in build/soak.json

Exit code 1 if a trial fails, or is invalid: then it says nothing, and has to be held again. T9,
T10 and T16 wait for parts that are not built.
"""

import argparse
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from monitor.errors import WatchkeeperError
from monitor.stream.broker import EmbeddedKafka
from tests.e2e.logs import DidNotQuiesce
from tests.faults import crashes, inputs, limits, live, soak
from tests.faults.ground import Found, Ground, Skipped
from tests.faults.rig import Invalid

PREFIX = "watchkeeper-faults-"
#: A trial and how long it may take at full scale, in seconds; at any scale it has ten minutes.
TRIALS: dict[str, tuple[Callable[[Ground], Found], float]] = {
    "T1": (crashes.kill_9, 3600),
    "T2": (crashes.rebalance, 2700),
    "T3": (crashes.broker, 2700),
    "T4": (inputs.duplicates, 1200),
    "T5": (inputs.disorder, 1200),
    "T6": (inputs.poison, 1200),
    "T7": (inputs.cardinality, 2700),
    "T8": (limits.disk_full, 1200),
    "T11": (limits.recovery, 1800),
    "T12": (live.clocks, 1200),
    "T13": (inputs.schema, 1200),
    "T14": (limits.overload, 3600),
    "T17": (live.silence, 1200),
    "SOAK": (soak.soak, 3600),
}
LEAST_S = 600.0


class Overdue(Exception):
    """A trial took longer than it may."""


@dataclass
class Verdict:
    """What is written of a trial: `passed`, `failed`, `invalid` or `skipped`, and why."""

    trial: str
    what: str
    verdict: str
    seconds: float
    figures: dict[str, float] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    drawn: str = ""


def hold(name: str, ground: Ground) -> Verdict:
    """Hold one trial, bounded in time."""
    trial, bound = TRIALS[name]
    what = (trial.__doc__ or "").partition("\n")[0].partition(": ")[2]
    began = time.monotonic()

    def told(verdict: str, figures: dict[str, float], why: Sequence[str]) -> Verdict:
        took = round(time.monotonic() - began, 1)
        return Verdict(name, what, verdict, took, figures, [one[:2000] for one in why[:50]])

    signal.signal(signal.SIGALRM, _overdue)
    signal.setitimer(signal.ITIMER_REAL, max(LEAST_S, bound * ground.scale))
    try:
        found = trial(ground)
    except Skipped as reason:
        return told("skipped", {}, [str(reason)])
    except (Invalid, DidNotQuiesce) as reason:
        return told("invalid", {}, [str(reason)])
    except (Overdue, AssertionError, WatchkeeperError, OSError) as reason:
        return told("failed", {}, [f"{type(reason).__name__}: {reason}"])
    except Exception as reason:  # noqa: BLE001 - the trials after it are held all the same
        return told("failed", {}, [f"{type(reason).__name__}: {reason!r}"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    verdict = told("failed" if found.differences else "passed", found.figures, found.differences)
    verdict.drawn = found.drawn
    return verdict


def _overdue(_number: int, _frame: FrameType | None) -> None:
    raise Overdue("it took longer than it may")


def _ended(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def clear(folder: Path) -> None:
    """Remove what earlier runs left behind that were killed: files, and file systems of memory."""
    for left in folder.glob(f"{PREFIX}*"):
        number = re.match(rf"{PREFIX}(\d+)-", left.name)
        if number is None or _runs(int(number[1])):
            continue
        for disk in left.glob("*/t8-disk"):
            if disk.is_mount():
                subprocess.run(["umount", "-l", str(disk)], check=False, timeout=10)
        shutil.rmtree(left, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def run(names: Sequence[str], scale: float, out: Path, seed: int, console: Console) -> int:
    """Hold trials one after the other; the file has what is known after each."""
    clear(Path(tempfile.gettempdir()))
    verdicts: list[Verdict] = []
    prefix = f"{PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with console.status("starting Apache Kafka") as status:
            for n, name in enumerate(names, 1):

                def told(what: str, n: int = n, name: str = name) -> None:
                    status.update(f"{name} ({n} of {len(names)}): {what}")

                told("starting")
                with EmbeddedKafka(folder / name / "kafka", port=0) as kafka:
                    verdict = hold(
                        name, Ground(kafka, folder / name, scale, seed, told, out.parent)
                    )
                verdicts.append(verdict)
                _show(console, verdict)
                _write(out, verdicts, scale, seed)
                shutil.rmtree(folder / name, ignore_errors=True)
    held = {verdict.verdict for verdict in verdicts}
    console.print(f"{out} has the figures.")
    return 1 if held & {"failed", "invalid"} else 0


def _show(console: Console, verdict: Verdict) -> None:
    figures = ", ".join(f"{k} {v:,}" for k, v in verdict.figures.items())
    console.print(f"{verdict.trial:4} {verdict.verdict:8} {verdict.seconds:7.1f} s  {figures}")
    if verdict.drawn:
        console.print(verdict.drawn, markup=False, highlight=False, soft_wrap=True)
    for why in verdict.why[:5]:
        console.print(f"     {why[:300]}", markup=False, highlight=False)


def _write(out: Path, verdicts: Sequence[Verdict], scale: float, seed: int) -> None:
    held: dict[str, Any] = {one.trial: asdict(one) for one in verdicts}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"scale": scale, "seed": seed, "trials": held}, indent=2) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default=",".join(TRIALS), help="trials, as T1,T3")
    parser.add_argument("--scale", type=float, default=1.0, help="1.0 is what is promised")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/faults.json"))
    options = parser.parse_args()
    names = [name.strip().upper() for name in options.only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in TRIALS]:
        parser.error(f"unknown trials {', '.join(unknown)}; known: {', '.join(TRIALS)}")
    if not 0 < options.scale <= 1:
        parser.error(f"--scale {options.scale}: above 0 and at most 1")
    signal.signal(signal.SIGTERM, _ended)
    # It tells of every try to reach a broker that was killed on purpose.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return run(names, options.scale, options.out, options.seed, Console())


if __name__ == "__main__":
    sys.exit(main())
