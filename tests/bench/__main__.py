"""`make bench`: every figure beside its peers in one run; writes build/bench.json."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from rich.console import Console

from monitor.registry.specs import KafkaSpec
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.topics import create_topics
from tests.bench import compared, throughput, workload
from tests.bench.figures import Figures

NAMESPACE = "bench"
YARDSTICK, PLAIN = "aiokafka + orjson.loads", "plain Faust agent"
OURS, DEDUP = "watchkeeper", "watchkeeper, with dedup"
CORE, EVIDENTLY, WHYLOGS = "Watchkeeper, every statistic", "Evidently PSI", "whylogs profile"


def main() -> None:
    """Run what is asked for, print a table, write the file."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--plain-events", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["throughput", "compared"])
    parser.add_argument("--peers", type=Path, default=Path(".venv/peers"))
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    figures = Figures(Console())
    if options.only != "compared":
        _throughput(figures, options)
    if options.only != "throughput":
        _compared(figures, options)
    figures.compare(OURS, YARDSTICK, 0.5)
    figures.compare(OURS, PLAIN, 12)
    figures.compare(DEDUP, OURS, 0.5)
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
        count = options.events
        figures.console.print(f"publishing {count:,} events of {workload.EVENT_BYTES} bytes …")
        asyncio.run(throughput.publish(address, NAMESPACE, workload.events(count)))
        topic = f"{NAMESPACE}.predictions"
        for run in range(options.runs):
            figures.console.print(f"round {run + 1} of {options.runs} …")
            said = throughput.contestant("yardstick", address, topic, count)
            figures.take(YARDSTICK, said.rate)
            said = throughput.contestant("plain", address, topic, options.plain_events)
            figures.take(PLAIN, said.rate)
            figures.take(OURS, throughput.watchkeeper(address, NAMESPACE, count, False).rate)
            figures.take(DEDUP, throughput.watchkeeper(address, NAMESPACE, count, True).rate)


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


if __name__ == "__main__":
    main()
