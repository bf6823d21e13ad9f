"""What carriers keep of a connection in parts: one that was deleted by hand is made again; how numbers are written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carrier_mock.running import Config
from numberdesk.core.connection import NumberFormat, SipRoute
from testbed.carrier_mock import MockUrls, simulated
from tests.carriers.adapters.test_connections import MADE, PLAIN, at_mock, place_at, routes_of


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated(Config(numbers=20, order_seconds=0)) as running:
        yield running


@pytest.mark.parametrize("kind", ["twilio", "telnyx", "plivo"])
def test_a_part_that_was_deleted_by_hand_is_drift_and_is_made_again(kind: str, mock: MockUrls) -> None:
    route = routes_of(kind)["sip"]
    with place_at(kind, mock) as place:
        first = place.connect(route)
        place.take_apart()
        assert not place.shown(route).as_wanted
        assert place.connect(route) == first
        assert place.shown(route).as_wanted
        assert place.objects() == MADE[kind, "sip"]


def test_telnyx_writes_the_called_number_as_it_is_told(mock: MockUrls) -> None:
    with at_mock("telnyx", mock) as place:
        e164 = place.e164
        for number_format, number in zip(NumberFormat, (e164, e164[1:], e164[2:]), strict=True):
            place.connect(SipRoute((PLAIN,), number_format))
            assert mock.control.ring(e164)["number"] == number
