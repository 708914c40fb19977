"""Whose signature holds, over which bytes; beside Python's own JSON, and OpenSSL's command."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.events.signatures import Keyring, canonical, key_id, sign

SAMPLE = Path(__file__).parent / "samples" / "1.0" / "approval.json"
ADA, BOB = bytes(range(32)), b"b" * 32


def public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


KEYRING = Keyring([("ada", public(ADA)), ("bob", public(BOB))])
EVENT = {"approver": "ada", "decision": "approve", "note": {"ü": [1, None, True]}}
texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@given(st.dictionaries(texts, values))
def test_what_is_signed_is_what_any_json_library_writes(event: dict[str, Any]) -> None:
    event.pop("signature", None)
    expected = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical({**event, "signature": "x"}) == expected.encode()


@given(st.dictionaries(texts, values), st.randoms())
def test_the_order_of_keys_does_not_matter(event: dict[str, Any], draw: Any) -> None:
    signed = sign({**event, "approver": "ada"}, ADA)
    names = list(signed)
    draw.shuffle(names)
    assert KEYRING.refusal({name: signed[name] for name in names}, "approver") is None


def test_a_signature_of_openssl_holds() -> None:
    """Made with `openssl pkeyutl -sign -rawin` over what Python's json module wrote."""
    event = json.loads(SAMPLE.read_text(encoding="utf-8"))
    assert KEYRING.refusal(event, "approver") is None
    unsigned = {name: value for name, value in event.items() if name != "signature"}
    assert sign(unsigned, ADA) == event


@given(st.data())
def test_no_byte_of_a_signed_event_may_change(data: st.DataObject) -> None:
    signed = sign(EVENT, ADA)
    raw = bytearray(json.dumps(signed, ensure_ascii=False).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = json.loads(raw)
    except ValueError:
        return
    if isinstance(changed, dict) and changed != signed:
        assert KEYRING.refusal(changed, "approver") is not None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"key_id": key_id(public(BOB))}, "not one of key"),
        ({"key_id": None}, "$.key_id: none of the 2 keys"),
        ({"key_id": ["x"]}, "$.key_id: none of the 2 keys"),
        ({"signature": None}, "expected base64"),
        ({"signature": ""}, "0 bytes"),
        ({"signature": "ä"}, "expected base64"),
        ({"signature": base64.b64encode(bytes(64)).decode()}, "not one of key"),
        ({"approver": "bob"}, "not one of key"),
    ],
)
def test_why_a_signature_does_not_hold_is_told(fields: dict[str, Any], why: str) -> None:
    refusal = KEYRING.refusal({**sign(EVENT, ADA), **fields}, "approver")
    assert refusal is not None
    assert why in refusal


def test_a_signature_is_written_in_one_way_only() -> None:
    """Else one signature could be sent again as another, and be taken for news."""
    signed = sign(EVENT, ADA)
    text = signed["signature"]
    assert text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sibling = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + "=="
    assert base64.b64decode(sibling) == base64.b64decode(text)
    for written in (sibling, text + "\n", " " + text, text.rstrip("=")):
        refusal = KEYRING.refusal(signed | {"signature": written}, "approver")
        assert refusal is not None
        assert "expected base64" in refusal


def test_without_approvers_no_signature_holds() -> None:
    assert "no approver is configured" in (Keyring().refusal(sign(EVENT, ADA), "approver") or "")
