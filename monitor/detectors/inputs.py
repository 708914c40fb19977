"""Has the input as a whole moved? One finding that names the features, where they are several.

One fault upstream moves many features at once. People are told of it once: what is found of a
feature that this finding names is a part of it, and nothing is done about that by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from monitor.detectors.features import PREFIX
from monitor.detectors.finding import GRADES, Cause, Finding, Verdict
from monitor.detectors.registry import detector
from monitor.detectors.window import InputWindow
from monitor.detectors.wording import count
from monitor.explain.common import Common, common_causes, named

INPUTS = "inputs"
#: So many features that have moved are told each by itself.
ALONE = 2


@detector(INPUTS, signal="data_drift", sums_up=True)
def judge(window: InputWindow, said: Sequence[Finding]) -> list[Finding]:
    """How many features are found to have moved, which, and what explains several of them.

    `said` is what the other detectors of inputs say of the same window. With more than two that
    moved the verdict is that of the gravest; else it is low, and each is told by itself.
    """
    assert window.baseline is not None
    features = [finding for finding in said if finding.subject.startswith(PREFIX)]
    if not features:
        return []
    judged = {finding.subject for finding in features if finding.graded}
    if not judged:
        verdicts = Counter(finding.verdict for finding in features)
        why = verdicts.most_common(1)[0][0]
        n = len({finding.subject for finding in features})
        text = f"inputs: none of {n} features can be judged (n={count(window.rows)})"
        return [_finding(window, why, text)]
    moved = _moved(features)
    gravest = max(moved.values(), default=0) if len(moved) > ALONE else 0
    names = [subject.removeprefix(PREFIX) for subject in moved]
    statistics = {"features_moved": float(len(moved)), "features_judged": float(len(judged))}
    common = common_causes({n: _causes(features, n) for n in names}, window.rows)
    return [
        replace(
            _finding(window, GRADES[gravest], _told(names, judged, window, common)),
            value=float(len(moved)),
            threshold=float(ALONE),
            statistics=statistics,
            causes=tuple(one.cause for one in common),
            features=tuple(names),
        )
    ]


def parts(findings: Iterable[Finding], whole: Iterable[Finding]) -> list[Finding]:
    """The findings, each of them that a graver finding on the whole input names marked as its part.

    >>> whole = Finding(detector="inputs", subject="inputs", statistic="features_moved",
    ...                 verdict="high", message="", value=3.0, features=("a", "b", "c"))
    >>> one = Finding(detector="data_drift", subject="feature/b", statistic="psi",
    ...               verdict="high", message="", value=0.25)
    >>> [found.part_of for found in parts([one, whole], [whole])]
    ['inputs', '']
    """
    named_in = {
        PREFIX + name: found.subject
        for found in whole
        if found.verdict in GRADES[1:]
        for name in found.features
    }
    return [
        replace(finding, part_of=named_in[finding.subject])
        if finding.subject in named_in
        else finding
        for finding in findings
    ]


def _moved(features: Sequence[Finding]) -> dict[str, int]:
    """The subjects that moved, the gravest first, with the rank of each."""
    grave: dict[str, int] = {}
    for finding in features:
        if finding.verdict in GRADES[1:]:
            graver = GRADES.index(finding.verdict)
            grave[finding.subject] = max(graver, grave.get(finding.subject, 0))
    return dict(sorted(grave.items(), key=lambda item: -item[1]))


def _causes(features: Sequence[Finding], name: str) -> list[Cause]:
    """What is said of a feature, by whichever detector; once each."""
    found: list[Cause] = []
    for finding in features:
        if finding.subject == PREFIX + name:
            found += [cause for cause in finding.causes if cause not in found]
    return found


def _told(names: list[str], judged: set[str], window: InputWindow, common: Sequence[Common]) -> str:
    text = f"inputs: {len(names)} of {len(judged)} features moved (n={count(window.rows)})"
    if not names:
        return f"{text}."
    text = f"{text}: {named(names)}."
    if common:
        text += f" Probably {'; '.join(one.cause.detail for one in common)}."
    return text


def _finding(window: InputWindow, verdict: Verdict, text: str) -> Finding:
    assert window.baseline is not None
    return Finding(
        detector=INPUTS,
        subject=INPUTS,
        statistic="features_moved",
        verdict=verdict,
        n_reference=window.baseline.rows,
        n_current=window.rows,
        message=text,
    )
