"""Where a call to a number goes, by what its carrier has set: as if somebody had called.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from carrier_mock.books import Books
from carrier_mock.model import Account, Api, Holding, HoldingState
from carrier_mock.voice import FQDN, FQDN_CONNECTION, ORIGINATION_URL, TEXML_APPLICATION, TRUNK, Thing

_PLACES: Final = ("default_primary_fqdn_id", "default_secondary_fqdn_id", "default_tertiary_fqdn_id")
_NOWHERE: Final = {"kind": "nowhere"}


def ring(books: Books, e164: str) -> dict[str, Any]:
    """What becomes of a call: its `kind`, and what is asked or called."""
    holding = books.holder(e164)
    if holding is None or holding.standing is not HoldingState.ACTIVE:
        return {"kind": "not_in_service"}
    return _at_twilio(books, holding) if holding.api is Api.TWILIO else _at_telnyx(books, holding)


def _at_twilio(books: Books, holding: Holding) -> dict[str, Any]:
    """A trunk or an application comes before the address of the number."""
    account, wired = Account(holding.api, holding.account), books.wires.of(holding.number_id)
    if trunk_sid := wired.get("trunk_sid"):
        trunk = books.wires.thing(account, TRUNK, trunk_sid)
        urls = [] if trunk is None else books.wires.things(account, ORIGINATION_URL, trunk_sid)
        tried = sorted((url.settings for url in urls if url.settings["enabled"]), key=lambda url: url["priority"])
        targets = [{"uri": url["sip_url"], "priority": url["priority"], "weight": url["weight"]} for url in tried]
        secure = trunk is not None and trunk.settings["secure"]
        return {"kind": "sip", "targets": targets, "number": holding.e164, "secure": secure} if targets else _NOWHERE
    if application := wired.get("voice_application_sid"):
        return {"kind": "application", "id": application}
    if url := wired.get("voice_url"):
        method = wired.get("voice_method", "POST")
        return _webhook(url, method, wired.get("voice_fallback_url"))
    return _NOWHERE


def _at_telnyx(books: Books, holding: Holding) -> dict[str, Any]:
    """Forwarding comes before the connection."""
    account, wired = Account(holding.api, holding.account), books.wires.of(holding.number_id)
    forwarding = wired.get("call_forwarding") or {}
    enabled = forwarding.get("call_forwarding_enabled", True) and forwarding.get("forwarding_type") == "always"
    if enabled and forwarding.get("forwards_to"):
        return {"kind": "forward", "number": forwarding["forwards_to"]}
    connection = wired.get("connection_id") or ""
    application = books.wires.thing(account, TEXML_APPLICATION, connection)
    if application is not None:
        told = application.settings
        return _webhook(
            told["voice_url"], str(told.get("voice_method", "post")).upper(), told.get("voice_fallback_url")
        )
    trunk = books.wires.thing(account, FQDN_CONNECTION, connection)
    return _NOWHERE if trunk is None else _by_fqdns(books, account, trunk, holding.e164)


def _by_fqdns(books: Books, account: Account, trunk: Thing, e164: str) -> dict[str, Any]:
    inbound = trunk.settings.get("inbound") or {}
    hosts = [books.wires.thing(account, FQDN, inbound.get(place) or "") for place in _PLACES]
    transport = str(trunk.settings.get("transport_protocol", "UDP")).lower()
    uris = [f"sip:{one.settings['fqdn']}:{one.settings['port']};transport={transport}" for one in hosts if one]
    if not uris:
        return _NOWHERE
    written = {"+e164": e164, "e164": e164[1:], "national": e164[2:]}  # the national numbers here are American
    secure = trunk.settings.get("encrypted_media") == "SRTP"
    number = written.get(inbound.get("dnis_number_format", "+e164"), e164)
    return {"kind": "sip", "targets": [{"uri": uri} for uri in uris], "number": number, "secure": secure}


def _webhook(url: str, method: str, fallback_url: str | None) -> dict[str, Any]:
    return {"kind": "webhook", "url": url, "method": method, "fallback_url": fallback_url or ""}
