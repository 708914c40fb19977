"""`make bench`: every figure beside its peers in one run; writes build/bench.json."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from monitor.registry.specs import KafkaSpec
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.topics import create_topics
from tests.bench import throughput, workload

NAMESPACE = "bench"


def main() -> None:
    """Run everything, print a table, write the file."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--plain-events", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    console = Console()
    rates: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder,
        EmbeddedKafka(Path(folder), 0) as kafka,
    ):
        address = kafka.address
        spec = KafkaSpec(bootstrap=address, partitions=throughput.PARTITIONS)
        asyncio.run(create_topics(spec, NAMESPACE))
        console.print(f"publishing {options.events:,} events of {workload.EVENT_BYTES} bytes …")
        events = workload.events(options.events)
        asyncio.run(throughput.publish(address, NAMESPACE, events))
        del events
        topic = f"{NAMESPACE}.predictions"
        for run in range(options.runs):
            console.print(f"run {run + 1} of {options.runs} …")
            speeds = {
                "aiokafka + orjson.loads": throughput.contestant(
                    "yardstick", address, topic, options.events
                ),
                "plain Faust agent": throughput.contestant(
                    "plain", address, topic, options.plain_events
                ),
                "watchkeeper": throughput.watchkeeper(address, NAMESPACE, options.events, False),
                "watchkeeper, with dedup": throughput.watchkeeper(
                    address, NAMESPACE, options.events, True
                ),
            }
            for name, speed in speeds.items():
                rates.setdefault(name, []).append(speed.rate)
                console.print(f"  {name}: {speed.rate:,.0f} events/s")
    _report(console, rates, options.out)


def _report(console: Console, rates: dict[str, list[float]], out: Path) -> None:
    table = Table("figure", "events/s (median)", "÷ yardstick", "÷ plain Faust")
    figures: dict[str, object] = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()}
    }
    peers = {"yardstick": "aiokafka + orjson.loads", "plain_faust": "plain Faust agent"}
    for name, runs in rates.items():
        # Run by run: the machine's speed drifts between runs, and less so within one.
        ratios = {
            peer: statistics.median(a / b for a, b in zip(runs, rates[versus], strict=True))
            for peer, versus in peers.items()
        }
        middle = statistics.median(runs)
        table.add_row(
            name, f"{middle:,.0f}", f"{ratios['yardstick']:.2f}", f"{ratios['plain_faust']:.1f}"
        )
        if name in peers.values():
            continue
        for peer, ratio in ratios.items():
            figures[f"{name} ÷ {peers[peer]}"] = {
                "value": middle,
                "unit": "events/s",
                "versus": statistics.median(rates[peers[peer]]),
                "ratio": ratio,
                "runs": [
                    {"value": a, "versus": b} for a, b in zip(runs, rates[peers[peer]], strict=True)
                ],
            }
    console.print(table)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    console.print(f"written to {out}")


if __name__ == "__main__":
    main()
