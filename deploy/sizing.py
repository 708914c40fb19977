"""What a load needs: partitions, workers, memory, traffic and disk, with all arithmetic shown.

    python deploy/sizing.py --events 5000 --models 50
    python deploy/sizing.py --bench build/bench.json ...    # with figures of your own machine

Constants that a machine decides come from `make bench`; without its file they are placeholders,
and the table says so. What a record takes is not assumed: it is made, and its bytes are counted.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitor.panes.codec import pack
from monitor.panes.messages import InputPane, Progress, encode
from monitor.registry.footprint import (
    LOG_BYTES,
    RECOVERY_LIMIT_S,
    RECOVERY_RATE,
    STORE_BYTES,
    STORE_LIMIT,
)
from monitor.registry.limits import MAX_MODELS
from monitor.stream.runner import HEARTBEAT_S, URGENT_S

#: Slots of a numeric feature's counts: 256 bins, and what falls outside.
SLOTS = 260
#: Columns of one record of counts.
BLOCK = 32
#: The part of a core that is planned with: the rest is for catching up.
BUSY = 0.7
#: A request of our producers, in bytes, and a transaction of each partition and stage.
REQUEST, STAGES = 1_000_000, 3
DAY_S = 86_400


@dataclass(frozen=True)
class Constants:
    """What `make bench` measures: CPU µs an event, and bytes of a (model, feature, pane)."""

    event_us: float = 14.0
    packed_ratio: float = 8.0
    open_b: float = 350.0
    waiting_b: float = 300.0
    #: Not a figure of the bench: CPU ms of all detectors for a window, µs to take a snapshot.
    window_ms: float = 10.0
    snapshot_us: float = 50.0
    measured: bool = False

    @classmethod
    def of(cls, bench: Path) -> "Constants":
        """Those of a file of `make bench`; what it lacks stays a placeholder."""
        found = json.loads(bench.read_text())
        names = {
            "event_us": ("two workers, 8 partitions ÷ one worker, 8 partitions", "versus"),
            "packed_ratio": ("columnar, packed ÷ one event a record", "ratio"),
            "open_b": ("observe, open pane of 100 predictions", "value"),
            "waiting_b": ("evaluate, waiting pane of 100 predictions", "value"),
        }
        known = {k: found[name][what] for k, (name, what) in names.items() if name in found}
        return replace(cls(), **known, measured=bool(known))


@dataclass(frozen=True)
class Load:
    """What is sent: `events` a second over so many models, and how they are watched."""

    events: float = 5_000
    models: int = 50
    features: int = 20
    partitions: int = 8
    pane_s: float = 60
    lateness_s: float = 600
    window_s: float = 300
    labels_days: float = 30
    packed: bool = False

    @property
    def blocks(self) -> int:
        """Records of one snapshot: features, prediction and score, 32 a record."""
        return math.ceil((self.features + 2) / BLOCK)

    @property
    def rows(self) -> float:
        """Predictions of one model, pane and partition, on the average."""
        return self.events / self.models * self.pane_s / self.partitions


class Line(NamedTuple):
    """One quantity: what it is, how it is reckoned, in words and in numbers, and its value."""

    name: str
    formula: str
    numbers: str
    value: float
    unit: str


def snapshot_bytes(rows: float, features: int, seed: int = 1) -> int:
    """Bytes of a block's record of so many predictions, made and packed as the stream does.

    >>> snapshot_bytes(10, 20) < snapshot_bytes(1000, 20)
    True
    """
    columns, rng = min(features + 2, BLOCK), np.random.default_rng(seed)
    drawn = rng.integers(0, SLOTS, (columns, max(1, round(rows))))
    counts = np.concatenate([np.bincount(column, minlength=SLOTS) for column in drawn])
    model, fingerprint = "model-" + "0" * 32, "0" * 32 + "/60000"
    return len(encode(InputPane(model, "1.0", 0, 0, 0, 1, fingerprint, pack(counts))))


def progress_bytes(models: int, labels: bool = True) -> int:
    """Bytes of a record of progress, which names every model.

    >>> progress_bytes(1000) - progress_bytes(0)
    88008
    """
    marks = {f"model-{n:06d}": 2**40 for n in range(models)}
    late = marks if labels else {}
    offsets = {"predictions": 2**40, "labels": 2**40}
    return len(encode(Progress(0, marks, late, offsets, 2, offsets, marks, late)))


def occupied(load: Load, seconds: float) -> float:
    """(model, partition) pairs that get an event in so many seconds, if keys spread them evenly."""
    expected = load.events / load.models / load.partitions * seconds
    return load.models * load.partitions * (1 - math.exp(-expected))


def lines(load: Load, given: Constants) -> Iterator[Line]:
    """Every quantity of a load."""
    us = given.event_us / (given.packed_ratio if load.packed else 1)
    observe = load.events * us / 1e6
    yield Line(
        "observe, cores", "events/s × CPU µs", f"{load.events:,.0f} × {us:.2g} µs", observe, ""
    )
    pairs = occupied(load, load.pane_s)
    snapshots = pairs * load.blocks / load.pane_s
    yield Line(
        "snapshots to `panes`", "(model, partition) pairs with events × blocks ÷ pane",
        f"{pairs:,.0f} × {load.blocks} ÷ {load.pane_s:g} s", snapshots, "/s",
    )  # fmt: skip
    size = snapshot_bytes(load.rows, load.features)
    yield Line(
        "their bytes", "snapshots × bytes of one", f"{snapshots:,.0f}/s × {human(size, 'B')}",
        snapshots * size, "B/s",
    )  # fmt: skip
    closes = load.models / load.window_s
    evaluate = (snapshots * given.snapshot_us / 1e6) + closes * given.window_ms / 1e3
    yield Line(
        "evaluate, cores", "snapshots × µs + models ÷ window × ms",
        f"{snapshots:,.0f} × {given.snapshot_us:g} µs + {closes:,.2f} × {given.window_ms:g} ms",
        evaluate, "",
    )  # fmt: skip
    workers = math.ceil((observe + evaluate) / BUSY)
    yield Line(
        "workers of one core", "cores ÷ 0.7, rounded up",
        f"({observe:.2f} + {evaluate:.2f}) ÷ {BUSY}", workers, "",
    )  # fmt: skip
    rows = occupied(load, 1.0) * load.blocks
    yield Line(
        "rows to `observe-state`", "pairs with events in a flush of 1 s × blocks × bytes",
        f"{rows:,.0f}/s × {human(size, 'B')}", rows * size, "B/s",
    )  # fmt: skip
    told = progress_bytes(load.models)
    often = min(1 / URGENT_S, load.models / load.pane_s + 1 / HEARTBEAT_S)
    yield Line(
        "a record of progress", "every model, four times", f"{load.models:,} models", told, "B"
    )
    yield Line(
        "progress to `panes`", "partitions² × times/s × bytes",
        f"{load.partitions}² × {often:.2g}/s × {human(told, 'B')}",
        load.partitions**2 * often * told, "B/s",
    )  # fmt: skip
    panes = 1 + math.ceil(load.lateness_s / load.pane_s)
    yield Line(
        "open panes, memory", "pairs with events in a pane × panes × features × B",
        f"{pairs:,.0f} × {panes} × {load.features} × {given.open_b:g} B",
        pairs * panes * load.features * given.open_b, "B",
    )  # fmt: skip
    sources = load.partitions / 4
    yield Line(
        "waiting panes, memory", "models × features × partitions ÷ 4 × B of four sources",
        f"{load.models:,} × {load.features} × {sources:g} × {given.waiting_b:g} B",
        load.models * load.features * sources * given.waiting_b, "B",
    )  # fmt: skip
    yield Line(
        "transactional producers", "partitions × stages", f"{load.partitions} × {STAGES}",
        load.partitions * STAGES, "",
    )  # fmt: skip
    ids = load.events * load.labels_days * DAY_S
    yield Line(
        "ids that wait for labels", "events/s × label horizon",
        f"{load.events:,.0f} × {load.labels_days:g} d", ids, "",
    )  # fmt: skip
    yield Line("their disk", "ids × B", f"{ids:.3g} × {STORE_BYTES} B", ids * STORE_BYTES, "B")
    yield Line(
        "join log, one replica", "ids × B", f"{ids:.3g} × {LOG_BYTES} B", ids * LOG_BYTES, "B"
    )
    least = max(ids * STORE_BYTES / STORE_LIMIT, ids / RECOVERY_RATE / RECOVERY_LIMIT_S)
    yield Line(
        "partitions, at least", "for 100 GB of disk and an hour of recovery each",
        f"max({ids * STORE_BYTES:.3g} ÷ {STORE_LIMIT:.0e}, "
        f"{ids:.3g} ÷ {RECOVERY_RATE:,} ÷ {RECOVERY_LIMIT_S:,.0f})",
        math.ceil(least), "",
    )  # fmt: skip


def refused(load: Load) -> list[str]:
    """What this version cannot do at all, whatever the machines."""
    per_model = (progress_bytes(1000) - progress_bytes(0)) / 1000
    most = int((REQUEST - progress_bytes(0)) / per_model)
    found = []
    if load.models > MAX_MODELS:
        found.append(f"{load.models:,} models; a configuration holds {MAX_MODELS:,}")
    if load.models > most:
        found.append(
            f"a record of progress of {load.models:,} models has "
            f"{human(progress_bytes(load.models), 'B')}; a request holds "
            f"{human(REQUEST, 'B')}, which is {round(most, -3):,} models"
        )
    return found


def human(value: float, unit: str) -> str:
    """A value with a readable unit; of bytes two digits, as a format may change them a little.

    >>> human(2_500_000, "B/s"), human(0.07, ""), human(12_345, "")
    ('2.5 MB/s', '0.07', '12,345')
    """
    if unit.startswith("B"):
        for prefix in ("", "k", "M", "G", "T", "P"):
            if value < 995:
                return f"{float(f'{value:.2g}'):g} {prefix}{unit}"
            value /= 1000
        return f"{value:,.0f} E{unit}"
    return f"{value:,.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"


def table(load: Load, given: Constants) -> str:
    """All quantities as a table of Markdown."""
    head = ["| quantity | formula | in numbers | |", "|---|---|---|--:|"]
    rows = [
        f"| {line.name} | {line.formula} | {line.numbers} | {human(line.value, line.unit)} |"
        for line in lines(load, given)
    ]
    return "\n".join([*head, *rows])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of a load."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, value in vars(Load()).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(
                flag, type=type(value) if type(value) is int else float, default=value
            )
    parser.add_argument("--bench", type=Path, help="build/bench.json of `make bench`")
    options = vars(parser.parse_args(arguments))
    bench = options.pop("bench")
    load, given = Load(**options), Constants.of(bench) if bench else Constants()
    print(table(load, given))
    for why in refused(load):
        print(f"\nrefused: {why}")
    if not given.measured:
        print("\nThe CPU and the memory are placeholders: give --bench build/bench.json.")


if __name__ == "__main__":
    main()
