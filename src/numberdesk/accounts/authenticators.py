"""What is asked of browsers that keep passkeys, and whether what they answer is proven.

Touches: nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple, TypeVar

from numberdesk.accounts.passkeys import CHALLENGE_LIFE

Result = TypeVar("Result")

LONGEST_ANSWER: Final = 16_384
"""Characters of what a browser answers."""

_CREDENTIAL: Final = re.compile("[A-Za-z0-9_-]{1,1400}")
"""An id of at most 1,023 bytes, in base64url."""

_LONGEST_KEY: Final = 4_096
_WAIT_MILLISECONDS: Final = CHALLENGE_LIFE // 1000


class RelyingParty(NamedTuple):
    """Whom passkeys are made for: a host's name, and the origin of its pages."""

    id: str
    origin: str


class PasskeyAnswer(NamedTuple):
    """What a browser answers: of which credential, to which challenge, and all of it."""

    credential: str
    challenge: bytes
    said: dict[str, Any]


class MadeCredential(NamedTuple):
    """A new credential: its id and its public key in base64url, and what it counts."""

    credential: str
    public_key: str
    sign_count: int


def creation_options(
    party: RelyingParty, person_id: str, email: str, challenge: bytes, known: Collection[str]
) -> dict[str, Any]:
    """What a browser is to make a passkey by, on a device that has none of those `known`."""
    from webauthn import (  # noqa: PLC0415  most processes never need it
        base64url_to_bytes,
        generate_registration_options,
        options_to_json,
    )
    from webauthn.helpers import structs  # noqa: PLC0415

    made = generate_registration_options(
        rp_id=party.id,
        rp_name="Numberdesk",
        user_id=person_id.encode(),
        user_name=email,
        challenge=challenge,
        timeout=_WAIT_MILLISECONDS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(base64url_to_bytes(each)) for each in known],
    )
    return dict(json.loads(options_to_json(made)))


def request_options(party: RelyingParty, challenge: bytes) -> dict[str, Any]:
    """What a browser is to sign in by, with any passkey that it has for this host."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415
    from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415

    asked = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=_WAIT_MILLISECONDS,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(json.loads(options_to_json(asked)))


def read_answer(text: str) -> PasskeyAnswer | None:
    """What a browser sent; None for what is none of its answers."""
    from webauthn import base64url_to_bytes  # noqa: PLC0415
    from webauthn.helpers import parse_client_data_json  # noqa: PLC0415

    def read() -> PasskeyAnswer | None:
        if len(text) > LONGEST_ANSWER:
            return None
        said = json.loads(text)
        data = parse_client_data_json(base64url_to_bytes(said["response"]["clientDataJSON"]))
        credential = said["id"]
        fits = isinstance(credential, str) and _CREDENTIAL.fullmatch(credential)
        return PasskeyAnswer(credential, data.challenge, said) if fits else None

    return _unless_it_fails(read)


def made_credential(party: RelyingParty, answer: PasskeyAnswer) -> MadeCredential | None:
    """The credential that a browser made for this host, of whoever it has verified; None where that is not proven."""
    from webauthn import verify_registration_response  # noqa: PLC0415
    from webauthn.helpers import bytes_to_base64url  # noqa: PLC0415

    def verify() -> MadeCredential | None:
        proven = verify_registration_response(
            credential=answer.said,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
        credential = bytes_to_base64url(proven.credential_id)
        key = bytes_to_base64url(proven.credential_public_key)
        fits = credential == answer.credential and len(key) <= _LONGEST_KEY
        return MadeCredential(credential, key, proven.sign_count) if fits else None

    return _unless_it_fails(verify)


def new_sign_count(party: RelyingParty, answer: PasskeyAnswer, person_id: str, key: str, count: int) -> int | None:
    """What a credential of a person counts by now, if the answer is signed by its key; None where it is not proven.

    A count that did not grow is that of a copy. Credentials that several devices share count nothing: 0.
    """
    from webauthn import base64url_to_bytes, verify_authentication_response  # noqa: PLC0415

    def verify() -> int | None:
        proven = verify_authentication_response(
            credential=answer.said,
            expected_challenge=answer.challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(key),
            credential_current_sign_count=count,
            require_user_verification=True,
        )
        whose = answer.said["response"].get("userHandle")
        is_theirs = whose is None or base64url_to_bytes(whose) == person_id.encode()
        return proven.new_sign_count if is_theirs else None

    return _unless_it_fails(verify)


def _unless_it_fails(work: Callable[[], Result | None]) -> Result | None:
    try:
        return work()
    except Exception:  # noqa: BLE001  what strangers send makes the decoders below raise whatever they like
        return None
