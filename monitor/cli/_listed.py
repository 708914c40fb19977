"""The baselines that a configuration names: since when each holds, and how old it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from monitor.baselines.baseline import Baseline
from monitor.errors import BaselineError
from monitor.events.timestamps import rfc3339
from monitor.registry.durations import duration_text, duration_words
from monitor.registry.instants import instant_text
from monitor.registry.specs import Config
from monitor.stream.models import read_baseline


@dataclass(frozen=True, slots=True)
class Listed:
    """A baseline of a model, or `why` there is none that can be used.

    `path` is as the configuration has it; `age_ms` reckons from the end of what it was learned
    from, None where that is unknown, and it is good for `term_ms` of it, if that is declared.
    """

    model_id: str
    path: str | None
    from_ms: int | None
    baseline: Baseline | None
    age_ms: int | None
    why: str | None
    term_ms: int | None = None

    @property
    def expired(self) -> bool:
        """Whether it is older than it should be."""
        return None not in (self.age_ms, self.term_ms) and (self.age_ms or 0) > (self.term_ms or 0)


def listed(config: Config, now_ms: int) -> Iterator[Listed]:
    """Yield each model's baselines in order of time, or that it has none."""
    folder = Path(config.path).parent
    for spec in config.models:
        if not spec.baselines:
            why = (
                f"{spec.id}: no baseline, so that nothing can be judged; build one with "
                "`watchkeeper baseline build` and name it in the configuration"
            )
            yield Listed(spec.id, None, None, None, None, why)
        for one in spec.baselines:
            from_ms = one.effective_from_ms
            try:
                baseline = read_baseline(folder / one.path, spec.id)
            except BaselineError as error:
                yield Listed(spec.id, one.path, from_ms, None, None, str(error))
                continue
            until = baseline.until_ms
            age = None if until is None else max(0, now_ms - until)
            yield Listed(spec.id, one.path, from_ms, baseline, age, None, one.expires_after_ms)


def table(found: Iterable[Listed]) -> Table:
    """Return a table with a row for each."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("model", "baseline", "file", "holds from"):
        made.add_column(name, overflow="fold")
    made.add_column("rows", justify="right", no_wrap=True)
    made.add_column("age", justify="right", no_wrap=True)
    made.add_column("own windows", overflow="fold")
    made.add_column("fingerprint", no_wrap=True)
    for one in found:
        since = "the beginning" if one.from_ms is None else instant_text(one.from_ms)
        cells = [one.model_id, "-", one.path or "-", since if one.path else "-"]
        baseline = one.baseline
        if baseline is None:
            made.add_row(*map(Text, (*cells, "-", "-", "-", "cannot be used" if one.path else "-")))
            continue
        cells[1] = baseline.id
        age = "unknown" if one.age_ms is None else duration_words(one.age_ms)
        age += ", expired" if one.expired else ""
        own = [
            f"{windows.windows:,} of {duration_text(windows.size_ms)}" for windows in baseline.own
        ]
        cells += [f"{baseline.rows:,}", age, ", ".join(own) or "none", baseline.fingerprint[:12]]
        made.add_row(*map(Text, cells))
    return made


def to_json(found: Iterable[Listed]) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [
        {
            "model_id": one.model_id,
            "path": one.path,
            "holds_from": None if one.from_ms is None else instant_text(one.from_ms),
            "usable": one.baseline is not None,
            "why": one.why,
            "id": one.baseline.id if one.baseline else None,
            "fingerprint": one.baseline.fingerprint if one.baseline else None,
            "rows": one.baseline.rows if one.baseline else None,
            "until": rfc3339(one.baseline.until_ms)
            if one.baseline and one.baseline.until_ms is not None
            else None,
            "age_ms": one.age_ms,
            "expires_after_ms": one.term_ms,
            "expired": one.expired,
            "own_windows": {
                duration_text(own.size_ms): own.windows
                for own in (one.baseline.own if one.baseline else ())
            },
        }
        for one in found
    ]
