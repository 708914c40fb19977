"""A registered model as observe sees it: its specification and its baseline."""

from dataclasses import dataclass

from monitor.baselines.baseline import Baseline
from monitor.registry.specs import ModelSpec


@dataclass(frozen=True, slots=True)
class Monitored:
    """A model and the baseline that it is judged against, None where it has none yet."""

    spec: ModelSpec
    baseline: Baseline | None

    @property
    def fingerprint(self) -> str:
        """What panes are counted over: the baseline's bins, and their own length in ms.

        Panes of two fingerprints never merge: after a change of baseline or of windows, what was
        open before is passed on as it is, and told apart.
        """
        return f"{self.baseline.fingerprint if self.baseline else ''}/{self.spec.pane_ms}"

    @property
    def lateness_ms(self) -> int:
        """How long after a pane's end its events are still taken: the widest of all windows'."""
        return max((window.allowed_lateness_ms for window in self.spec.windows), default=0)
