"""Passkeys of people: what is kept of one, and the challenges that one answers.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.text import TextError, parse_text

PASSKEY_ID: Final = "pky_"
"""What ids of passkeys begin with."""

MOST_PASSKEYS: Final = 20
"""Passkeys of one person."""

LONGEST_PASSKEY_NAME: Final = 60
CHALLENGE_BYTES: Final = 32
CHALLENGE_LIFE: Final = 300 * MICROSECONDS
"""How long a challenge may be answered, in microseconds."""

MOST_CHALLENGES: Final = 10_000
"""Challenges to sign in that are open at once: of more the oldest are forgotten."""

MOST_CHALLENGES_OF_PERSON: Final = 5
"""Challenges by which one person may add a passkey that are open at once."""


class Passkey(NamedTuple):
    """A passkey. `credential` and `public_key` are base64url; `sign_count` is what it counted when it was last used."""

    id: str
    person_id: str
    credential: str
    public_key: str
    sign_count: int
    name: str
    created_at: int
    used_at: int | None = None


class PasskeyChallenge(NamedTuple):
    """What a passkey is to sign once before it expires: to sign in, or so that a person adds it. `hash` is its hash."""

    hash: str
    expires_at: int
    person_id: str = ""


def parse_passkey_name(text: str) -> str:
    """What a person calls a passkey. Raises InvalidRequest."""
    try:
        return parse_text(text.strip() or "Passkey", longest=LONGEST_PASSKEY_NAME)
    except TextError as error:
        raise InvalidRequest("name", str(error)) from None
