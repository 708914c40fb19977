"""`make bench`: every figure beside its peers in one run; writes build/bench.json."""

import argparse
import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from monitor.registry.specs import KafkaSpec
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.topics import create_topics
from tests.bench import compared, throughput, workload
from tests.bench.figures import Figures
from tests.bench.throughput import Setup

NAMESPACE = "bench"
YARDSTICK, PLAIN = "aiokafka + orjson.loads", "plain Faust agent"
#: Where the cost of an event is compared: CPU of the workers, whatever the machine is busy with.
ONE, TWO = "one worker, 8 partitions", "two workers, 8 partitions"
WIDE, MANY = "one worker, 64 partitions", "one worker, 1,000 models"
SCALES = {
    ONE: Setup("scale-8", partitions=8),
    TWO: Setup("scale-8", partitions=8, workers=2),
    WIDE: Setup("scale-64", partitions=64),
    MANY: Setup("scale-models", partitions=8, models=1000),
}
OURS, DEDUP = "watchkeeper", "watchkeeper, with dedup"
CORE, EVIDENTLY, WHYLOGS = "Watchkeeper, every statistic", "Evidently PSI", "whylogs profile"


def main() -> None:
    """Run what is asked for, print a table, write the file."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--plain-events", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["throughput", "scaling", "compared"])
    parser.add_argument("--peers", type=Path, default=Path(".venv/peers"))
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    figures = Figures(Console())
    for name, section in SECTIONS.items():
        if options.only in (None, name):
            section(figures, options)
    figures.compare(OURS, YARDSTICK, 0.5)
    figures.compare(OURS, PLAIN, 12)
    figures.compare(DEDUP, OURS, 0.5)
    figures.compare(TWO, ONE, 1.15, most=True)
    figures.compare(WIDE, ONE, 1.25, most=True)
    figures.compare(MANY, ONE, 1.3, most=True)
    for name in compared.PROGRAMS:
        if name != CORE:
            figures.compare(CORE, name, {EVIDENTLY: 20, WHYLOGS: 3}.get(name))
    figures.compare(OURS, EVIDENTLY)
    figures.compare(OURS, WHYLOGS)
    figures.report(options.out)


def _throughput(figures: Figures, options: argparse.Namespace) -> None:
    """End to end, beside what Python can read at all and beside plain Faust."""
    with (
        tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder,
        EmbeddedKafka(Path(folder), 0) as kafka,
    ):
        address = kafka.address
        spec = KafkaSpec(bootstrap=address, partitions=throughput.PARTITIONS)
        asyncio.run(create_topics(spec, NAMESPACE))
        count, ours = options.events, Setup(NAMESPACE)
        dedup = replace(ours, deduplicate=True)
        figures.console.print(f"publishing {count:,} events of {workload.EVENT_BYTES} bytes …")
        asyncio.run(throughput.publish(address, ours, workload.events(count)))
        topic = f"{NAMESPACE}.predictions"
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs} …")
            said = throughput.contestant("yardstick", address, topic, count)
            figures.take(YARDSTICK, said.rate)
            said = throughput.contestant("plain", address, topic, options.plain_events)
            figures.take(PLAIN, said.rate)
            figures.take(OURS, throughput.watchkeeper(address, ours, count).rate)
            figures.take(DEDUP, throughput.watchkeeper(address, dedup, count).rate)


def _scaling(figures: Figures, options: argparse.Namespace) -> None:
    """CPU an event: with more workers, more partitions, more models."""
    with (
        tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder,
        EmbeddedKafka(Path(folder), 0) as kafka,
    ):
        count, published = options.events // 2, set()
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs}, CPU of the workers …")
            for name, setup in SCALES.items():
                if setup.namespace not in published:
                    published.add(setup.namespace)
                    spec = KafkaSpec(bootstrap=kafka.address, partitions=setup.partitions)
                    asyncio.run(create_topics(spec, setup.namespace))
                    events = workload.events(count, setup.models)
                    asyncio.run(throughput.publish(kafka.address, setup, events))
                checked = setup.models == 1
                speed = throughput.watchkeeper(kafka.address, setup, count, checked=checked)
                assert speed.cpu_s is not None
                figures.take(name, speed.cpu_s / speed.events * 1e6, "CPU µs an event")


def _compared(figures: Figures, options: argparse.Namespace) -> None:
    """Drift of columns in memory, beside other projects."""
    pythons = compared.environments(options.peers, figures.console)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        data = Path(folder, "data.npz")
        compared.write_data(data)
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs}, columns in memory …")
            for name in compared.PROGRAMS:
                figures.take(name, compared.measure(name, data, pythons).rate, "rows/s")


SECTIONS = {"throughput": _throughput, "scaling": _scaling, "compared": _compared}

if __name__ == "__main__":
    main()
