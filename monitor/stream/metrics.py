"""What Prometheus is told, gathered when it asks: what the partitions owned here have committed.

Counters come from the committed state of a partition, so they survive restarts, move with the
partition to another worker, and agree with the accounting identity: of each topic and partition,
what was `read` or `arrived` is the sum of all other outcomes and of what waits. Labels are stages,
topics, partitions, models of the configuration, outcomes and reasons: all bounded.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from monitor.evaluate.partition import EvaluatePartition
from monitor.observe.accounting import Accounting
from monitor.observe.partition import ObservePartition
from monitor.observe.rows import PartitionRow, partition_row
from monitor.observe.state import INPUTS
from monitor.panes.messages import END
from monitor.registry.specs import MetricsSpec, ModelSpec
from monitor.stream.owner import Owner
from monitor.stream.runner import Runner

logger = logging.getLogger("watchkeeper")

_OUTCOMES = (
    "read", "arrived", "counted", "duplicate", "late", "dead", "quarantined", "moved",
)  # fmt: skip
#: How many records the broker holds of a source topic beyond what is committed; None: unknown.
Lag = Callable[[Owner, str], int | None]


def serve(spec: MetricsSpec, runner: Runner, models: Sequence[ModelSpec], lag: Lag) -> None:
    """Answer at /metrics, in a thread of its own, until the process ends.

    Where another process has the port, say so and go on: counting goes before telling of it.
    """
    if spec.port is None:
        return
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(Partitions(runner, models, lag))
    try:
        server, _ = start_http_server(spec.port, spec.host, registry)
    except OSError as error:
        logger.warning(
            "no metrics: %s port %d: %s; set metrics.port in the configuration, 0 for any",
            spec.host, spec.port, error.strerror or error,
        )  # fmt: skip
        return
    logger.info("metrics at http://%s:%d/metrics", spec.host, server.server_port)


class Partitions(Collector):
    """The partitions that this worker owns, as of their last flushes.

    It runs in the server's thread: what it reads of an owner is replaced there, and never changed.
    """

    def __init__(self, runner: Runner, models: Sequence[ModelSpec], lag: Lag) -> None:
        self.runner = runner
        self.models = {spec.id: spec for spec in models}
        self.lag = lag

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known only from what is owned."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All series of this moment."""
        owners = sorted(self.runner.owners.values(), key=lambda o: (o.stage.name, o.partition))
        rebalances = CounterMetricFamily(
            "watchkeeper_rebalances", "Times that partitions were taken from this worker."
        )
        rebalances.add_metric([], self.runner.releases)
        yield rebalances
        yield from self._stages(owners)
        observers = [o for o in owners if isinstance(o.logic, ObservePartition)]
        rows = [(o, partition_row(o.report.row)) for o in observers if o.report.row]
        yield from _accounting(rows)
        yield self._delays(rows)
        yield _store(observers)
        yield _holdback(owners)

    def _stages(self, owners: Sequence[Owner]) -> Iterator[Metric]:
        at = ["stage", "partition"]
        lag = GaugeMetricFamily(
            "watchkeeper_lag_records",
            "Records that the broker holds and that are not yet committed here.",
            labels=["topic", "partition"],
        )
        flush = SummaryMetricFamily(
            "watchkeeper_flush_seconds", "Time that flushes took, commit included.", labels=at
        )
        size = SummaryMetricFamily(
            "watchkeeper_flush_records", "Records of flushes: rows, log and outputs.", labels=at
        )
        since = GaugeMetricFamily(
            "watchkeeper_since_flush_seconds", "Time since the last flush or restore.", labels=at
        )
        rows = GaugeMetricFamily("watchkeeper_state_rows", "Rows of committed state.", labels=at)
        for owner in owners:
            report, where = owner.report, [owner.stage.name, str(owner.partition)]
            for topic in owner.stage.topics:
                behind = self.lag(owner, topic)
                if behind is not None:
                    lag.add_metric([topic, where[1]], behind)
            flush.add_metric(where, report.flushes, report.seconds)
            size.add_metric(where, report.flushes, report.records)
            since.add_metric(where, time.monotonic() - report.at)
            rows.add_metric(where, report.rows)
        yield from (lag, flush, size, since, rows)

    def _delays(self, rows: Sequence[tuple[Owner, PartitionRow]]) -> Metric:
        delays = GaugeMetricFamily(
            "watchkeeper_watermark_delay_seconds",
            "How far the time of a model's predictions stands behind the broker's.",
            labels=["model", "partition"],
        )
        for owner, row in rows:
            report = owner.report
            for topic, model, greatest in row.greatest:
                spec = self.models.get(model)
                live = spec is not None and spec.clock == "append" and greatest != END
                if spec and live and topic == "predictions" and report.appended_ms:
                    behind = (report.appended_ms - greatest + spec.disorder_ms) / 1000
                    delays.add_metric(
                        [model, str(owner.partition)], behind + time.monotonic() - report.at
                    )
        return delays


def _accounting(rows: Sequence[tuple[Owner, PartitionRow]]) -> Iterator[Metric]:
    at = ["topic", "partition"]
    events = CounterMetricFamily(
        "watchkeeper_events",
        "Events read, and what became of them.",
        labels=[*at, "outcome"],
    )
    waiting = GaugeMetricFamily(
        "watchkeeper_waiting_events", "Labels whose prediction has not come.", labels=at
    )
    refused = CounterMetricFamily(
        "watchkeeper_refused_events",
        "Events that were late, dead-lettered or quarantined, by reason.",
        labels=[*at, "reason"],
    )
    misplaced = CounterMetricFamily(
        "watchkeeper_misplaced_records",
        "Records in other partitions than their key names: no label finds its prediction there.",
        labels=[*at, "model"],
    )
    for owner, row in rows:
        for topic, model, n in row.misplaced:
            misplaced.add_metric([topic, str(owner.partition), model], n)
        accounting, partition = Accounting.from_rows(row.accounting), str(owner.partition)
        for topic in INPUTS:
            for outcome in _OUTCOMES:
                n = accounting.counts[topic, outcome]
                events.add_metric([topic, partition, outcome], n)
            waiting.add_metric([topic, partition], accounting.counts[topic, "waiting"])
        for (topic, reason), n in sorted(accounting.reasons.items()):
            refused.add_metric([topic, partition, reason], n)
    yield from (events, waiting, refused, misplaced)


def _store(observers: Sequence[Owner]) -> Metric:
    sizes = GaugeMetricFamily(
        "watchkeeper_store_bytes",
        "Disk that the cache of what waits for labels takes.",
        labels=["partition"],
    )
    for owner in observers:
        if isinstance(owner.logic, ObservePartition):
            sizes.add_metric([str(owner.partition)], owner.logic.cache.store.size())
    return sizes


def _holdback(owners: Sequence[Owner]) -> Metric:
    """Of all models of this worker: a partition of `panes` hears of those that live there."""
    held = GaugeMetricFamily(
        "watchkeeper_watermark_holdback_seconds",
        "How far a source partition holds a model's time back behind the others; Inf: unheard.",
        labels=["partition"],
    )
    most: dict[int, float] = {}
    for owner in owners:
        if isinstance(owner.logic, EvaluatePartition):
            for source, seconds in owner.logic.clock.holdback().items():
                most[source] = max(seconds, most.get(source, 0.0))
    for source, seconds in sorted(most.items()):
        held.add_metric([str(source)], seconds)
    return held
