"""Annotated periods of a model: stretches of event time that are neither judged nor learnt from."""

from collections.abc import Sequence

from monitor.registry import shape
from monitor.registry.instants import instant_ms
from monitor.registry.problems import Problems
from monitor.registry.specs import DAY_MS, AnnotationSpec

MOST_ANNOTATIONS = 1000
#: A year that is mistyped must not switch a model's watch off.
LONGEST_ANNOTATION_MS = 31 * DAY_MS


def resolve_annotations(
    given: Sequence[shape.Annotation], where: str, problems: Problems
) -> tuple[AnnotationSpec, ...]:
    """Return them in order of time; what is wrong with one is added to `problems`."""
    if len(given) > MOST_ANNOTATIONS:
        problems.at(
            where, f"has {len(given)} entries; at most {MOST_ANNOTATIONS} are possible: remove "
            "those that no window and no baseline to come can hold"
        )  # fmt: skip
        return ()
    found = []
    for n, one in enumerate(given):
        at = f"{where}[{n}]"
        from_ms = _instant(one.from_, f"{at}.from", problems)
        until_ms = _instant(one.until, f"{at}.until", problems)
        if from_ms is None or until_ms is None:
            continue
        if until_ms <= from_ms:
            problems.at(f"{at}.until", f"is {one.until}, not after from {one.from_}; swap the two")
        elif until_ms - from_ms > LONGEST_ANNOTATION_MS:
            problems.at(
                f"{at}.until",
                f"is {one.until}, {(until_ms - from_ms) / DAY_MS:.0f} days after from {one.from_}; "
                "at most 31 are not judged at a time: mend the date, or write several",
            )
        found.append(AnnotationSpec(from_ms=from_ms, until_ms=until_ms, why=one.why))
    return tuple(sorted(found, key=lambda one: (one.from_ms, one.until_ms)))


def _instant(text: str, where: str, problems: Problems) -> int | None:
    try:
        return instant_ms(text)
    except ValueError as error:
        problems.at(where, f"is {text}; there is no such time: {error}")
        return None
