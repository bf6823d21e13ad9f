"""Somebody deletes at a carrier what was made for a connection: each number shows that, and is connected anew."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from carrier_mock.model import Api
from carrier_mock.running import Config
from numberdesk.core.connection import Connected, WantedConnection
from testbed.carrier_mock import MockUrls, simulated
from testbed.scripted import scripted
from tests.carriers.adapters.test_connections import E164, MADE, SETUPS, SID, STAND_INS, Place, routes_of

LINKS: Final = {"plivo": "app_id", "vonage": "number", "signalwire": "number", "bandwidth": "peer"}
"""What of a stand-in says where its number leads."""


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated(Config(numbers=20, order_seconds=0)) as running:
        yield running


@pytest.mark.parametrize(("kind", "name"), [one for one in MADE if one[0] in STAND_INS])
def test_a_number_that_refers_to_what_was_deleted_is_not_taken_for_connected_to_what_is_made_anew(
    kind: str, name: str
) -> None:
    route, stand_in = routes_of(kind)[name], STAND_INS[kind]()
    with (
        scripted(stand_in) as server,
        closing(Place(kind, server.url, E164, stand_in.drift, lambda: stand_in.objects)) as place,
    ):
        place.connect(route)
        link = copy.copy(getattr(stand_in, LINKS[kind]))
        place.forget()
        assert isinstance(place.connect(route), Connected)  # another number of the connection, for which it is made
        setattr(stand_in, LINKS[kind], link)
        assert not place.shown(route).as_wanted
        assert isinstance(place.connect(route), Connected)
        assert place.shown(route).as_wanted
        assert place.objects() == MADE[kind, name]


@pytest.mark.parametrize(("kind", "name"), [one for one in MADE if one[0] not in STAND_INS])
def test_of_two_numbers_whose_object_was_deleted_each_is_connected_anew_for_itself(
    kind: str, name: str, mock: MockUrls
) -> None:
    mock.control.reset()
    account = SID if kind == "twilio" else SETUPS[kind]["api_key"]
    e164s = [one.phone_number for one in mock.control.orphans(Api(kind), count=2, account=account)]
    wanted = WantedConnection("con_1", routes_of(kind)[name])
    with closing(Place(kind, mock.url, e164s[0], lambda: None, lambda: 0)) as place:

        def shown() -> list[bool]:
            return [one.as_wanted for one in place.tell(*(place.carrier.routing(e164, None, wanted) for e164 in e164s))]

        def connect(e164: str) -> Any:
            return place.connect(wanted.route, e164)

        first = [connect(e164) for e164 in e164s]
        assert (first[0], shown()) == (first[1], [True, True])
        place.forget()
        assert shown() == [False, False]
        assert connect(e164s[0]) != first[0]
        assert shown() == [True, False]
        connect(e164s[1])
        assert shown() == [True, True]
