"""Whom passkeys are made for, what they are asked to sign, and whose they turn out to be.

Touches: database.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from numberdesk.accounts.authenticators import (
    MadeCredential,
    RelyingParty,
    creation_options,
    made_credential,
    new_sign_count,
    read_answer,
    request_options,
)
from numberdesk.accounts.passkey_store import find_passkey_by_credential, list_passkeys
from numberdesk.accounts.passkeys import CHALLENGE_BYTES, CHALLENGE_LIFE, Passkey, PasskeyChallenge
from numberdesk.accounts.people import Person
from numberdesk.accounts.person_store import find_people
from numberdesk.console.guards import Origin
from numberdesk.console.passwords import PasswordChecks
from numberdesk.core.errors import InvalidApiKey, InvalidRequest
from numberdesk.flows.accounts.passkeys import TakenChallenge, make_challenges, take_challenges
from numberdesk.flows.accounts.sign_in import UsedPasskey, token_hash
from numberdesk.infra.db import Tx
from numberdesk.wiring import Services

NO_PASSKEYS: Final = (
    "Passkeys need the console at an https address with a name: set NUMBERDESK_PUBLIC_URL, such as "
    "https://numbers.example.com. On this machine http://localhost does."
)
_UNPROVEN: Final = "is not what this page asked for, or came too late: begin anew"


class ProvenPerson(NamedTuple):
    """Whose passkey signed."""

    person_id: str
    account_id: str
    used: UsedPasskey


def relying_party(origin: Origin, public_url: str) -> RelyingParty | None:
    """Whom passkeys are made for; None where browsers make none, or nobody has said what the address is."""
    name = urlsplit(f"//{origin.host}").hostname or ""
    if name == "localhost" or (public_url and origin.scheme == "https" and not _is_address(name)):
        return RelyingParty(name, origin.text)
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def asked_to_sign_in(services: Services, checks: PasswordChecks, party: RelyingParty, now: int) -> dict[str, Any]:
    """What a browser is to sign in by, under a new challenge."""
    challenge = services.random_bytes(CHALLENGE_BYTES)
    await services.writer.submit(make_challenges, PasskeyChallenge(_hash_of(challenge), now + CHALLENGE_LIFE))
    return await checks.in_turn(lambda: request_options(party, challenge))


async def asked_to_make(
    services: Services, checks: PasswordChecks, party: RelyingParty, person: Person, now: int
) -> dict[str, Any]:
    """What a browser is to make a person's passkey by, under a new challenge."""
    challenge = services.random_bytes(CHALLENGE_BYTES)
    made = PasskeyChallenge(_hash_of(challenge), now + CHALLENGE_LIFE, person.id)
    await services.writer.submit(make_challenges, made)
    known = [each.credential for each in await services.reader.look_up(lambda tx: list_passkeys(tx, person.id))]
    return await checks.in_turn(lambda: creation_options(party, person.id, person.email, challenge, known))


async def made_passkey(
    services: Services, checks: PasswordChecks, party: RelyingParty, person_id: str, sent: str, now: int
) -> MadeCredential:
    """The credential that a browser made for a person who asked for it. Raises InvalidRequest."""
    answer = await checks.in_turn(lambda: read_answer(sent))
    if answer is not None:
        taken = TakenChallenge(_hash_of(answer.challenge), now, person_id)
        if await services.writer.submit(take_challenges, taken):
            made = await checks.in_turn(lambda: made_credential(party, answer))
            if made is not None:
                return made
    raise InvalidRequest("credential", _UNPROVEN)


async def person_of_passkey(
    services: Services, checks: PasswordChecks, party: RelyingParty, sent: str, address: str, now: int
) -> ProvenPerson:
    """Whose passkey signed an open challenge. Raises InvalidApiKey, and RateLimited after many that were not proven."""
    answer = await checks.in_turn(lambda: read_answer(sent))
    if answer is None:
        raise InvalidApiKey
    is_open = await services.writer.submit(take_challenges, TakenChallenge(_hash_of(answer.challenge), now))

    def find(tx: Tx) -> tuple[Passkey, Person] | None:
        passkey = find_passkey_by_credential(tx, answer.credential)
        person = None if passkey is None else find_people(tx, [passkey.person_id]).get(passkey.person_id)
        return None if passkey is None or person is None else (passkey, person)

    found = await services.reader.look_up(find)

    def check() -> int | None:
        if found is None or not is_open:
            return None
        passkey, person = found
        return new_sign_count(party, answer, person.id, passkey.public_key, passkey.sign_count)

    count = await checks.proven(answer.credential if found is None else found[1].email, address, check)
    if found is None or count is None:
        raise InvalidApiKey
    passkey, person = found
    return ProvenPerson(person.id, person.account_id, UsedPasskey(passkey.id, passkey.sign_count, count))


def _hash_of(challenge: bytes) -> str:
    return token_hash(challenge.hex())
