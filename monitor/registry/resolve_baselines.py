"""The baselines of a model, and from which event time on each holds."""

from monitor.registry import shape
from monitor.registry.durations import duration_ms, duration_text
from monitor.registry.instants import instant_ms, instant_text
from monitor.registry.problems import Problems
from monitor.registry.specs import DAY_MS, BaselineSpec

#: Events are decoded for all of them, and one that no window needs any more can go.
MOST_BASELINES = 10
LONGEST_TERM_MS = 3660 * DAY_MS


def resolve_baselines(
    given: shape.Baselines | None, boundary_ms: int | None, where: str, problems: Problems
) -> tuple[BaselineSpec, ...]:
    """Return them in order of time; what contradicts itself is added to `problems`.

    A baseline takes effect at a multiple of `boundary_ms`, None if that isn't known.
    """
    if given is None:
        return ()
    if isinstance(given, shape.BaselineFile):
        return (_first(given, where, problems),)
    if not 1 <= len(given) <= MOST_BASELINES:
        problems.at(where, f"has {len(given)} entries; from 1 to {MOST_BASELINES} are possible")
        return ()
    found = [_first(given[0], f"{where}[0]", problems)]
    for n, one in enumerate(given[1:], 1):
        at = f"{where}[{n}]"
        if one.effective_from is None:
            problems.at(
                at, 'lacks "effective_from"; add it, as only the first holds from the start'
            )
            continue
        at = f"{at}.effective_from"
        try:
            from_ms = instant_ms(one.effective_from)
        except ValueError as error:
            problems.at(at, f"is {one.effective_from}; there is no such time: {error}")
            continue
        before = found[-1].effective_from_ms
        if before is not None and from_ms <= before:
            problems.at(
                at,
                f"is {one.effective_from}, not after {instant_text(before)} of the one before; "
                "put them in order of time",
            )
        elif boundary_ms is not None and from_ms % boundary_ms:
            earlier = from_ms - from_ms % boundary_ms
            problems.at(
                at,
                f"is {one.effective_from}, within a pane: this model's windows are made of panes "
                f"of up to {duration_text(boundary_ms)}; the nearest boundaries are "
                f"{instant_text(earlier)} and {instant_text(earlier + boundary_ms)}",
            )
        term = _term(one, f"{where}[{n}]", problems)
        found.append(BaselineSpec(path=one.path, effective_from_ms=from_ms, expires_after_ms=term))
    return tuple(found)


def _first(one: shape.BaselineFile, where: str, problems: Problems) -> BaselineSpec:
    if one.effective_from is not None:
        problems.at(
            f"{where}.effective_from",
            "is of no use in the first baseline, which holds until the next one does; remove it, "
            "or name the baseline of before in an entry above it",
        )
    return BaselineSpec(path=one.path, expires_after_ms=_term(one, where, problems))


def _term(one: shape.BaselineFile, where: str, problems: Problems) -> int | None:
    if one.expires_after is None:
        return None
    term = duration_ms(one.expires_after)
    if not DAY_MS <= term <= LONGEST_TERM_MS:
        problems.at(
            f"{where}.expires_after", f"is {one.expires_after}; it must be from 1d to 3660d"
        )
    return term
