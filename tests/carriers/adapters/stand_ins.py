"""Carriers that keep what is set about a number's voice, as far as four adapters ask; shapes as in what they document.

Twilio and Telnyx have the mock of carriers. Of Plivo's SIP trunking and Bandwidth's options there is no official
document at hand: their shapes are those of guides and of their users' programs.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Final
from xml.etree.ElementTree import Element, fromstring

from testbed.scripted import Answer, Seen, json_reply, reply

DIGITS: Final = "19195550142"
NATIONAL: Final = "9195550142"
NOT_FOUND: Final = json_reply(404, {"error": "not found"})


class PlivoStandIn:
    """Numbers with an application, applications, and the URIs and trunks of its SIP trunking."""

    def __init__(self) -> None:
        self.app_id = ""
        self.kept: dict[str, dict[str, dict[str, Any]]] = {"Application": {}, "URI": {}, "Trunk": {}}
        self._ids = itertools.count(1)

    @property
    def objects(self) -> int:
        """How many things were made."""
        return sum(map(len, self.kept.values()))

    def drift(self) -> None:
        """Somebody links the number to something else."""
        self.app_id = "999"

    def __call__(self, seen: Seen) -> Answer:
        """Answer a request."""
        parts = seen.path.removeprefix("/v1/Account/MA123/").strip("/").split("/")
        if parts[0] == "Number":
            if parts[1] != DIGITS:
                return NOT_FOUND
            if seen.method == "POST":
                self.app_id = seen.json["app_id"] or ""
                return json_reply(202, {"api_id": "x", "message": "changed"})
            application = f"/v1/Account/MA123/Application/{self.app_id}/" if self.app_id else None
            return json_reply(200, {"number": DIGITS, "application": application})
        kind, *rest = parts[1:] if parts[0] == "Zentrunk" else parts
        return self._about(seen, kind, self.kept[kind], rest)

    def _about(self, seen: Seen, kind: str, kept: dict[str, dict[str, Any]], rest: list[str]) -> Answer:
        id_name = {"Application": "app_id", "URI": "uri_uuid", "Trunk": "trunk_id"}[kind]
        if not rest and seen.method == "GET":
            start = int(dict(seen.query)["offset"])
            listed = list(kept.values())
            return json_reply(200, {"objects": listed[start : start + 20], "meta": {"total_count": len(listed)}})
        if not rest:
            identity = f"{kind.lower()}-{next(self._ids)}"
            kept[identity] = {id_name: identity, **seen.json}
            return json_reply(201, {"api_id": "x", "message": "created", id_name: identity})
        if rest[0] not in kept:
            return NOT_FOUND
        if seen.method == "DELETE":
            del kept[rest[0]]
            return reply(204)
        kept[rest[0]] |= seen.json
        return json_reply(202, {"api_id": "x", "message": "changed"})


class VonageStandIn:
    """A number of which an update replaces everything, and applications."""

    def __init__(self) -> None:
        self.number: dict[str, Any] = {"moHttpUrl": "https://sms.example.com/in", "app_id": "a" * 36}
        self.applications: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)

    @property
    def objects(self) -> int:
        """How many things were made."""
        return len(self.applications)

    def drift(self) -> None:
        """Somebody forwards the number."""
        self.number |= {"voiceCallbackType": "tel", "voiceCallbackValue": "447700900000"}

    def __call__(self, seen: Seen) -> Answer:
        """Answer a request."""
        if seen.path == "/account/numbers":
            shown = {"country": "US", "msisdn": DIGITS, "features": ["VOICE"], **self.number}
            return json_reply(200, {"count": 1, "numbers": [shown]})
        if seen.path == "/number/update":
            form = dict(seen.form)
            if (form.pop("country"), form.pop("msisdn")) != ("US", DIGITS):
                return json_reply(420, {"error-code": "420", "error-code-label": "method failed"})
            self.number = form
            return json_reply(200, {"error-code": "200", "error-code-label": "success"})
        return self._about_applications(seen, seen.path.removeprefix("/v2/applications").strip("/"))

    def _about_applications(self, seen: Seen, identity: str) -> Answer:
        if not identity and seen.method == "GET":
            listed = list(self.applications.values())
            return json_reply(200, {"_embedded": {"applications": listed}, "total_pages": 1, "page": 1})
        if not identity:
            identity = f"00000000-0000-4000-8000-{next(self._ids):012d}"
        elif identity not in self.applications:
            return NOT_FOUND
        if seen.method == "DELETE":
            del self.applications[identity]
            return reply(204)
        self.applications[identity] = {"id": identity, **seen.json}
        return json_reply(201 if seen.method == "POST" else 200, self.applications[identity])


class SignalWireStandIn:
    """A number with handlers, and SIP gateways."""

    number_id: Final = "497f6eca-6276-4993-bfeb-53cbbbba6f08"

    def __init__(self) -> None:
        self.number: dict[str, Any] = {"call_handler": None, "call_request_url": None}
        self.gateways: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)

    @property
    def objects(self) -> int:
        """How many things were made."""
        return len(self.gateways)

    def drift(self) -> None:
        """Somebody sets another address."""
        self.number |= {"call_handler": "laml_webhooks", "call_request_url": "https://other.example.com/"}

    def __call__(self, seen: Seen) -> Answer:
        """Answer a request."""
        if seen.path.startswith("/api/relay/rest/phone_numbers"):
            identity = seen.path.removeprefix("/api/relay/rest/phone_numbers").strip("/")
            if identity not in ("", self.number_id):
                return NOT_FOUND
            if seen.method == "PUT":
                self.number |= seen.json
            shown = {"id": self.number_id, "number": f"+{DIGITS}", **self.number}
            return json_reply(200, shown if identity else {"data": [shown], "links": {"next": None}})
        parts = seen.path.removeprefix("/api/fabric/resources/").split("/")
        if parts[-1] == "phone_routes":
            assert seen.json == {"phone_route_id": self.number_id, "handler": "calling"}
            self.number |= {"call_handler": "sip_gateway", "calling_handler_resource_id": parts[0]}
            return json_reply(200, {"id": "1", "type": "app"})
        return self._about_gateways(seen, parts[1:])

    def _about_gateways(self, seen: Seen, rest: list[str]) -> Answer:
        if not rest and seen.method == "GET":
            return json_reply(200, {"data": list(self.gateways.values()), "links": {"self": "x", "first": "x"}})
        identity = rest[0] if rest else f"00000000-0000-4000-8000-{next(self._ids):012d}"
        if rest and identity not in self.gateways:
            return NOT_FOUND
        if seen.method == "DELETE":
            del self.gateways[identity]
            return reply(204)
        gateway = {"id": identity, "display_name": seen.json["name"], "type": "sip_gateway", "sip_gateway": seen.json}
        self.gateways[identity] = gateway
        return json_reply(200 if rest else 201, gateway)


class BandwidthStandIn:
    """A number at a location with options that are set by orders, locations with applications.

    `shows_routes`: whether the record of a number has its routes. `decides_after`: how often an order is looked at
    before it is done; `fails` is an error that ends it.
    """

    def __init__(self, *, shows_routes: bool = True, decides_after: int = 1, fails: str = "") -> None:
        self.shows_routes, self.decides_after, self.fails = shows_routes, decides_after, fails
        self.peer = "500"
        self.options: dict[str, str] = {}
        self.routes = ""
        self.peers = {"500": "own"}
        self.applications: dict[str, str] = {}
        self.application_at: dict[str, str] = {}
        self.orders: dict[str, tuple[str, int]] = {}
        self._ids = itertools.count(501)

    @property
    def objects(self) -> int:
        """How many things were made."""
        return len(self.peers) - 1 + len(self.applications)

    def drift(self) -> None:
        """Somebody forwards the number."""
        self.options["CallForward"] = "2125550100"

    def __call__(self, seen: Seen) -> Answer:
        """Answer a request."""
        path = seen.path.removeprefix("/accounts/9900012/")
        if seen.path == f"/tns/{NATIONAL}/tndetails":
            return xml(200, f"<TelephoneNumberResponse><TelephoneNumberDetails><FullNumber>{NATIONAL}</FullNumber>"
                f"<AccountId>9900012</AccountId><Site><Id>743</Id></Site><SipPeer><PeerId>{self.peer}</PeerId></SipPeer>"
                "</TelephoneNumberDetails></TelephoneNumberResponse>")  # fmt: skip
        if path.startswith("tnoptions"):
            return self._about_options(seen, path.removeprefix("tnoptions").strip("/"))
        if path.startswith("applications"):
            return self._about_applications(seen, path.removeprefix("applications").strip("/"))
        if path.startswith("sites/743/sippeers"):
            return self._about_peers(seen, path.removeprefix("sites/743/sippeers").strip("/").split("/"))
        return reply(404)

    def _about_options(self, seen: Seen, order_id: str) -> Answer:
        if seen.method == "POST":
            order_id = f"order-{next(self._ids)}"
            self.orders[order_id] = seen.body.decode(), 0
            return xml(201, f"<TnOptionOrderResponse><TnOptionOrder><OrderId>{order_id}</OrderId>"
                "<ProcessingStatus>RECEIVED</ProcessingStatus></TnOptionOrder></TnOptionOrderResponse>")  # fmt: skip
        if not order_id:
            listed = "".join(
                f"<TnOptionOrderSummary><OrderId>{name}</OrderId><ProcessingStatus>COMPLETE</ProcessingStatus>"
                f"<LastModifiedDate>{name}</LastModifiedDate></TnOptionOrderSummary>"
                for name, (_, looks) in self.orders.items()
                if looks >= self.decides_after and not self.fails
            )
            return xml(200, f"<TnOptionOrders>{listed}</TnOptionOrders>")
        body, looks = self.orders[order_id]
        self.orders[order_id] = body, looks + 1
        status = "PROCESSING" if looks + 1 < self.decides_after else "FAILED" if self.fails else "COMPLETE"
        if status == "COMPLETE":
            self._apply(fromstring(body))  # noqa: S314  it is ours
        error = f"<ErrorList><Error><Code>5000</Code><Description>{self.fails}</Description></Error></ErrorList>"
        asked = re.sub(r"^<\?xml[^>]*\?><TnOptionOrder>|</TnOptionOrder>$", "", body)
        return xml(200, f"<TnOptionOrder><OrderId>{order_id}</OrderId><ProcessingStatus>{status}</ProcessingStatus>"
            f"{asked}{error if self.fails else '<ErrorList/>'}</TnOptionOrder>")  # fmt: skip

    def _apply(self, order: Element) -> None:
        for name in ("NumberFormat", "CallForward"):
            value = order.findtext(f".//{name}", "")
            self.options = {kept: told for kept, told in self.options.items() if kept != name}
            self.options |= {} if value == "systemdefault" else {name: value}
        routes = order.findall(".//Route")
        names = ("Endpoint", "EndpointType", "Priority", "Weight")
        inside = ["".join(f"<{name}>{route.findtext(name)}</{name}>" for name in names) for route in routes]
        self.routes = "".join(f"<Route>{one}</Route>" for one in inside)

    def _about_applications(self, seen: Seen, identity: str) -> Answer:
        if seen.method == "DELETE":
            return reply(200 if self.applications.pop(identity, None) else 404)
        if seen.method in ("POST", "PUT"):
            identity = identity or f"app-{next(self._ids)}"
            inside = re.sub(r"^<\?xml[^>]*\?><Application>|</Application>$", "", seen.body.decode())
            self.applications[identity] = (
                f"<Application><ApplicationId>{identity}</ApplicationId>{inside}</Application>"
            )
        shown = self.applications.get(identity) if identity else "".join(self.applications.values())
        listed = shown if identity else f"<ApplicationList>{shown}</ApplicationList>"
        return xml(200, f"<ApplicationProvisioningResponse>{listed}</ApplicationProvisioningResponse>")

    def _about_peers(self, seen: Seen, parts: list[str]) -> Answer:
        match seen.method, *parts:
            case "GET", "":
                listed = "".join(
                    f"<SipPeer><PeerId>{peer}</PeerId><PeerName>{name}</PeerName>"
                    f"<IsDefaultPeer>{str(peer == '500').lower()}</IsDefaultPeer></SipPeer>"
                    for peer, name in self.peers.items()
                )
                return xml(200, f"<TNSipPeersResponse><SipPeers>{listed}</SipPeers></TNSipPeersResponse>")
            case "POST", "":
                self.peers[str(next(self._ids))] = fromstring(seen.body).findtext("PeerName", "")  # noqa: S314  it is ours
                return reply(201, Location="https://dashboard.bandwidth.com/whatever")
            case "DELETE", peer:
                return reply(200 if self.peers.pop(peer, None) else 404)
            case _, peer, *rest:
                return self._about_peer(seen, peer, rest)
        return reply(404)

    def _about_peer(self, seen: Seen, peer: str, rest: list[str]) -> Answer:
        if rest == ["movetns"]:
            self.peer = peer
            return reply(200)
        if rest == ["tns", NATIONAL] and peer == self.peer:
            plan = f"<OriginationRoutePlan>{self.routes}</OriginationRoutePlan>" if self.shows_routes else ""
            options = "".join(f"<{name}>{value}</{name}>" for name, value in self.options.items())
            record = f"<FullNumber>{NATIONAL}</FullNumber>{options}{plan}"
            inside = f"<SipPeerTelephoneNumber>{record}</SipPeerTelephoneNumber>"
            return xml(200, f"<SipPeerTelephoneNumberResponse>{inside}</SipPeerTelephoneNumberResponse>")
        if rest != ["products", "origination", "settings"]:
            return reply(404)
        if seen.method == "POST":
            self.application_at[peer] = fromstring(seen.body).findtext(".//HttpVoiceV2AppId", "")  # noqa: S314  it is ours
        inside = f"<HttpVoiceV2AppId>{self.application_at.get(peer, '')}</HttpVoiceV2AppId>"
        settings = f"<SipPeerOriginationSettings>{inside}</SipPeerOriginationSettings>"
        return xml(200, f"<SipPeerOriginationSettingsResponse>{settings}</SipPeerOriginationSettingsResponse>")


def xml(status: int, root: str) -> Answer:
    """An answer with XML."""
    return reply(status, f'<?xml version="1.0" encoding="UTF-8"?>{root}'.encode(), Content_Type="application/xml")
