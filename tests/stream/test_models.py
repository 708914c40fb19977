"""What a worker reads from files: the keys of those who may approve."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from monitor.cli.main import run
from monitor.errors import ConfigError
from monitor.events.signatures import key_id, sign
from monitor.stream.models import read_config, read_keyring

ADA, BOB = bytes(range(32)), b"b" * 32
MODEL = "models: [{id: m, signals: {data_drift: }}]"


def pem(private: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def text(private: bytes) -> str:
    key = Ed25519PrivateKey.from_private_bytes(private).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def written(folder: Path, *approvers: tuple[str, str]) -> Path:
    path = folder / "models.yaml"
    listed = [{"name": name, "key": key} for name, key in approvers]
    path.write_text(f"approvers: {json.dumps(listed)}\n{MODEL}\n")
    return path


def test_a_key_is_given_as_text_or_as_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "bob.pem").write_bytes(pem(BOB))
    config = read_config(written(tmp_path, ("ada", text(ADA)), ("bob", "keys/bob.pem")))
    keyring = read_keyring(config)
    assert [name for name, _ in keyring.holders()] == ["ada", "bob"]
    for name, private in (("ada", ADA), ("bob", BOB)):
        assert keyring.refusal(sign({"approver": name}, private), "approver") is None
        assert keyring.refusal(sign({"approver": "x"}, private), "approver") is not None


def test_who_changes_keys_may_have_two(tmp_path: Path) -> None:
    keyring = read_keyring(read_config(written(tmp_path, ("ada", text(ADA)), ("ada", text(BOB)))))
    for private in (ADA, BOB):
        assert keyring.refusal(sign({"approver": "ada"}, private), "approver") is None


def test_a_key_of_two_people_is_refused(tmp_path: Path) -> None:
    """As text it is seen at once, and in a file when that is read."""
    with pytest.raises(ConfigError, match="is the one of ada too"):
        read_config(written(tmp_path, ("ada", text(ADA)), ("bob", text(ADA))))
    (tmp_path / "a.pem").write_bytes(pem(ADA))
    config = read_config(written(tmp_path, ("ada", text(ADA)), ("bob", "a.pem")))
    with pytest.raises(ConfigError, match="ada and bob have the same key"):
        read_keyring(config)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "the key of ada cannot be read"),
        (b"", "no public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (
            generate_private_key(SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "a key of another kind",
        ),
    ],
    ids=["no file", "an empty file", "a broken file", "an elliptic curve's"],
)
def test_a_file_that_holds_no_such_key_is_refused(
    content: bytes | None, told: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "ada.pem").write_bytes(content)
    config = read_config(written(tmp_path, ("ada", "ada.pem")))
    with pytest.raises(ConfigError, match=told):
        read_keyring(config)


def test_check_tells_whose_signatures_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the id that an approval must name."""
    path = written(tmp_path, ("ada", text(ADA)))
    key = key_id(base64.b64decode(text(ADA)))
    assert run(["check", str(path)]) == 0
    assert f"approvals signed by ada (key {key})" in capsys.readouterr().out
    assert run(["check", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["approvers"]
    assert told == [{"name": "ada", "key_id": key}]
    assert run(["check", str(written(tmp_path, ("ada", "none.pem")))]) == 2
    assert "cannot be read" in capsys.readouterr().err
