"""Did the demo do what it announced? Incidents found, calm days calm, every event accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.demo.incidents import IN_TIME, Incident
from monitor.demo.story import Fired, Found, Story
from monitor.observe.accounting import OUTCOMES, Accounting


@dataclass(frozen=True, slots=True)
class Verdict:
    """An incident, how it was found, and what its detector says of the same days without it."""

    incident: Incident
    injected: bool
    found: Found | None
    calm: Found | None
    calm_highest: float | None
    set_off: tuple[str, ...]

    @property
    def failure(self) -> str | None:
        """Why this is not what was announced, None if it is."""
        name, said = self.incident.name, f"{self.incident.detector} of {self.incident.subject}"
        if self.calm is not None:
            return (
                f"{name}: {said} fires on these days without the incident too, so it proves nothing"
            )
        if self.injected and self.found is None:
            return f"{name}: {said} didn't fire within {IN_TIME} windows of {self.incident.start}"
        if not self.injected and self.found is not None:
            return f"{name}: {said} fired, and nothing was injected"
        return None


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the events of one input topic: `sent` by us, `read` by the worker."""

    topic: str
    sent: int
    read: int
    outcomes: Mapping[str, int]

    @property
    def failure(self) -> str | None:
        """Why the account doesn't balance, None if it does, to the event."""
        accounted = sum(self.outcomes.values())
        if self.read != self.sent:
            return f"{self.topic}: {self.sent:,} events sent, {self.read:,} read"
        if accounted != self.read:
            return f"{self.topic}: {self.read:,} events read, {accounted:,} accounted for"
        return None


@dataclass(frozen=True, slots=True)
class Report:
    """All that the demo has to say at its end."""

    verdicts: tuple[Verdict, ...]
    balances: tuple[Balance, ...]
    elsewhere: tuple[tuple[Fired, str, str], ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """Every reason for which the demo failed; none if it succeeded."""
        said = [verdict.failure for verdict in self.verdicts]
        said += [balance.failure for balance in self.balances]
        return tuple(failure for failure in said if failure)


def verdicts(story: Story, calm: Story, announced: tuple[Incident, ...]) -> tuple[Verdict, ...]:
    """Judge each announced incident; those that `story` doesn't know of were not injected."""
    return tuple(
        Verdict(
            incident=incident,
            injected=incident in story.incidents,
            found=story.outcome(incident),
            calm=calm.outcome(incident),
            calm_highest=calm.highest(incident),
            set_off=story.alongside(incident, calm) if incident in story.incidents else (),
        )
        for incident in announced
    )


def balances(accounting: Accounting, sent: Mapping[str, int]) -> tuple[Balance, ...]:
    """Set what was sent on each topic against what the worker says became of it."""
    topics = sorted(set(sent) | {topic for topic, _ in accounting.counts})
    return tuple(
        Balance(
            topic=topic,
            sent=sent.get(topic, 0),
            read=accounting.counts[topic, "read"],
            outcomes={outcome: accounting.counts[topic, outcome] for outcome in OUTCOMES},
        )
        for topic in topics
        if sent.get(topic, 0) or accounting.counts[topic, "read"]
    )
