"""A registered model as observe sees it: its specification, and which baseline holds when."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from monitor.baselines.baseline import Baseline
from monitor.errors import BaselineError, ConfigError
from monitor.registry.specs import ModelSpec

#: Before every event, and after every one.
BEGINNING = -(2**62)
FOREVER = 2**62
FEATURE = "feature/"


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """Event time from `from_ms` until before `until_ms`: one baseline holds, None if there is none.

    `fingerprint` says what panes are counted over: the baseline's bins, and their own length in
    ms. Panes of two fingerprints never merge: after a change of baseline or of windows, what was
    open before is passed on as it is, and told apart.
    """

    from_ms: int
    until_ms: int
    baseline: Baseline | None
    fingerprint: str

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Where the columns of each record of a pane lie in its flat counts."""
        return self.baseline.layout.blocks if self.baseline else (slice(0, 0),)

    @property
    def width(self) -> int:
        """The number of slots of a pane."""
        return self.baseline.layout.width if self.baseline else 0


@dataclass(frozen=True, slots=True)
class Monitored:
    """A model and the baselines that it is judged against, None where it has none yet.

    Each of `changes` is the first event time of a baseline, in ms, and the baseline; `baseline` is
    the one before them. Which of them holds depends on event time alone, so that all workers
    agree, whenever they read a record and however often.
    """

    spec: ModelSpec
    baseline: Baseline | None
    changes: tuple[tuple[int, Baseline], ...] = ()
    periods: tuple[Period, ...] = field(init=False, compare=False)
    #: What any of the baselines counts, features first, by kind: numeric or categorical.
    kinds: Mapping[str, str] = field(init=False, compare=False)
    _starts: tuple[int, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out the periods.

        Raises ConfigError for a change within a pane or a roll-up of panes, and BaselineError for
        baselines that count one column in different ways.
        """
        length = self.spec.boundary_ms
        for at, baseline in self.changes:
            if at % length:
                raise ConfigError(
                    f"model {self.spec.id}: the baseline {baseline.id} takes effect at {at} ms, "
                    f"which is no multiple of {length} ms; move it to one"
                )
        begins: list[tuple[int, Baseline | None]] = [(BEGINNING, self.baseline), *self.changes]
        # Two baselines of one fingerprint judge alike: between them nothing changes.
        begins = [
            one
            for n, one in enumerate(begins)
            if n == 0 or _print(one[1]) != _print(begins[n - 1][1])
        ]
        ends = (*(at for at, _ in begins[1:]), FOREVER)
        periods = tuple(
            Period(at, end, baseline, f"{_print(baseline)}/{self.spec.pane_ms}")
            for (at, baseline), end in zip(begins, ends, strict=True)
        )
        assert all(one.from_ms < other.from_ms for one, other in pairwise(periods))
        object.__setattr__(self, "periods", periods)
        object.__setattr__(self, "kinds", _kinds(periods))
        object.__setattr__(self, "_starts", tuple(period.from_ms for period in periods))

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """All of them, in order of time."""
        first = () if self.baseline is None else (self.baseline,)
        return (*first, *(baseline for _, baseline in self.changes))

    def index(self, time_ms: int) -> int:
        """The number of the period that holds an event time."""
        return bisect_right(self._starts, time_ms) - 1

    def at(self, time_ms: int) -> Period:
        """The period that holds an event time."""
        return self.periods[self.index(time_ms)]

    def within(self, start_ms: int, end_ms: int) -> Period | None:
        """The period that holds all of [start, end); None where the baseline changes within."""
        period = self.at(start_ms)
        return period if end_ms <= period.until_ms else None

    @property
    def lateness_ms(self) -> int:
        """How long after a pane's end its events are still taken: the widest of all windows'."""
        return self.spec.lateness_ms


def _kinds(periods: tuple[Period, ...]) -> dict[str, str]:
    """An event is decoded before its time is known, so a column is of one kind at all times."""
    kinds: dict[str, str] = {}
    for baseline in (period.baseline for period in periods if period.baseline):
        for column in baseline.layout.columns:
            subject, kind = column.subject, column.grid.kind
            if kinds.setdefault(subject, kind) != kind:
                raise BaselineError(
                    f"{subject} is {kind} in the baseline {baseline.id}, and {kinds[subject]} in "
                    "one before it; declare its kind under features, and rebuild one of the two"
                )
    return dict(sorted(kinds.items(), key=lambda one: not one[0].startswith(FEATURE)))


def _print(baseline: Baseline | None) -> str:
    return baseline.fingerprint if baseline else ""
