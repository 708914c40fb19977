"""Judgements to events: one for every finding that someone must act on, one for every window.

The window's event carries every verdict of a detector, also `low` and the reasons for having none,
so that the absence of a drift event is never mistaken for health.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

import msgspec

from monitor.detectors.finding import Finding
from monitor.evaluate.holdback import Standstill
from monitor.evaluate.judged import Judged
from monitor.events.cloudevents import (
    DRIFT_DETECTED,
    WINDOW_JUDGED,
    cloud_event,
    event_key,
    rfc3339,
)
from monitor.events.types import (
    NO_TRAFFIC,
    FindingData,
    PipelineHealth,
    Result,
    Severity,
    Span,
    TopBin,
    WindowData,
)
from monitor.observe.model import Monitored
from monitor.panes.flush import Output

SEVERE = ("medium", "high", "critical")


def events(
    judged: Judged,
    model: Monitored,
    offsets: Mapping[str, list[int]],
    health: PipelineHealth,
    past: bool = False,
) -> Iterator[Output]:
    """The events of one judgement: a summary of the window, and each finding of medium or more.

    What is past is recorded, and nobody is told.
    """
    yield _window(judged, model, offsets, health)
    for finding in judged.findings:
        if finding.verdict in SEVERE:
            yield _drift(finding, judged, model, offsets, health, past)


def silence(
    judged: Judged,
    model: Monitored,
    offsets: Mapping[str, list[int]],
    health: PipelineHealth,
    past: bool = False,
) -> Output:
    """The finding that a model has fallen silent: nothing of it was counted for a whole window.

    One for all signals that have the same windows, whether or not there is a baseline.
    """
    refused = health.late + health.dead + health.quarantined
    why = f"{refused:,} were refused: see the dead letters" if refused else "is its publisher up?"
    finding = Finding(
        detector=NO_TRAFFIC,
        subject="model",
        statistic="rows",
        verdict="high" if model.spec.risk_tier == "high" else "medium",
        message=(
            f"0 predictions of {model.spec.id} from {rfc3339(judged.start_ms)} to "
            f"{rfc3339(judged.end_ms)}; {why}"
        ),
    )
    return _drift(finding, replace(judged, detector=NO_TRAFFIC), model, offsets, health, past)


def overflowing(
    finding: Finding,
    judged: Judged,
    model: Monitored,
    offsets: Mapping[str, list[int]],
    health: PipelineHealth,
    past: bool = False,
) -> Output:
    """The finding that more came of a model, of any version, than can be remembered."""
    whole = replace(judged, detector=finding.detector, version="", revision=0, age_ms=None)
    return _drift(finding, whole, model, offsets, health, past)


def expired(
    judged: Judged,
    model: Monitored,
    offsets: Mapping[str, list[int]],
    health: PipelineHealth,
    past: bool = False,
) -> Output:
    """The finding that a baseline is older than it should be."""
    (finding,) = judged.findings
    return _drift(finding, judged, model, offsets, health, past)


def standstill(told: Standstill, model: Monitored, offsets: Mapping[str, list[int]]) -> Output:
    """The finding that a model's time is held back, and its revision: that it goes on."""
    (finding,) = told.judged.findings
    # Time may stand where it stood in an earlier episode.
    since = str(told.since_ms)
    return _drift(finding, told.judged, model, offsets, told.health, False, since)


def _key(judged: Judged, model: Monitored, subject: str, *episode: str) -> str:
    """What identifies an event, whatever its revision: segments are empty until they are built."""
    return event_key(
        model.spec.id, judged.version, judged.detector, subject, "",
        str(judged.start_ms), str(judged.end_ms), *episode,
    )  # fmt: skip


def _baseline_id(judged: Judged, model: Monitored) -> str | None:
    """The baseline that holds when the window begins."""
    baseline = model.at(judged.start_ms).baseline
    return baseline.id if baseline else None


def _drift(
    finding: Finding,
    judged: Judged,
    model: Monitored,
    offsets: Mapping[str, list[int]],
    health: PipelineHealth,
    past: bool,
    *episode: str,
) -> Output:
    key = _key(judged, model, finding.subject, *episode)
    data = FindingData(
        model_id=model.spec.id,
        model_version=judged.version,
        kind="drift",
        detector=judged.detector,
        subject=finding.subject,
        segment="",
        statistic=finding.statistic,
        value=finding.value,
        threshold=finding.threshold,
        expected=finding.expected,
        p_value=finding.p_value,
        n_reference=finding.n_reference,
        n_current=finding.n_current,
        window=Span(rfc3339(judged.start_ms), rfc3339(judged.end_ms)),
        verdict=finding.verdict,
        severity=cast(Severity, finding.verdict),
        revision=judged.revision,
        event_key=key,
        baseline_id=_baseline_id(judged, model),
        config_hash=model.spec.config_hash,
        provisional=judged.provisional,
        decidable=judged.decidable,
        settled=judged.settled,
        past=past or msgspec.UNSET,
        age_ms=judged.age_ms,
        statistics=finding.statistics,
        top_bins=[TopBin(b.bin, b.reference, b.current) for b in finding.top_bins],
        detection=finding.detection or msgspec.UNSET,
        source_offsets=dict(offsets),
        authority=model.spec.authority,
        message=finding.message,
        health=health,
        began=finding.began or msgspec.UNSET,
        causes=list(finding.causes) or msgspec.UNSET,
        features=list(finding.features) or msgspec.UNSET,
        part_of=finding.part_of or msgspec.UNSET,
    )
    return _output(DRIFT_DETECTED, finding.subject, key, judged, model, data)


def _window(
    judged: Judged, model: Monitored, offsets: Mapping[str, list[int]], health: PipelineHealth
) -> Output:
    key = _key(judged, model, "window")
    data = WindowData(
        model_id=model.spec.id,
        model_version=judged.version,
        kind="window",
        detector=judged.detector,
        window=Span(rfc3339(judged.start_ms), rfc3339(judged.end_ms)),
        predictions=judged.rows,
        revision=judged.revision,
        event_key=key,
        baseline_id=_baseline_id(judged, model),
        config_hash=model.spec.config_hash,
        provisional=judged.provisional,
        decidable=judged.decidable,
        settled=judged.settled,
        age_ms=judged.age_ms,
        source_offsets=dict(offsets),
        results=[
            Result(
                subject=f.subject,
                statistic=f.statistic,
                verdict=f.verdict,
                value=f.value,
                n_current=f.n_current,
                message=f.message if not f.graded else "",
                found=f.detection.found if f.detection else msgspec.UNSET,
            )
            for f in judged.findings
        ],
        health=health,
    )
    return _output(WINDOW_JUDGED, "window", key, judged, model, data)


def _output(
    type_: str, subject: str, key: str, judged: Judged, model: Monitored, data: msgspec.Struct
) -> Output:
    value = cloud_event(
        type=type_,
        source=f"/watchkeeper/{model.spec.id}",
        subject=subject,
        time_ms=judged.end_ms,
        id=f"{key}.{judged.revision}",
        data=data,
        partitionkey=model.spec.id,
    )
    return Output("drift-events", model.spec.id.encode(), value)
