"""What the stream said beside what the oracle expects: every difference, in words."""

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from tests.e2e.oracle.actions import actions, severe
from tests.e2e.oracle.intake import Taken
from tests.e2e.oracle.setting import GRADES, Model
from tests.e2e.oracle.windows import Finding, Judgement, judge, told

Event = Mapping[str, Any]
#: Figures come through counts there and from raw values here: rounding alone may differ.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
#: p-values lose digits far out in their tails.
P_RELATIVE = 1e-6
#: What each detector says somewhere in a story that has everything. A fall of performance that is
#: small, and yet beyond chance, takes more rows than a story has.
GRADED = {
    *product(("data_drift", "data_quality", "prediction_drift"), ("low", *GRADES)),
    *product(("performance",), ("low", "high", "critical")),
    *product(("concept_drift",), ("low", "critical")),
}


def judged(models: Iterable[Model], taken: Taken) -> list[Judgement]:
    """What every detector must say of every window."""
    return [
        judgement
        for model in models
        for judgement in judge(
            model,
            taken.rows[model.id],
            {start: n for (of, start), n in taken.lost.items() if of == model.id},
        )
    ]


def agree(told_of: Any, expected: Any, name: str = "") -> bool:
    """Whether two figures are one, but for rounding."""
    if isinstance(expected, list | tuple):
        return (
            isinstance(told_of, list)
            and len(told_of) == len(expected)
            and all(map(agree, told_of, expected))
        )
    if isinstance(expected, float) and isinstance(told_of, int | float):
        relative = P_RELATIVE if name == "p_value" or name.endswith("_p") else RELATIVE
        return math.isclose(told_of, expected, rel_tol=relative, abs_tol=ABSOLUTE)
    return bool(told_of == expected)


def findings(events: Sequence[Event], expected: Sequence[Judgement]) -> list[str]:
    """Differences between the drift events published and those that must be, both ways."""
    wanted = {f"{j.key(f.subject)}.{j.revision}": (j, f) for j, f in severe(expected)}
    found = {e["id"]: e for e in events if e["data"]["kind"] == "drift"}
    wrong = _sets("drift event", found, wanted, lambda k: _name(*wanted[k]))
    for identity in found.keys() & wanted.keys():
        judgement, finding = wanted[identity]
        for why in _finding(found[identity], judgement, finding):
            wrong.append(f"{_name(judgement, finding)}: {why}")
    return wrong


def _finding(event: Event, judgement: Judgement, finding: Finding) -> Iterable[str]:
    data, model = event["data"], judgement.model
    reference = model.reference
    exact = {
        "model_id": model.id,
        "model_version": judgement.version,
        "detector": judgement.detector,
        "subject": finding.subject,
        "segment": "",
        "statistic": finding.statistic,
        "value": finding.value,
        "n_current": finding.n_current,
        "window": judgement.window,
        "verdict": finding.verdict,
        "severity": finding.verdict,
        "revision": judgement.revision,
        "age_ms": judgement.age,
        "event_key": judgement.key(finding.subject),
        "baseline_id": reference.id if reference else None,
        "authority": model.authority,
        **judgement.status,
        "health": judgement.health_as(data["health"]),
    }
    more = {k: v for k, v in finding.fields.items() if k not in ("statistics", "top_bins")}
    for name, expected in (exact | more).items():
        if not agree(data[name], expected, name):
            yield f"{name} is {data[name]!r}, expected {expected!r}"
    if data.get("part_of", "") != ("inputs" if finding.part else ""):
        yield f"it is part of {data.get('part_of')!r}, expected {finding.part}"
    if set(data.get("features", ())) != finding.names:
        yield f"it names {data.get('features')}, expected {sorted(finding.names)}"
    statistics, expected = data["statistics"], finding.fields["statistics"]
    for name in statistics.keys() ^ expected.keys():
        yield f"statistics: {name} is in one of both only"
    for name in statistics.keys() & expected.keys():
        if not agree(statistics[name], expected[name], name):
            yield f"{name} is {statistics[name]!r}, expected {expected[name]!r}"
    for name, (low, high) in finding.within.items():
        value = statistics[name]
        value = value[1] if isinstance(value, list) else value
        if not low - ABSOLUTE <= value <= high + ABSOLUTE:
            yield f"{name} is {value!r}, raw values say {low!r} to {high!r}"
    if "top_bins" in finding.fields:
        bins = [(b["reference"], b["current"]) for b in data["top_bins"]]
        if not agree(list(map(list, bins)), finding.fields["top_bins"]):
            yield f"top bins are {bins}, expected {finding.fields['top_bins']}"
    envelope = {
        "specversion": "1.0",
        "type": "dev.watchkeeper.drift.detected.v1",
        "source": f"/watchkeeper/{model.id}",
        "subject": finding.subject,
        "time": told(judgement.end),
        "partitionkey": model.id,
    }
    for name, expected in envelope.items():
        if event[name] != expected:
            yield f"the event's {name} is {event[name]!r}, expected {expected!r}"
    if f"{finding.n_current:,}" not in data["message"] or "\n" in data["message"]:
        yield f"the message does not tell n, in one line: {data['message']!r}"


def windows(events: Sequence[Event], expected: Sequence[Judgement]) -> list[str]:
    """Differences between the windows' own events and those that must be, every verdict in them."""
    wanted = {f"{j.key('window')}.{j.revision}": j for j in expected if j.detector != "no_traffic"}
    found = {e["id"]: e for e in events if e["data"]["kind"] == "window"}
    wrong = _sets("window", found, wanted, lambda k: _name(wanted[k]))
    for identity in found.keys() & wanted.keys():
        judgement, data = wanted[identity], found[identity]["data"]
        # What is done about a live model's findings follows from the health that was told.
        judgement.health = judgement.health_as(data["health"])
        exact = {
            "model_version": judgement.version,
            "detector": judgement.detector,
            "window": judgement.window,
            "predictions": judgement.predictions,
            "revision": judgement.revision,
            "age_ms": judgement.age,
            "health": judgement.health,
            **judgement.status,
        }
        for name, value in exact.items():
            if data[name] != value:
                wrong.append(f"{_name(judgement)}: {name} is {data[name]!r}, expected {value!r}")
        results = {r["subject"]: r for r in data["results"]}
        subjects = {f.subject: f for f in judgement.findings}
        wrong += _sets("result", results, subjects, lambda s, j=judgement: f"{_name(j)} {s}")
        for subject in results.keys() & subjects.keys():
            for name in ("statistic", "verdict", "value", "n_current"):
                one, other = results[subject][name], getattr(subjects[subject], name)
                if not agree(one, other):
                    wrong.append(
                        f"{_name(judgement)} {subject}: {name} is {one!r}, expected {other!r}"
                    )
    return wrong


def responses(events: Mapping[str, Sequence[Event]], expected: Sequence[Judgement]) -> list[str]:
    """Differences between alerts and commands and the article's table; `events` by topic."""
    wanted = {(a.topic, a.action, a.finding, a.severity): a for a in actions(expected)}
    found = {
        (topic, e["data"]["action"], e["data"]["finding_id"], e["data"]["severity"]): e["data"]
        for topic, some in events.items()
        for e in some
    }
    wrong = _sets("action", found, wanted, str)
    for key in found.keys() & wanted.keys():
        for name, value in wanted[key].fields:
            if found[key][name] != value:
                wrong.append(f"{key}: {name} is {found[key][name]!r}, expected {value!r}")
    return wrong


def letters(events: Mapping[str, Sequence[Event]], taken: Taken) -> list[str]:
    """Differences between dead letters (and late ones) and the fates of the log's records."""
    refused = {"dead": "dead-letters", "quarantined": "dead-letters", "late": "late"}
    wanted = {
        (refused[fate.outcome], *place): (fate, taken.values[place])
        for place, fate in taken.fates.items()
        if fate.outcome in refused
    }
    found = {
        (topic, e["data"]["topic"], e["data"]["partition"], e["data"]["offset"]): e["data"]
        for topic, some in events.items()
        for e in some
    }
    wrong = _sets("dead letter", found, wanted, lambda k: f"{k}: {wanted[k][0]}")
    for key in found.keys() & wanted.keys():
        fate, entry = wanted[key]
        value = entry.value or b""
        exact = {
            "reason": fate.reason,
            "model_id": fate.model,
            "size": len(value),
            "sha256": hashlib.sha256(value).hexdigest(),
            "head": base64.b64encode(value[:1024]).decode(),
        }
        for name, expected in exact.items():
            if found[key][name] != expected:
                wrong.append(
                    f"{key} {fate}: {name} is {found[key][name]!r:.99}, not {expected!r:.99}"
                )
        stamp = found[key]["append_time"]
        if stamp[:19] != told(entry.time)[:19]:
            wrong.append(f"{key}: append_time is {stamp}, expected {told(entry.time)}")
    return wrong


def _sets(what: str, found: Any, wanted: Any, name: Any) -> list[str]:
    missing = [f"missing {what}: {name(k)}" for k in wanted if k not in found]
    extra = [f"unexpected {what}: {k}: {str(found[k])[:300]}" for k in found if k not in wanted]
    return missing + extra


def _name(judgement: Judgement, finding: Finding | None = None) -> str:
    j = judgement
    age = f" age {j.age}" if j.age else ""
    what = f" {finding.subject}" if finding else ""
    return f"{j.model.id} {j.version} {j.detector}{what} {j.window['start']}{age} r{j.revision}"
