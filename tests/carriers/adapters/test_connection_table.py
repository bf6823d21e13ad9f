"""The table of what each carrier does with each kind of connection, which tests hold."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from carrier_mock.running import Config
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.connecting import NO_OBJECTS
from numberdesk.core.connection import (
    CarrierRoute,
    Connected,
    ConnectionKind,
    ForwardRoute,
    NativeRoute,
    Unsupported,
    WantedConnection,
)
from testbed.carrier_mock import plain_client, simulated
from tests.carriers.adapters.test_connections import E164, MADE, ROUTES, SETUPS, Nobody, at_mock


def test_a_connection_that_stands_at_telnyx_already_is_set_shown_and_cleared() -> None:
    with simulated(Config(numbers=20, order_seconds=0)) as mock, at_mock("telnyx", mock) as place:
        with plain_client(mock.url, timeout=10) as client:
            headers = {"Authorization": f"Bearer {SETUPS['telnyx']['api_key']}"}
            made = client.post("/v2/fqdn_connections", json={"connection_name": "theirs"}, headers=headers).json()
        route = NativeRoute("connection", made["data"]["id"])
        assert place.connect(route) == Connected()
        assert place.shown(route).as_wanted, place.shown(route)
        place.drift()
        assert not place.shown(route).as_wanted
        assert place.connect(route) == Connected()
        assert place.connect(None) == Connected()
        assert place.shown(None).as_wanted


DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "connections.md"
HEAD: Final = "| | `sip` | `webhook` | `native` | `forward` | `livekit` |\n|---|---|---|---|---|---|\n"
SHOWN: Final = {
    **{(kind, name): MADE.get((kind, name), 0) for kind, name in ROUTES},
    ("telnyx", "native"): 0,
}
"""What the tests above set, see shown, cleared, and drift of: with how many objects beside the number."""

EXAMPLES: Final[dict[str, CarrierRoute]] = {
    "native": NativeRoute("trunk", "1"),
    "forward": ForwardRoute("+12125550199"),
}


def cell_of(kind: str, name: str) -> str:
    """What the document says of a carrier and a kind of connection."""
    if name == "livekit":
        return f"{cell_of(kind, 'sip')}; its trunk, too"
    if (kind, name) in SHOWN:
        made = SHOWN[kind, name]
        return "yes" if not made else "yes, with an object" if made == 1 else f"yes, with {made} objects"
    carrier = KINDS[kind].build(checked_setup(kind, SETUPS[kind]), Nobody())
    word = asyncio.run(carrier.connect(E164, None, WantedConnection("con_1", EXAMPLES[name])))
    assert isinstance(word, Unsupported), (kind, name, word)
    return f"`unsupported`: {word.reason}"


def test_the_document_has_a_table_of_what_each_carrier_does_with_each_kind() -> None:
    rows = [f"| {kind} | {' | '.join(cell_of(kind, name) for name in ConnectionKind)} |\n" for kind in SETUPS]
    rows.append(f"| pool | yes | yes | `unsupported`: {NO_OBJECTS} | yes | yes; its trunk, too |\n")
    table = f"{HEAD}{''.join(rows)}"
    assert table in DOCUMENT.read_text(), f"docs/connections.md must have:\n\n{table}"
