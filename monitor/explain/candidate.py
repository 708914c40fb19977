"""A cause that was tried, with how well it fits and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.events.types import CauseName
from monitor.explain.evidence import Fit

#: Two causes of which one is not so much likelier than the other are both told: 20 to 1.
MARGIN = 3.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause, as words that follow "probably", and the figures that it rests on."""

    cause: CauseName
    detail: str
    fit: Fit
    evidence: dict[str, float] = field(default_factory=dict)


def likeliest(candidates: list[Candidate]) -> list[Candidate]:
    """The likeliest cause that holds, and another one that is nearly as likely; none if none holds.

    Of one cause only its likeliest form is told.
    """
    forms: dict[str, Candidate] = {}
    for found in sorted(candidates, key=lambda c: -c.fit.log_likelihood):
        if found.fit.holds:
            forms.setdefault(found.cause, found)
    ranked = list(forms.values())
    best = [c for c in ranked if c.fit.log_likelihood >= ranked[0].fit.log_likelihood - MARGIN]
    return best[:2]
