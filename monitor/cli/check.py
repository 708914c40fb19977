"""Check a configuration: what it says, what is wrong with it, and whether its baselines fit."""

from pathlib import Path
from typing import Any

import click
import msgspec

from monitor.cli._fitness import overfull, unfit
from monitor.cli._summary import Checked, summary
from monitor.errors import BaselineError
from monitor.observe.model import Monitored
from monitor.registry.footprint import footprint, most_remembered
from monitor.registry.specs import Config, ModelSpec
from monitor.stream.models import read_config, read_keyring, read_models


@click.command()
@click.argument("config")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def command(config: str, as_json: bool) -> int:
    """Check CONFIG and the baselines that it names.

    Exits with 0 if all is fine, 1 if a baseline does not fit its model, 2 if the configuration or
    a baseline cannot be used.
    """
    loaded = read_config(Path(config))
    keyring = read_keyring(loaded)
    missing: list[str] = []
    troubles: list[str] = [f"{config}: {text}" for text in overfull(loaded)]
    models: list[Checked] = []
    for spec in loaded.models:
        model, why = _monitored(loaded, spec)
        models.append((spec, model, why))
        if why is not None:
            missing.append(why)
        for text in unfit(spec, model.baselines) if model else ():
            troubles.append(f"{config}: model {spec.id}: {text}")
    if as_json:
        click.echo(_json(loaded, models, keyring.holders(), troubles))
    else:
        click.echo(summary(loaded, models, keyring.holders()))
        for text in troubles:
            click.echo(text)
    if missing:
        raise BaselineError("\n".join(missing))
    return 1 if troubles else 0


def _monitored(config: Config, spec: ModelSpec) -> tuple[Monitored | None, str | None]:
    """The model with its baselines, or why one that is named cannot be used."""
    try:
        (model,) = read_models(msgspec.structs.replace(config, models=(spec,)))
    except BaselineError as error:
        return None, str(error)
    return model, None


def _memory(config: Config, spec: ModelSpec) -> dict[str, float] | None:
    """What one partition holds of a model's ids at the expected rate."""
    found = footprint(spec, config.kafka.partitions)
    if found is None:
        return None
    return {
        "ids": found.ids,
        "store_bytes": found.store_bytes,
        "log_bytes": found.log_bytes,
        "recovery_s": found.recovery_s,
    }


def _json(
    config: Config,
    models: list[Checked],
    approvers: list[tuple[str, str]],
    troubles: list[str],
) -> str:
    answer: dict[str, Any] = {
        "path": config.path,
        "namespace": config.namespace,
        "fine": not troubles and all(why is None for _, _, why in models),
        "problems": [why for _, _, why in models if why is not None] + troubles,
        "approvers": [{"name": name, "key_id": key} for name, key in approvers],
        "models": [
            {
                **msgspec.to_builtins(spec),
                "pane_ms": spec.pane_ms,
                "memory": _memory(config, spec),
                "most_remembered": most_remembered(spec, config.kafka.partitions),
                "baselines_found": [
                    {
                        "id": baseline.id,
                        "rows": baseline.rows,
                        "fingerprint": baseline.fingerprint,
                        "features": dict(baseline.features),
                    }
                    for baseline in (model.baselines if model else ())
                ],
            }
            for spec, model, _ in models
        ],
    }
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
