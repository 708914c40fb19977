"""The demo's configuration: a file like any user's, written beside its baseline."""

from __future__ import annotations

from monitor.baselines.baseline import Baseline
from monitor.demo.flights import KINDS
from monitor.demo.traffic import MODEL_ID
from monitor.observe.model import Monitored
from monitor.registry.config import load_config
from monitor.registry.specs import KafkaSpec

NAMESPACE = "watchkeeper-demo"
CONFIG_FILE = "flights.yaml"
BASELINE_FILE = "baseline.json"
INCIDENTS_FILE = "incidents.json"

_CONFIG = """\
# The demo: a model says at departure whether a flight will arrive 15 minutes late or more.
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: 4}}
models:
  - id: {model}
    risk_tier: limited
    vendor: {{name: a vendor of models}}
    clock: events            # the past is replayed: time moves by the events alone
    authority: dry_run       # commands are published and marked, and never carried out
    positive: late
    baseline: {{type: reference, path: {baseline}}}
    features:
{features}
    signals:
      data_drift: {{window: {{size: 1d}}}}
      prediction_drift: {{window: {{size: 1d}}}}
      performance: {{window: {{size: 1d}}, metric: accuracy}}
    labels: {{max_delay: 1d}}   # a label comes when the flight has landed
"""


def config_text(bootstrap: str) -> str:
    """Return the configuration for Kafka at `bootstrap`, host:port."""
    return _CONFIG.format(
        namespace=NAMESPACE,
        bootstrap=bootstrap,
        model=MODEL_ID,
        baseline=BASELINE_FILE,
        features="\n".join(f"      {name}: {kind}" for name, kind in KINDS.items()),
    )


def monitored(baseline: Baseline) -> Monitored:
    """Return the model as a worker that reads the configuration sees it."""
    return Monitored(
        load_config(config_text(KafkaSpec().bootstrap), CONFIG_FILE).models[0], baseline
    )
