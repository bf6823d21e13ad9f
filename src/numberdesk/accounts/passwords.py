"""Passwords as they are stored: Argon2id, with what the hash was made with beside it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

SALT_BYTES: Final = 16
"""Random bytes of a hash."""

_LENGTH: Final = 32
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1

NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$eHh4eHh4eHh4eHh4eHh4eA$Ia3ZltxVpAZ2yTiKqfNSDOz9SUtKxRWeBnquXmF7AHg"
"""What is compared with where there is nobody, so that it takes as long."""


def password_hash(password: str, salt: bytes) -> str:
    """What is stored of a password. Takes a tenth of a second and 19 MiB, without Python's lock."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415  many processes never hash one

    made = Argon2id(salt=salt, length=_LENGTH, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return made.derive_phc_encoded(password.encode())


def is_password(password: str, stored: str | None) -> bool:
    """Whether a password is the one that was stored; never where none was, after as long."""
    from cryptography.exceptions import InvalidKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415

    try:
        Argon2id.verify_phc_encoded(password.encode("utf-8", "replace"), stored or NOBODYS)
    except InvalidKey:
        return False
    return stored is not None
