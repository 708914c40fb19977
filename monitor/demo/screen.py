"""What is shown while the stream runs: a progress bar and a live table, or a line now and then."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from monitor.demo.incidents import DAY_MS, Incident
from monitor.demo.story import Found, Story
from monitor.demo.view import recent
from monitor.events.timestamps import to_ms
from monitor.events.types import FindingData

_SHOWN = 10
_LINE_EVERY_S = 5.0


@dataclass(slots=True)
class Counts:
    """How far the stream is: events handed to Kafka, of how many, and days to judge."""

    events: int
    days: int
    sent: int = 0


class Screen:
    """Shows the counts and the story; as a context manager it keeps the terminal's last lines."""

    def __init__(self, console: Console, counts: Counts, story: Story) -> None:
        self._console = console
        self._counts = counts
        self._story = story
        self._onsets = Onsets()
        self._announced: set[str] = set()
        self._line_at = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._sent = self._progress.add_task("events published", total=counts.events)
        self._judged = self._progress.add_task("days judged", total=counts.days)
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.show(last=True)
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(line))

    def show(self, last: bool = False) -> None:
        """Bring what is shown up to date; call it often."""
        counts, days = self._counts, len({start for _, start in self._story.windows})
        self._onsets.follow(self._story)
        for incident in self._story.incidents:
            found = self._story.outcome(incident)
            if found and incident.name not in self._announced:
                self._announced.add(incident.name)
                self.say(_announce(incident, found))
        self._progress.update(self._sent, completed=counts.sent)
        self._progress.update(self._judged, completed=days)
        if self._live:
            self._live.update(Group(self._progress, recent(self._onsets.latest)))
        elif last or time.monotonic() - self._line_at >= _LINE_EVERY_S:
            self._line_at = time.monotonic()
            self.say(
                f"{counts.sent:,} of {counts.events:,} events published; {days} of "
                f"{counts.days} days judged; {len(self._story.findings):,} findings"
            )


class Onsets:
    """The findings that did not fire the day before: what has begun, and not what goes on."""

    def __init__(self, shown: int = _SHOWN) -> None:
        self.latest: deque[FindingData] = deque(maxlen=shown)
        self._seen: set[tuple[str, str, int]] = set()

    def follow(self, story: Story) -> None:
        """Take what has come to the story since the last call."""
        new = [key for key in story.findings if key not in self._seen]
        self._seen.update(new)
        for detector, subject, start in sorted(new, key=lambda key: key[2]):
            finding = story.findings[detector, subject, start]
            assert start == to_ms(finding.window.start)
            if (detector, subject, start - DAY_MS) not in self._seen:
                self.latest.appendleft(finding)


def _announce(incident: Incident, found: Found) -> str:
    finding = found.finding
    return (
        f"found: {incident.name}, began {incident.start[:10]}, in window {found.delay} "
        f"({finding.verdict}): {finding.message}"
    )
