"""Ed25519 signatures of events that people answer for: what is signed, and whose key it was.

Signed is the canonical JSON of the event without its `signature`: keys sorted, no whitespace,
UTF-8, nothing escaped that need not be. A fraction is written differently by different languages,
so a signed event has none.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: Bytes of a public key, and of a signature.
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_canonical = msgspec.json.Encoder(order="sorted").encode


def canonical(event: Mapping[str, Any]) -> bytes:
    """What is signed of an event.

    >>> canonical({"b": "ü", "a": [1, 2], "signature": "…"}).decode()
    '{"a":[1,2],"b":"ü"}'
    """
    return _canonical({name: value for name, value in event.items() if name != "signature"})


def key_id(public: bytes) -> str:
    """The name of a public key: the first 16 hex digits of its SHA-256.

    >>> key_id(bytes(32))
    '66687aadf862bd77'
    """
    return hashlib.sha256(public).hexdigest()[:16]


def sign(event: Mapping[str, Any], private: bytes) -> dict[str, Any]:
    """The event with the `key_id` and `signature` of a private key, 32 raw bytes."""
    key = Ed25519PrivateKey.from_private_bytes(private)
    named = {**event, "key_id": key_id(key.public_key().public_bytes_raw())}
    return {**named, "signature": base64.b64encode(key.sign(canonical(named))).decode()}


class Keyring:
    """The public keys whose signatures hold, and whose they are; without any, none does."""

    def __init__(self, keys: Iterable[tuple[str, bytes]] = ()) -> None:
        self._keys = {
            key_id(raw): (name, Ed25519PublicKey.from_public_bytes(raw)) for name, raw in keys
        }

    def holders(self) -> list[tuple[str, str]]:
        """Names with the ids of their keys, in the order in which they were given."""
        return [(name, key) for key, (name, _) in self._keys.items()]

    def refusal(self, event: Mapping[str, Any], by: str) -> str | None:
        """Why the signature of an event doesn't hold; None if it does.

        `by` is the field that says who signed. Nothing of the event is quoted: as long as nobody
        has signed it, it may hold anything.
        """
        known = self._keys.get(key) if isinstance(key := event.get("key_id"), str) else None
        if not self._keys:
            return "no approver is configured, so no signature can hold"
        if known is None:
            return f"$.key_id: none of the {len(self._keys)} keys that are configured"
        name, public = known
        given = event.get("signature")
        signature = _decoded(given) if isinstance(given, str) else None
        if signature is None:
            return "$.signature: expected base64 of the standard alphabet, with padding"
        if len(signature) != SIGNATURE_BYTES:
            return (
                f"$.signature: {len(signature)} bytes, an Ed25519 signature has {SIGNATURE_BYTES}"
            )
        try:
            public.verify(signature, canonical(event))
        except InvalidSignature:
            return (
                f"$.signature: not one of key {key} over this event: it was made with another key, "
                "of other bytes, or the event was changed since"
            )
        if event.get(by) != name:
            return f"$.{by}: another than {name}, whose key has signed"
        return None


def _decoded(text: str) -> bytes | None:
    """Bytes of strict base64; None where it is none, or could be written otherwise."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
