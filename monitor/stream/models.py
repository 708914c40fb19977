"""What a worker reads from files: the configuration, the models' baselines, approvers' keys."""

import base64
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from monitor.baselines.baseline import Baseline
from monitor.errors import BaselineError, ConfigError
from monitor.events.signatures import Keyring
from monitor.observe.model import Monitored
from monitor.registry.config import load_config
from monitor.registry.specs import ApproverSpec, Config, ModelSpec


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
    return tuple(_model(spec, folder) for spec in config.models)


def read_keyring(config: Config) -> Keyring:
    """The keys of those who may approve; raises ConfigError for one that cannot be used."""
    keys: dict[bytes, str] = {}
    for approver in config.approvers:
        raw = _public_key(approver)
        if raw in keys:
            raise ConfigError(
                f"{config.path}: approvers {keys[raw]} and {approver.name} have the same key; "
                "nobody could tell who has signed"
            )
        keys[raw] = approver.name
    return Keyring((name, raw) for raw, name in keys.items())


def _public_key(approver: ApproverSpec) -> bytes:
    if not approver.key.endswith(".pem"):
        return base64.b64decode(approver.key)
    path = Path(approver.key)
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: the key of {approver.name} cannot be read: {error}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{path}: no public key in PEM; write that of {approver.name} with "
            "`openssl pkey -in PRIVATE.pem -pubout`"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(
            f"{path}: a key of another kind; approvals are signed with Ed25519: make one with "
            "`openssl genpkey -algorithm ed25519`"
        )
    return key.public_bytes_raw()


def _model(spec: ModelSpec, folder: Path) -> Monitored:
    read = [
        (one.effective_from_ms, read_baseline(folder / one.path, spec.id)) for one in spec.baselines
    ]
    changes = tuple((from_ms, baseline) for from_ms, baseline in read if from_ms is not None)
    return Monitored(spec, read[0][1] if read else None, changes)


def read_baseline(path: Path, model_id: str | None = None) -> Baseline:
    """Read a baseline, of the model where one is named; raises BaselineError for one that isn't."""
    try:
        baseline = Baseline.from_json(path.read_bytes())
    except FileNotFoundError:
        of = "" if model_id is None else f" of model {model_id}"
        raise BaselineError(
            f"{path}: the baseline{of} does not exist; build it with `watchkeeper baseline build`"
        ) from None
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error}") from None
    except BaselineError as error:
        raise BaselineError(f"{path}: {error}") from None
    if model_id is not None and baseline.model_id != model_id:
        raise BaselineError(
            f"{path}: a baseline of model {baseline.model_id!r}, configured for {model_id!r}; "
            "build one for this model"
        )
    return baseline
