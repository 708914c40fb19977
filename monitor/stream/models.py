"""The models that a worker watches: their specifications with their baselines, read from files."""

from pathlib import Path

from monitor.baselines.baseline import Baseline
from monitor.errors import BaselineError, ConfigError
from monitor.observe.model import Monitored
from monitor.registry.config import load_config
from monitor.registry.specs import Config, ModelSpec


def read_config(path: Path) -> Config:
    """Read and validate a configuration; raises ConfigError where it cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return load_config(text, str(path))


def read_models(config: Config) -> tuple[Monitored, ...]:
    """The registered models with their baselines; raises BaselineError for one that is unfit."""
    folder = Path(config.path).parent
    return tuple(Monitored(spec, _baseline(spec, folder)) for spec in config.models)


def _baseline(spec: ModelSpec, folder: Path) -> Baseline | None:
    if spec.baseline is None:
        return None
    path = folder / spec.baseline.path
    try:
        baseline = Baseline.from_json(path.read_bytes())
    except FileNotFoundError:
        raise BaselineError(
            f"{path}: the baseline of model {spec.id} does not exist; build it with "
            "`watchkeeper baseline build`"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error}") from None
    except BaselineError as error:
        raise BaselineError(f"{path}: {error}") from None
    if baseline.model_id != spec.id:
        raise BaselineError(
            f"{path}: a baseline of model {baseline.model_id!r}, configured for {spec.id!r}; "
            "build one for this model"
        )
    return baseline
