"""The carriers there are adapters for, and what an account at each is set up with.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from numberdesk.carriers.adapters import bandwidth, plivo, signalwire, telnyx, twilio, vonage
from numberdesk.carriers.adapters.http_api import COMMON_FIELDS, check_common
from numberdesk.carriers.model import Carrier, Field, Setup
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import Http, HttpAnswer, HttpRequest, NotSentError

_LONGEST_VALUE: Final = 500


class Kind(NamedTuple):
    """A carrier: its own fields, how its adapter is built, and the fields that say which account there it is."""

    fields: tuple[Field, ...]
    build: Callable[[Setup, Http], Carrier]
    identity: tuple[str, ...] = ()

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Its own fields, then those that all carriers have."""
        return (*self.fields, *COMMON_FIELDS)


KINDS: Final[Mapping[str, Kind]] = {
    "twilio": Kind(twilio.FIELDS, twilio.Twilio, ("account_sid",)),
    "telnyx": Kind(telnyx.FIELDS, telnyx.Telnyx),
    "plivo": Kind(plivo.FIELDS, plivo.Plivo, ("auth_id",)),
    "vonage": Kind(vonage.FIELDS, vonage.Vonage, ("api_key",)),
    "bandwidth": Kind(bandwidth.FIELDS, bandwidth.Bandwidth, ("account_id",)),
    "signalwire": Kind(signalwire.FIELDS, signalwire.SignalWire, ("space", "project_id")),
}
"""Every kind of carrier but the own pool, which needs no account."""


def checked_setup(kind: str, values: Mapping[str, str]) -> Setup:
    """The values that an account is set up with, as they may be stored. Raises InvalidRequest naming the field."""
    known = KINDS.get(kind)
    if known is None:
        raise InvalidRequest("kind", f"must be one of {', '.join(KINDS)}")
    fields = {field.name: field for field in known.all_fields}
    for name, value in values.items():
        if name not in fields:
            raise InvalidRequest(name, f"is nothing that {kind} is set up with; it takes {', '.join(fields)}")
        if not value.isascii() or not value.isprintable() or len(value) > _LONGEST_VALUE or value != value.strip():
            raise InvalidRequest(
                name, f"must be at most {_LONGEST_VALUE} printable ASCII characters without blanks around"
            )
    for field in known.fields:
        if field.required and not values.get(field.name):
            raise InvalidRequest(field.name, f"is required: {field.meaning}")
    setup = Setup({name: value for name, value in values.items() if value})
    check_common(setup)
    known.build(setup, _Nowhere())  # each adapter has rules of its own
    return setup


class _Nowhere:
    """For an adapter that is only built to see whether it can be."""

    async def send(self, request: HttpRequest) -> HttpAnswer:  # noqa: ARG002  the signature of Http
        raise NotSentError("this goes nowhere")
