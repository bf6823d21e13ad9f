"""An authenticator in software: it makes credentials and signs as a device does, and as a device never would."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_PRESENT, _VERIFIED, _HAS_CREDENTIAL = 0x01, 0x04, 0x40


def text(value: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


class SoftwareAuthenticator:
    """One credential. What is changed of `origin`, `count`, `user` or `flags` is what it lies about."""

    def __init__(self, origin: str, *, host: str = "localhost", count: int = 1) -> None:
        self.origin, self.host, self.count = origin, host, count
        self.id = os.urandom(32)
        self.flags = _PRESENT | _VERIFIED
        self.user = b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any]) -> str:
        """Answer to what a page asks, to make a credential."""
        self.user = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        public = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
        described = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(key)
        data = self._data(_HAS_CREDENTIAL) + described
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        said = {"clientDataJSON": text(self._client("webauthn.create", options)), "attestationObject": text(made)}
        return self._answer(said)

    def sign(self, options: dict[str, Any]) -> str:
        """Answer to what a page asks, to sign in."""
        self.count += 1 if self.count else 0
        data, client = self._data(), self._client("webauthn.get", options)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature, "userHandle": self.user}
        return self._answer({name: text(value) for name, value in parts.items()})

    def _data(self, more: int = 0) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin}).encode()

    def _answer(self, said: dict[str, str]) -> str:
        return json.dumps({"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": said})
