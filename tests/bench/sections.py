"""The sections of `make bench`: what is measured in each, and what is asked of it."""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from monitor.stream.broker import EmbeddedKafka
from tests.bench import compared, detection, latency, memory, throughput, workload
from tests.bench.figures import Figures
from tests.bench.publishing import published
from tests.bench.setup import Setup

NAMESPACE = "bench"
YARDSTICK, PLAIN = "aiokafka + orjson.loads", "plain Faust agent"
OURS, DEDUP = "watchkeeper", "watchkeeper, with dedup"
#: How predictions come: alone, or 500 as columns.
ALONE, ARRAYS, PACKED = "one event a record", "columnar, JSON arrays", "columnar, packed"
#: Where the cost of an event is compared: CPU of the workers, whatever the machine is busy with.
ONE, TWO = "one worker, 8 partitions", "two workers, 8 partitions"
WIDE, MANY = "one worker, 64 partitions", "one worker, 1,000 models"
SCALES = {
    ONE: Setup("scale-8", partitions=8),
    TWO: Setup("scale-8", partitions=8, workers=2),
    WIDE: Setup("scale-64", partitions=64),
    MANY: Setup("scale-models", partitions=8, models=1000),
}
SINGLE, SIX = "one window a signal", "six windows a signal"
CLOSES = "windows closed in a second of CPU"
#: So few events make a second of event time that a minute passes in less than a second.
MINUTELY = "{size: 1m, allowed_lateness: 1m}"
LONGER = ("5m", "15m, hop: 5m", "1h, hop: 5m", "6h, hop: 1h", "1d, hop: 1h")
LENGTHS = {
    SINGLE: Setup("windows", windows=(MINUTELY,), window_ms=60_000, pace=400),
    SIX: Setup(
        "windows",
        windows=(MINUTELY, *(f"{{size: {size}, allowed_lateness: 1m}}" for size in LONGER)),
        window_ms=60_000,
        pace=400,
    ),
}
CORE, EVIDENTLY, WHYLOGS = "Watchkeeper, every statistic", "Evidently PSI", "whylogs profile"
#: Bytes that a (model, feature, pane) of so many predictions may take.
BYTES = {10_000: 4096, 100: 600}
DELAY = "window close to drift event"
Section = Callable[[Figures, argparse.Namespace], None]


@contextmanager
def _kafka() -> Iterator[str]:
    """A broker of one's own; its address."""
    with (
        tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder,
        EmbeddedKafka(Path(folder), 0) as kafka,
    ):
        yield kafka.address


def _throughput(figures: Figures, options: argparse.Namespace) -> None:
    """End to end, beside what Python can read at all and beside plain Faust."""
    with _kafka() as address:
        count, ours = options.events, Setup(NAMESPACE)
        dedup = replace(ours, deduplicate=True)
        figures.console.print(f"publishing {count:,} events of {workload.EVENT_BYTES} bytes …")
        published(address, ours, count)
        topic = f"{NAMESPACE}.predictions"
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs} …")
            said = throughput.contestant("yardstick", address, topic, count)
            figures.take(YARDSTICK, said.rate)
            said = throughput.contestant("plain", address, topic, options.plain_events)
            figures.take(PLAIN, said.rate)
            figures.take(OURS, throughput.speed(address, ours, count).rate)
            figures.take(DEDUP, throughput.speed(address, dedup, count).rate)
    figures.compare(OURS, YARDSTICK, 0.5)
    figures.compare(OURS, PLAIN, 12)
    figures.compare(DEDUP, OURS, 0.5)


def _columnar(figures: Figures, options: argparse.Namespace) -> None:
    """Predictions a second end to end, as columns: more of them, or it is over before it is up."""
    counts = {ALONE: options.events, ARRAYS: 3 * options.events, PACKED: 6 * options.events}
    setups = {
        ALONE: Setup("alone"),
        ARRAYS: Setup("arrays", form="arrays"),
        PACKED: Setup("packed", form="packed"),
    }
    with _kafka() as address:
        for name, setup in setups.items():
            figures.console.print(f"publishing {counts[name]:,} predictions, {name} …")
            published(address, setup, counts[name])
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs}, {workload.ROWS} a record …")
            for name, setup in setups.items():
                rate = throughput.speed(address, setup, counts[name]).rate
                figures.take(name, rate, "predictions/s")
    figures.compare(ARRAYS, ALONE, 3)
    figures.compare(PACKED, ALONE, 8)


def _scaling(figures: Figures, options: argparse.Namespace) -> None:
    """CPU an event: with more workers, more partitions, more models."""
    figures.compare(TWO, ONE, 1.15, most=True)
    figures.compare(WIDE, ONE, 1.25, most=True)
    figures.compare(MANY, ONE, 1.3, most=True)
    _cost(figures, options, SCALES)


def _windows(figures: Figures, options: argparse.Namespace) -> None:
    """CPU an event with more windows, where at least one closes every second of it."""
    _cost(figures, options, LENGTHS)
    for cost in figures.measured[SINGLE]:
        figures.take(CLOSES, 1e6 / cost / LENGTHS[SINGLE].pace / 60, "")
    figures.compare(SIX, SINGLE, 1.1, most=True)
    figures.limit(CLOSES, 1, most=False)


def _cost(figures: Figures, options: argparse.Namespace, setups: dict[str, Setup]) -> None:
    """Take the CPU that an event costs under each setup: the same number over the same time."""
    made = {
        setup.models: list(workload.records(options.events, "events", setup.models, setup.pace))
        for setup in setups.values()
    }
    failed: dict[str, AssertionError] = {}
    with _kafka() as address:
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs}, CPU of the workers …")
            for name in [name for name in setups if name not in failed]:
                setup = setups[name]
                try:
                    cost = throughput.cost(address, setup, made[setup.models])
                except AssertionError as error:
                    # One setup that fails takes no figure from the others.
                    failed[name] = error
                    figures.measured.pop(name, None)
                    continue
                figures.take(name, cost, "CPU µs an event")
    if failed:
        raise AssertionError("\n".join(f"{name}: {error}" for name, error in failed.items()))


def _compared(figures: Figures, options: argparse.Namespace) -> None:
    """Drift of columns in memory, beside other projects."""
    names = {peer for _, _, peer in compared.PROGRAMS.values() if peer}
    pythons = compared.environments(options.peers, figures.console, names)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        data = Path(folder, "data.npz")
        compared.write_data(data)
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs}, columns in memory …")
            for name in compared.PROGRAMS:
                figures.take(name, compared.measure(name, data, pythons).rate, "rows/s")
    for name in compared.PROGRAMS:
        if name != CORE:
            figures.compare(CORE, name, {EVIDENTLY: 20, WHYLOGS: 3}.get(name))


def _memory(figures: Figures, options: argparse.Namespace) -> None:
    """Bytes of a (model, feature, pane), wherever it is held: the same in every round."""
    for rows, bound in BYTES.items():
        for holder in memory.HOLDERS:
            name = f"{holder} of {rows:,} predictions"
            figures.take(name, memory.measure(holder, rows), "B a feature")
            figures.limit(name, bound)


def _latency(figures: Figures, options: argparse.Namespace) -> None:
    """Seconds from the close of a window to its drift event, one live stream for all rounds."""
    with _kafka() as address:
        pace, minutes = options.live_rate, options.live_minutes
        figures.console.print(f"{pace:,} events a second for {minutes:g} minutes …")
        delays = latency.measure(address, pace, minutes)
    figures.take(f"{DELAY}, closes", len(delays.appended), "windows")
    figures.take(f"{DELAY}, median", float(np.median(delays.appended)), "s")
    figures.take(f"{DELAY}, p99", float(np.quantile(delays.appended, 0.99)), "s")
    figures.take(f"{DELAY}, greatest", max(delays.appended), "s")
    figures.take(f"{DELAY}, p99 as seen", float(np.quantile(delays.seen, 0.99)), "s")
    # Of fewer, the hundredth part is less than one.
    figures.limit(f"{DELAY}, closes", 100, most=False)
    figures.limit(f"{DELAY}, median")
    figures.limit(f"{DELAY}, p99", 2)
    figures.limit(f"{DELAY}, greatest")
    figures.limit(f"{DELAY}, p99 as seen")


def _detection(figures: Figures, options: argparse.Namespace) -> None:
    """Who raises how many false alarms, and finds drift how soon: no speed, so one round."""
    names = {environment for environment, _ in detection.PEERS.values()}
    pythons = compared.environments(options.peers, figures.console, names)
    for part in (detection.rows, detection.days, detection.flights, detection.loans):
        part(figures, pythons)


SECTIONS: dict[str, Section] = {
    "throughput": _throughput,
    "columnar": _columnar,
    "scaling": _scaling,
    "windows": _windows,
    "memory": _memory,
    "latency": _latency,
    "compared": _compared,
    "detection": _detection,
}
