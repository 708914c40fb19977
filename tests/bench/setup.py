"""What is run against what is published: a configuration and the shape of its input."""

from dataclasses import dataclass

from tests.bench import workload

PARTITIONS = 4
#: So few rows are judged that every window is, of a thousand models too.
LEAST_ROWS = 100
#: One window of inputs, as most models have it.
PLAIN = ("{size: 5m, allowed_lateness: 1m}",)


@dataclass(frozen=True)
class Setup:
    """Models, windows, partitions and workers; dedup costs a look at each id.

    `form` is how predictions come: one a record (`events`), or 500 as columns (`arrays`, `packed`).
    `pace` is how many of them make a second of event time. The first of the `windows` doesn't
    slide: its counts add up to the predictions.
    """

    namespace: str
    deduplicate: bool = False
    models: int = 1
    partitions: int = PARTITIONS
    workers: int = 1
    form: workload.Form = "events"
    windows: tuple[str, ...] = PLAIN
    window_ms: int = workload.WINDOW.size_ms
    pace: int = workload.PACE

    def config(self, bootstrap: str) -> str:
        """The configuration under test."""
        features = "\n".join(
            [f"      {name}: numeric" for name in workload.NUMERIC]
            + [f"      {name}: categorical" for name in workload.CATEGORICAL]
        )
        windows = f"[{', '.join(self.windows)}]"
        models = "".join(
            f"""
  - id: {model}
    clock: events
    deduplicate: {str(self.deduplicate).lower()}
    baseline: {{type: reference, path: {model}.json}}
    features:
{features}
    signals:
      data_drift: {{window: {windows}, min_samples: {LEAST_ROWS}}}
      prediction_drift: {{window: {windows}, min_samples: {LEAST_ROWS}}}
"""
            for model in workload.names(self.models)
        )
        return f"""\
namespace: {self.namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: {self.partitions}}}
metrics: {{port: null}}
models:{models}"""
