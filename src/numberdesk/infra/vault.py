"""Credentials at rest: encrypted under a key that only the environment has.

Touches: randomness.

The key is NUMBERDESK_CREDENTIALS_KEY, or stands in the file NUMBERDESK_CREDENTIALS_KEY_FILE: one made by
`numberdesk carriers new-key`, or several separated by commas. The first one encrypts, all decrypt, so
that a key can be changed. What is encrypted is bound to a name: a text copied to another row does not
open there.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


_KEY_BYTES: Final = 32
_SETTINGS: Final = "NUMBERDESK_CREDENTIALS_KEY (or the file in NUMBERDESK_CREDENTIALS_KEY_FILE)"


class VaultError(RuntimeError):
    """What is kept cannot be opened, or there is no key to keep it with; the text says what to do, and no secret."""


class Vault:
    """Seals and opens values. Nothing is loaded until it is needed."""

    def __init__(self, keys: str) -> None:
        self._keys = [key.strip() for key in keys.split(",") if key.strip()]

    def seal(self, name: str, values: Mapping[str, str]) -> str:
        """Values as a text that can be stored. Raises VaultError."""
        content = json.dumps({"name": name, "values": dict(values)}, sort_keys=True)
        advice = (
            f"set {_SETTINGS} to the one that other credentials were added with; for the first ones make "
            "one with `numberdesk carriers new-key`"
        )
        return self._fernet(advice).encrypt(content.encode()).decode()

    def open(self, name: str, sealed: str) -> dict[str, str]:
        """What was sealed under the name. Raises VaultError."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  a service without carriers does without it

        # A new key would open nothing, so none is suggested where there is something to open.
        advice = f"set {_SETTINGS} to the one that the credentials of {name} were added with"
        try:
            content = json.loads(self._fernet(advice).decrypt(sealed.encode()))
        except InvalidToken:
            raise VaultError(
                f"the credentials of {name} were encrypted under another key: set {_SETTINGS} to the "
                "one they were added with (several keys may be given, separated by commas)"
            ) from None
        if content["name"] != name:
            raise VaultError(f"the credentials of {name} are those of another carrier: add them anew")
        return {str(key): str(value) for key, value in content["values"].items()}

    def _fernet(self, advice: str) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415  as above

        if not self._keys:
            raise VaultError(f"there is no key for credentials: {advice}")
        try:
            return MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise VaultError(f"what is set is no key: {advice}") from None


def new_key() -> str:
    """A new key for credentials: 32 random bytes, as Fernet has them written."""
    return urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
