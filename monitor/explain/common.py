"""One cause of what happened to several columns: one source that failed, one unit that changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from monitor.detectors.wording import number, percent
from monitor.events.types import Cause, CauseName

#: Columns that are named; of more, how many.
NAMED = 10
#: Standard deviations by which two shares of one burst may differ.
_AS_ONE = 3.0
#: And what rounding makes of equal ones.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Common:
    """A cause, and the columns that it explains together."""

    cause: Cause
    columns: tuple[str, ...]


def common_causes(causes: Mapping[str, Sequence[Cause]], rows: int) -> tuple[Common, ...]:
    """What explains two columns or more, that which explains most first.

    Of each column the likeliest cause counts. Nulls are of one burst if as large a part of the rows
    that would hold a value is lost, up to what chance makes of a part of `rows`; changes of scale
    and shifts are one if a figure is within the interval of every one.

    >>> burst = {"share": 0.4, "share_before": 0.0, "lost": 0.4, "nulls": 400.0}
    >>> lost = Cause("null_burst", "a null burst: nulls are 40 % of the rows, 0 % before", burst)
    >>> (found,) = common_causes({"temp": [lost], "wind": [lost]}, rows=1000)
    >>> found.cause.detail
    'a null burst: 40 % of the rows have no temp, wind; in all of them as many rows, 400'
    """
    kinds: dict[CauseName, list[tuple[str, Cause]]] = {}
    for column, found in causes.items():
        for cause in found:
            if cause is found[0] or cause.cause == "null_burst":
                # One unit that changed may be told as a mere factor where rows are few.
                kind: CauseName = "unit_change" if cause.cause == "scale" else cause.cause
                kinds.setdefault(kind, []).append((column, cause))
    told = []
    for kind, members in kinds.items():
        if kind not in _TOGETHER:
            continue
        group, words = _TOGETHER[kind](members, rows)
        if len(group) > 1:
            names = tuple(column for column, _ in group)
            figures = {"columns": float(len(group))} | _shared(group)
            said = {cause.cause for _, cause in group}
            name = kind if kind in said else group[0][1].cause
            told.append(Common(Cause(name, words(group), figures), names))
    return tuple(sorted(told, key=lambda one: -len(one.columns)))


_Members = list[tuple[str, Cause]]
_Words = Callable[[_Members], str]


def named(columns: Sequence[str]) -> str:
    """Columns by name, and of many how many more.

    >>> named(["a", "b"]), named([str(n) for n in range(13)])
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more')
    """
    more = f" and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
    return ", ".join(columns[:NAMED]) + more


def _columns(group: _Members) -> str:
    return named([column for column, _ in group])


def _shared(group: _Members) -> dict[str, float]:
    """The figures that all of the group have alike."""
    first = group[0][1].evidence
    return {
        name: value
        for name, value in first.items()
        if all(cause.evidence.get(name) == value for _, cause in group)
    }


def _bursts(members: _Members, rows: int) -> tuple[_Members, _Words]:
    def room(cause: Cause) -> float:
        """How much chance has to do with it: which rows are null at any time."""
        before = cause.evidence["share_before"]
        return before * (1 - cause.evidence["lost"]) / (1 - before) / rows

    def apart(one: Cause, other: Cause) -> float:
        away = abs(other.evidence["lost"] - one.evidence["lost"])
        return away - _AS_ONE * math.sqrt(room(one) + room(other))

    def agree(one: Cause) -> _Members:
        """Those near to one, each of which agrees with every other."""
        kept: _Members = []
        for member in sorted(members, key=lambda m: apart(one, m[1])):
            if all(apart(member[1], other) <= _ROUNDING for _, other in kept):
                kept.append(member)
        return [member for member in members if member in kept]

    def words(group: _Members) -> str:
        counts = {int(cause.evidence["nulls"]) for _, cause in group}
        share = percent(max(cause.evidence["share"] for _, cause in group))
        same = f"; in all of them as many rows, {counts.pop():,}" if len(counts) == 1 else ""
        return f"a null burst: {share} of the rows have no {_columns(group)}{same}"

    group = max((agree(cause) for _, cause in members), key=len)
    # Two columns may well lose about as many rows each for itself.
    several = len(group) > 2 or len({cause.evidence["nulls"] for _, cause in group}) == 1
    return group if several else [], words


def _figures(figure: str) -> Callable[[_Members, int], tuple[_Members, _Words]]:
    def together(members: _Members, rows: int) -> tuple[_Members, _Words]:
        def agree(value: float) -> _Members:
            low, high = f"{figure}_low", f"{figure}_high"
            return [
                (column, cause)
                for column, cause in members
                if cause.evidence[figure] == value
                or cause.evidence.get(low, 1.0) <= value <= cause.evidence.get(high, 0.0)
            ]

        def words(group: _Members) -> str:
            known = [cause for _, cause in group if cause.cause == "unit_change"]
            if known:
                return f"{known[0].detail}, in {_columns(group)}"
            value = group[0][1].evidence[figure]
            what = f"× {number(value, 3)}" if figure == "factor" else f"{value:+g}"
            return f"one change, every value {what}, in {_columns(group)}"

        return max((agree(cause.evidence[figure]) for _, cause in members), key=len), words

    return together


def _alike(text: str) -> Callable[[_Members, int], tuple[_Members, _Words]]:
    def together(members: _Members, rows: int) -> tuple[_Members, _Words]:
        return members, lambda group: f"{text} {_columns(group)}"

    return together


_TOGETHER: dict[CauseName, Callable[[_Members, int], tuple[_Members, _Words]]] = {
    "null_burst": _bursts,
    "unit_change": _figures("factor"),
    "shift": _figures("shift"),
    "constant": _alike("constant columns:"),
    "swapped_columns": _alike("swapped columns:"),
    "sign_flip": _alike("a flipped sign in"),
    "recoded": _alike("a new spelling or code of the categories of"),
}
