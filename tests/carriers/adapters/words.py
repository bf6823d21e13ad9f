"""What the tests of all adapters say alike: of outcomes, of requests, of answers."""

from __future__ import annotations

from typing import Any, Final

from numberdesk.core.carrier_order import Reason, Refused
from numberdesk.core.connection import WebhookDialect
from testbed.scripted import Answer, Scripted, Seen, reply

HTML: Final = b"<html><body>Welcome</body></html>"
"""What a proxy in between says in the carrier's place."""

DIALECTS: Final = {
    "twilio": WebhookDialect.TWIML,
    "telnyx": WebhookDialect.TWIML,
    "plivo": WebhookDialect.PLIVO,
    "vonage": WebhookDialect.NCCO,
    "bandwidth": WebhookDialect.BXML,
    "signalwire": WebhookDialect.SWML,
}
"""The language in which each carrier's webhooks are answered; SignalWire's are answered in TwiML as well."""

TAKEN, OTHER, THROTTLED, FORBIDDEN = (
    (Refused, reason) for reason in (Reason.TAKEN, Reason.OTHER, Reason.THROTTLED, Reason.ACCOUNT)
)


def kind(word: Any) -> Any:
    """An outcome without what was said; a refusal with its reason."""
    return (type(word), word.reason) if isinstance(word, Refused) else type(word)


def posts(server: Scripted) -> list[Seen]:
    """The orders that arrived."""
    return [seen for seen in server.seen if seen.method == "POST"]


def close(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer after which the connection ends."""
    return reply(status, body, Connection="close", **headers)
