"""One episode of trouble, window by window: from the first breach until it is over.

::

    inactive ──breach──► pending ──k of n──► firing ──clear──► resolving ──c clear──► resolved
        ▲                   │                  ▲                   │                     │
        ├─────none of n─────┘                  ├───any other───────┘                     │
        │                                      └───breach within the cool-down───────────┤
        └───────────────────────────────────────────────────────after it─────────────────┘

A window that cannot be judged, or has no data, moves nothing: it is told (`inconclusive`,
`no_data`), and what held before holds on. So missing data never resolves an alert, nor fires one.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

#: What a window says: beyond the limit, below it though not clearly, clearly below; or nothing.
Sight = Literal["breach", "near", "clear", "inconclusive", "no_data"]
State = Literal["inactive", "pending", "firing", "resolving", "resolved"]
Shown = Literal["inactive", "pending", "firing", "resolving", "resolved", "inconclusive", "no_data"]
Change = Literal[
    "pending", "fired", "graver", "reopened", "resolving", "resolved", "withdrawn", "over"
]
OPEN: tuple[State, ...] = ("firing", "resolving")
#: Windows that may still be judged again: later ones rest on them, so they are kept.
KEPT = 8


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When an episode fires and clears; times are event time, in ms.

    It fires when `hold` of the last `of` windows breach, and is resolved by `clear` clear windows
    in succession. A breach within `cool_down_ms` after that opens the same episode again.
    """

    hold: int = 2
    of: int = 3
    clear: int = 3
    cool_down_ms: int = 15 * 60_000

    def __post_init__(self) -> None:
        """Refuse a rule that can never fire or never clear."""
        if not 1 <= self.hold <= self.of or self.clear < 1 or self.cool_down_ms < 0:
            raise ValueError(
                f"hold {self.hold} of {self.of} windows, clear {self.clear}, cool-down "
                f"{self.cool_down_ms} ms: give 1 <= hold <= of, clear >= 1, cool-down >= 0"
            )


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What one window said: its end, in ms, its grade (0: none) and the revision that said it."""

    end_ms: int
    sight: Sight
    grade: int = 0
    revision: int = 0


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Where an episode stands; `number` counts the episodes that ever fired."""

    state: State = "inactive"
    number: int = 0
    #: The gravest grade since it fired.
    grade: int = 0
    #: When the state was entered, and when the first breach of the episode was: event time, ms.
    since_ms: int = 0
    began_ms: int = 0
    #: Clear windows in succession.
    clear: int = 0
    #: Whether each of the last windows that could be judged breached, the latest last.
    breaches: tuple[bool, ...] = ()


def step(rule: Rule, before: Standing, seen: Seen) -> tuple[Standing, Change | None]:
    """Return where an episode stands after one more window, and what has changed by it."""
    if seen.sight in ("inconclusive", "no_data"):
        return before, None
    now = replace(
        before,
        breaches=(*before.breaches, seen.sight == "breach")[-rule.of :],
        clear=before.clear + 1 if seen.sight == "clear" else 0,
    )
    breach = seen.sight == "breach"
    if now.state == "resolved" and seen.end_ms - now.since_ms > rule.cool_down_ms and not breach:
        return _enter(now, "inactive", seen), "over"
    if now.state == "firing":
        return _firing(rule, now, seen)
    if now.state == "resolving":
        if seen.sight != "clear":
            return _graver(_enter(now, "firing", seen), seen)
        if now.clear >= rule.clear:
            # What led to it belongs to the episode that is over, not to the next one.
            return replace(_enter(now, "resolved", seen), breaches=()), "resolved"
        return now, None
    return _quiet(rule, now, seen, breach)


def _quiet(rule: Rule, now: Standing, seen: Seen, breach: bool) -> tuple[Standing, Change | None]:
    """Inactive, pending, or resolved: nothing fires yet."""
    if breach and now.state != "pending":
        cooling = now.state == "resolved" and seen.end_ms - now.since_ms <= rule.cool_down_ms
        if cooling:
            return replace(
                _enter(now, "firing", seen), grade=max(now.grade, seen.grade)
            ), "reopened"
        now = replace(_enter(now, "pending", seen), began_ms=seen.end_ms, grade=0)
    if now.state != "pending":
        return now, None
    if sum(now.breaches) >= rule.hold:
        fired = _enter(now, "firing", seen)
        return replace(fired, number=now.number + 1, grade=seen.grade), "fired"
    if not any(now.breaches):
        return _enter(now, "inactive", seen), "over"
    return now, "pending" if now.since_ms == seen.end_ms else None


def _firing(rule: Rule, now: Standing, seen: Seen) -> tuple[Standing, Change | None]:
    if seen.sight != "clear":
        return _graver(now, seen)
    if now.clear >= rule.clear:
        return replace(_enter(now, "resolved", seen), breaches=()), "resolved"
    return _enter(now, "resolving", seen), "resolving"


def _graver(now: Standing, seen: Seen) -> tuple[Standing, Change | None]:
    if seen.grade > now.grade:
        return replace(now, grade=seen.grade), "graver"
    return now, None


def _enter(now: Standing, state: State, seen: Seen) -> Standing:
    return replace(now, state=state, since_ms=seen.end_ms)


class Episode(msgspec.Struct, array_like=True):
    """An episode with the windows that may still be judged again."""

    standing: Standing = Standing()
    #: Where it stood before the first of `windows`.
    base: Standing = Standing()
    windows: tuple[Seen, ...] = ()

    @property
    def shown(self) -> Shown:
        """The state as people see it: what the last window could not say stands above all."""
        last = self.windows[-1].sight if self.windows else "clear"
        if last == "inconclusive" or last == "no_data":
            return last
        return self.standing.state

    def take(self, rule: Rule, seen: Seen) -> Change | None:
        """Take a window, new or judged again, and return what has changed by it.

        A window that is judged again counts as if it had been so from the start, as long as it is
        among the last ones; an earlier one changes nothing any more. An episode that should not
        have fired is `withdrawn`, and its number is not given again.
        """
        after = [w for w in self.windows if w.end_ms > seen.end_ms]
        same = next((w for w in self.windows if w.end_ms == seen.end_ms), None)
        if same is None and not after:
            return self._append(rule, seen)
        if same is None or same.revision >= seen.revision:
            return None
        before = self.standing
        self.windows = tuple(seen if w is same else w for w in self.windows)
        now = self.base
        for window in self.windows:
            now, _ = step(rule, now, window)
        was, is_now = before.state in OPEN, now.state in OPEN
        if now.number < before.number:
            # Told already, so never told of another one: the next that fires is a new one.
            self.base = replace(self.base, number=before.number - now.number + self.base.number)
            now = replace(now, number=before.number)
        self.standing = now
        if was and not is_now:
            return "resolved" if now.state == "resolved" else "withdrawn"
        if is_now and not was:
            return "fired" if now.number > before.number else "reopened"
        return "graver" if is_now and now.grade > before.grade else None

    def _append(self, rule: Rule, seen: Seen) -> Change | None:
        self.standing, change = step(rule, self.standing, seen)
        self.windows = (*self.windows, seen)
        while len(self.windows) > KEPT:
            self.base, _ = step(rule, self.base, self.windows[0])
            self.windows = self.windows[1:]
        return change
