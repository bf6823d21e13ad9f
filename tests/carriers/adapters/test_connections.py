"""Where calls go, at every carrier: what is set is shown and rings, drift is seen, clearing clears; or why not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import pytest

from carrier_mock.model import Api
from carrier_mock.running import Config
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.connection import (
    CarrierRoute,
    Connected,
    ForwardRoute,
    NativeRoute,
    NotConnected,
    NumberFormat,
    ShownRouting,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    Unsupported,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.carrier_mock import MockUrls, plain_client, simulated
from testbed.egress import LOOPBACK
from testbed.scripted import scripted
from tests.carriers.adapters.deleted_parts import take_apart_at_mock
from tests.carriers.adapters.stand_ins import BandwidthStandIn, PlivoStandIn, SignalWireStandIn, VonageStandIn
from tests.carriers.adapters.words import DIALECTS

E164: Final = "+19195550142"
SID: Final = "AC" + "0" * 31 + "7"
URL: Final = "https://pbx.example.com/voice"
NATIVE: Final = {
    "twilio": NativeRoute("application", "AP" + "0" * 32),
    "plivo": NativeRoute("application", "12345"),
    "vonage": NativeRoute("application", "b" * 36),
    "bandwidth": NativeRoute("location", "777"),
    "signalwire": NativeRoute("relay_topic", "office"),
}
SETUPS: Final = {
    "twilio": {"account_sid": SID, "auth_token": "a-token-of-twilio"},
    "telnyx": {"api_key": "a-key-of-telnyx"},
    "plivo": {"auth_id": "MA123", "auth_token": "t0p-s3cret"},
    "vonage": {"api_key": "abcdef12", "api_secret": "secret-of-vonage"},
    "bandwidth": {"account_id": "9900012", "username": "us-er", "password": "pass-word", "site_id": "743"},
    "signalwire": {"space": "example", "project_id": "p" * 36, "api_token": "PT0123456789"},
}


class Place:
    """A carrier where a number of ours stands. `drift`: somebody changes it there; `objects`: how many we made.

    `take_apart`: somebody deletes by hand a part of what was made.
    """

    take_apart: Callable[[], None]

    def __init__(self, kind: str, url: str, e164: str, drift: Callable[[], object], objects: Callable[[], int]) -> None:
        self.kind, self.url, self.e164, self.drift, self.objects = kind, url, e164, drift, objects
        self._runner = asyncio.Runner()
        self._http = HttpClient(egress=LOOPBACK)
        self.carrier = KINDS[kind].build(checked_setup(kind, {**SETUPS[kind], "base_url": url}), self._http)

    def close(self) -> None:
        """Close its connections."""
        self._runner.run(self._http.close())
        self._runner.close()

    def tell(self, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
        """What comes of calls that are made at once."""

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*calls))

        return self._runner.run(all_of_them())

    def connect(self, route: CarrierRoute | None, e164: str = "") -> Any:
        return self.tell(self.carrier.connect(e164 or self.e164, None, WantedConnection("con_1", route)))[0]

    def forget(self) -> Any:
        return self.tell(self.carrier.forget_connection("con_1"))[0]

    def shown(self, route: CarrierRoute | None) -> ShownRouting:
        word = self.tell(self.carrier.routing(self.e164, None, WantedConnection("con_1", route)))[0]
        assert isinstance(word, ShownRouting)
        return word


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated(Config(numbers=20, order_seconds=0)) as running:
        yield running


@contextlib.contextmanager
def at_mock(kind: str, mock: MockUrls) -> Iterator[Place]:
    """A number of an account at the mock, which has nothing else."""
    mock.control.reset()
    api, account = Api(kind), SID if kind == "twilio" else SETUPS["telnyx"]["api_key"]
    bought = mock.control.orphans(api, account=account)[0]
    with plain_client(mock.url, timeout=10) as client:
        if kind == "twilio":
            client.auth = (SID, "a-token-of-twilio")
            path = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers/{bought.number_id}.json"
            drift = lambda: client.post(path, data={"VoiceApplicationSid": "AP" + "9" * 32})  # noqa: E731  two carriers
            lists = {"/v1/Trunks": "trunks"}
        else:
            client.headers["Authorization"] = f"Bearer {account}"
            path = f"/v2/phone_numbers/{bought.number_id}/voice"
            forwarding = {"forwards_to": "+12125550111", "forwarding_type": "always"}
            drift = lambda: client.patch(path, json={"call_forwarding": forwarding})  # noqa: E731  two carriers
            lists = {"/v2/fqdn_connections": "data", "/v2/texml_applications": "data"}
        objects = lambda: sum(len(client.get(path).json()[key]) for path, key in lists.items())  # noqa: E731  as above
        with contextlib.closing(Place(kind, mock.url, bought.phone_number, drift, objects)) as place:
            place.take_apart = lambda: take_apart_at_mock(client, kind)
            yield place


STAND_INS: Final[dict[str, Callable[[], Any]]] = {
    "plivo": PlivoStandIn,
    "vonage": VonageStandIn,
    "bandwidth": BandwidthStandIn,
    "signalwire": SignalWireStandIn,
}


@contextlib.contextmanager
def place_at(kind: str, mock: MockUrls) -> Iterator[Place]:
    if kind not in STAND_INS:
        with at_mock(kind, mock) as place:
            yield place
        return
    stand_in = STAND_INS[kind]()
    with scripted(stand_in) as server:
        here = Place(kind, server.url, E164, stand_in.drift, lambda: stand_in.objects)
        if isinstance(stand_in, PlivoStandIn):
            here.take_apart = stand_in.kept["URI"].clear
        with contextlib.closing(here):
            yield here


def routes_of(kind: str) -> dict[str, CarrierRoute]:
    """A route of each kind that a carrier has."""
    sip = SipTarget("sip:pbx.example.com:5070", 10, 10)
    method = "POST"
    routes: dict[str, CarrierRoute] = {
        "sip": SipRoute((sip,)),
        "webhook": WebhookRoute(URL, method, "", DIALECTS[kind]),
    }
    if kind in NATIVE:
        routes["native"] = NATIVE[kind]
    if kind in ("telnyx", "vonage", "bandwidth"):
        routes["forward"] = ForwardRoute("+12125550199")
    return routes


ROUTES: Final = [(kind, name) for kind in SETUPS for name in routes_of(kind)]
MADE: Final = {
    ("twilio", "sip"): 1, ("telnyx", "sip"): 1, ("plivo", "sip"): 2, ("signalwire", "sip"): 1, ("telnyx", "webhook"): 1,
    ("plivo", "webhook"): 1, ("vonage", "webhook"): 1, ("bandwidth", "webhook"): 2,
}  # fmt: skip
"""How many objects are made beside the number."""


@pytest.mark.parametrize(("kind", "name"), ROUTES)
def test_what_is_set_is_shown_and_drift_is_seen_and_put_right_and_clearing_clears(
    kind: str, name: str, mock: MockUrls
) -> None:
    route = routes_of(kind)[name]
    with place_at(kind, mock) as place:
        assert not place.shown(route).as_wanted
        first = place.connect(route)
        assert isinstance(first, Connected), first
        assert bool(first.reference) == ((kind, name) in MADE)
        assert place.shown(route).as_wanted, place.shown(route)
        assert place.connect(route) == first  # again, and nothing is made twice
        assert place.objects() == MADE.get((kind, name), 0)
        place.drift()
        assert not place.shown(route).as_wanted, place.shown(route)
        assert place.connect(route) == first
        assert place.shown(route).as_wanted
        assert place.connect(None) == Connected()
        assert place.shown(None).as_wanted, place.shown(None)
        assert not place.shown(route).as_wanted
        assert place.forget() == Connected()
        assert place.forget() == Connected()
        assert place.objects() == 0


@pytest.mark.parametrize("kind", SETUPS)
def test_every_route_takes_the_place_of_every_other(kind: str, mock: MockUrls) -> None:
    routes = routes_of(kind)
    with place_at(kind, mock) as place:
        for name in (*routes, *reversed(routes)):
            assert isinstance(place.connect(routes[name]), Connected), name
            assert [one for one in routes if place.shown(routes[one]).as_wanted] == [name]


CHANGED: Final = {
    "another host": (SipTarget("sip:other.example.com:5070", 10, 10),),
    "another port": (SipTarget("sip:pbx.example.com:5080", 10, 10),),
    "another priority": (SipTarget("sip:pbx.example.com:5070", 20, 10), SipTarget("sip:b.example.com:5060", 10, 10)),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("kind", ["twilio", "telnyx", "plivo", "vonage", "bandwidth", "signalwire"])
def test_targets_that_change_are_changed_in_what_was_made(
    kind: str, changed: tuple[SipTarget, ...], mock: MockUrls
) -> None:
    before, after = routes_of(kind)["sip"], SipRoute(changed)
    with place_at(kind, mock) as place:
        first = place.connect(before)
        second = place.connect(after)
        if kind in ("vonage", "signalwire") and len(changed) > 1:
            assert isinstance(second, Unsupported)
            assert "single SIP target" in second.reason
            return
        assert second == first
        assert (place.shown(before).as_wanted, place.shown(after).as_wanted) == (False, True)
        assert place.objects() == MADE.get((kind, "sip"), 0) + (kind == "plivo" and len(changed) > 1)


@pytest.mark.parametrize(("kind", "name"), MADE)
def test_what_was_made_and_was_deleted_by_hand_is_made_again(kind: str, name: str, mock: MockUrls) -> None:
    route = routes_of(kind)[name]
    with place_at(kind, mock) as place:
        place.connect(route)
        assert place.forget() == Connected()
        assert not place.shown(route).as_wanted
        assert isinstance(place.connect(route), Connected)
        assert place.shown(route).as_wanted
        assert place.objects() == MADE[kind, name]


TLS: Final = SipTarget("sip:pbx.example.com:5061", 10, 10, SipTransport.TLS, Srtp.REQUIRE)
PLAIN: Final = SipTarget("sip:pbx.example.com:5070", 10, 10)
CANNOT: Final[dict[str, tuple[CarrierRoute, dict[str, str]]]] = {
    "the number without a plus sign": (
        SipRoute((PLAIN,), NumberFormat.PLAIN),
        dict.fromkeys(("twilio", "plivo", "signalwire"), "this carrier writes the called number with a plus sign"),
    ),
    "the national number": (
        SipRoute((PLAIN,), NumberFormat.NATIONAL),
        dict.fromkeys(("twilio", "plivo", "signalwire"), "and not as a national number"),
    ),
    "TLS and SRTP": (SipRoute((TLS,)), {"vonage": "cannot be told to encrypt", "bandwidth": "by location"}),
    "SRTP without TLS": (
        SipRoute((TLS._replace(transport=SipTransport.UDP),)),
        {
            **dict.fromkeys(("twilio", "telnyx", "plivo"), "only where the signalling goes by TLS"),
            "vonage": "cannot be told to encrypt",
            "bandwidth": "by location",
        },
    ),
    "a login": (SipRoute((PLAIN,), username="me", password="s3cret"), dict.fromkeys(SETUPS, "cannot log in")),
    "an address with two transports": (
        SipRoute((SipTarget("sip:pbx.example.com;transport=tls"),)),
        dict.fromkeys(SETUPS, "another transport"),
    ),
    "no address": (SipRoute((SipTarget("tel:+12125550199"),)), dict.fromkeys(SETUPS, "no SIP address")),
    "an address with a password": (
        SipRoute((SipTarget("sip:me:s3cret@pbx.example.com"),)),
        dict.fromkeys(SETUPS, "has a password"),
    ),
    "no target": (SipRoute(()), dict.fromkeys(SETUPS, "no targets")),
    "a user at the host": (
        SipRoute((SipTarget("sip:desk@pbx.example.com"),)),
        dict.fromkeys(("telnyx", "plivo"), "not to another user"),
    ),
    "an IP address": (SipRoute((SipTarget("sip:192.0.2.1:5070"),)), {"telnyx": "not to IP addresses"}),
    "equal targets of different weights": (
        SipRoute((PLAIN, SipTarget("sip:b.example.com", 10, 90))),
        {
            "telnyx": "one weight",
            "plivo": "does not share calls",
            **dict.fromkeys(("vonage", "signalwire"), "single SIP target"),
        },
    ),
    "four targets": (
        SipRoute(tuple(SipTarget(f"sip:{name}.example.com", rank) for rank, name in enumerate("abcd"))),
        {
            "telnyx": "at most three",
            "plivo": "at most two",
            **dict.fromkeys(("vonage", "signalwire"), "single SIP target"),
        },
    ),
    "a webhook of another language": (
        WebhookRoute(URL, dialect=WebhookDialect.BXML),
        dict.fromkeys([kind for kind in SETUPS if kind != "bandwidth"], "webhooks are answered"),
    ),
    "something that it does not have": (NativeRoute("teapot", "1"), dict.fromkeys(SETUPS, "at this carrier calls go")),
    "an id with a slash": (
        NativeRoute("application", "../AP1"),
        dict.fromkeys(SETUPS, "at this carrier calls go"),
    ),
    "another number": (
        ForwardRoute("+12125550199"),
        dict.fromkeys(("twilio", "plivo", "signalwire"), "cannot forward"),
    ),
    "another number abroad": (ForwardRoute("+4930901820"), {"bandwidth": "North American", "twilio": "cannot forward"}),
}


class Nobody:
    """For adapters that are to ask nothing."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        pytest.fail(f"{request.url} was asked")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for name, (_, reasons) in CANNOT.items() for kind in reasons])
def test_what_a_carrier_does_not_have_is_unsupported_in_words_and_nothing_is_asked(kind: str, name: str) -> None:
    route, reasons = CANNOT[name]
    carrier = KINDS[kind].build(checked_setup(kind, SETUPS[kind]), Nobody())
    word = asyncio.run(carrier.connect(E164, None, WantedConnection("con_1", route)))
    assert isinstance(word, Unsupported)
    assert reasons[kind] in word.reason
    assert "example" not in word.reason


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for name in ("the number without a plus sign", "the national number", "TLS and SRTP", "a user at the host")
        for kind in SETUPS
        if kind not in CANNOT[name][1]
    ],
)
def test_what_some_carriers_cannot_do_is_done_by_the_others(kind: str, name: str, mock: MockUrls) -> None:
    route = CANNOT[name][0]
    with place_at(kind, mock) as place:
        word = place.connect(route)
        assert isinstance(word, Connected), word
        assert place.shown(route).as_wanted
        assert not place.shown(routes_of(kind)["sip"]).as_wanted


@pytest.mark.parametrize("kind", ["twilio", "telnyx", "plivo", "signalwire"])
def test_sound_that_is_no_longer_encrypted_is_drift(kind: str, mock: MockUrls) -> None:
    open_sound = SipRoute((TLS._replace(srtp=Srtp.NONE),))
    with place_at(kind, mock) as place:
        place.connect(open_sound)
        assert (place.shown(open_sound).as_wanted, place.shown(SipRoute((TLS,))).as_wanted) == (True, False)


@pytest.mark.parametrize("kind", SETUPS)
def test_a_number_that_is_not_ours_is_not_connected_and_not_shown(kind: str, mock: MockUrls) -> None:
    with place_at(kind, mock) as place:
        word = place.connect(routes_of(kind)["webhook"], "+12125550188")
        assert isinstance(word, NotConnected)
        assert place.objects() == 0


def test_two_numbers_at_once_make_one_object_for_their_connection(mock: MockUrls) -> None:
    wanted = WantedConnection("con_1", routes_of("twilio")["sip"])
    with at_mock("twilio", mock) as place:
        second = mock.control.orphans(Api.TWILIO, account=SID)[0].phone_number
        words = place.tell(*(place.carrier.connect(e164, None, wanted) for e164 in (place.e164, second)))
        assert isinstance(words[0], Connected)
        assert words[0] == words[1]
        assert place.objects() == 1


@pytest.mark.parametrize("kind", ["twilio", "telnyx"])
def test_a_call_goes_where_the_number_was_connected_to_and_nowhere_after_it_was_cleared(
    kind: str, mock: MockUrls
) -> None:
    with at_mock(kind, mock) as place:

        def ring() -> dict[str, Any]:
            return mock.control.ring(place.e164)

        assert ring() == {"kind": "nowhere"}
        place.connect(SipRoute((TLS, SipTarget("sip:b.example.com", 20, 10, SipTransport.TLS, Srtp.REQUIRE))))
        rung = ring()
        assert (rung["kind"], rung["number"], rung["secure"]) == ("sip", place.e164, True)
        hosts = [target["uri"].removeprefix("sip:").partition(";")[0] for target in rung["targets"]]
        assert [host.partition(":")[0] for host in hosts] == ["pbx.example.com", "b.example.com"]
        assert all(target["uri"].endswith(";transport=tls") for target in rung["targets"])
        place.connect(WebhookRoute(URL, "GET", f"{URL}2"))
        assert ring() == {"kind": "webhook", "url": URL, "method": "GET", "fallback_url": f"{URL}2"}
        place.drift()
        assert ring()["kind"] == {"twilio": "application", "telnyx": "forward"}[kind]
        place.connect(None)
        assert ring() == {"kind": "nowhere"}
