"""Where a carrier in memory sends the calls to its numbers: what was set there, and what was made for it."""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.connection import (
    Connected,
    NotConnected,
    Route,
    ShownRouting,
    SipRoute,
    Unsupported,
    WantedConnection,
)


class Set(NamedTuple):
    """What stands at a number: for which connection it was set, and the route."""

    connection_id: str
    route: Route


class Switchboard:
    """What is set, by number. `made` are helper objects, by connection; routes of kind SIP need one.

    `unsupported` are reasons by type of route. `drift` is what somebody does in the carrier's console.
    """

    def __init__(self) -> None:
        self.set: dict[str, Set] = {}
        self.made: dict[str, Route] = {}
        self.told: list[tuple[str, WantedConnection]] = []
        self.forgotten: list[str] = []
        self.unsupported: dict[type[Route], str] = {}

    def connect(self, e164: str, wanted: WantedConnection) -> Connected | NotConnected | Unsupported:
        """Set what is wanted, as often as it is asked for."""
        self.told.append((e164, wanted))
        if wanted.route is None:
            self.set.pop(e164, None)
            return Connected()
        if reason := self.unsupported.get(type(wanted.route)):
            return Unsupported(reason)
        self.set[e164] = Set(wanted.connection_id, wanted.route)
        if not isinstance(wanted.route, SipRoute):
            return Connected()
        self.made[wanted.connection_id] = wanted.route
        return Connected(f"trunk_{wanted.connection_id}")

    def shown(self, e164: str, wanted: WantedConnection) -> ShownRouting:
        """What is set, and whether it is what is wanted."""
        there = self.set.get(e164)
        if there is None:
            return ShownRouting("nothing is set", as_wanted=wanted.route is None)
        text = f"{type(there.route).__name__} of {there.connection_id}"
        helped = not isinstance(there.route, SipRoute) or self.made.get(there.connection_id) == there.route
        return ShownRouting(text, as_wanted=helped and there == Set(wanted.connection_id, wanted.route or there.route))

    def forget(self, connection_id: str) -> Connected:
        """Remove what was made for a connection."""
        self.forgotten.append(connection_id)
        self.made.pop(connection_id, None)
        return Connected()

    def drift(self, e164: str, route: Route | None) -> None:
        """Somebody sets something else by hand."""
        self.set.pop(e164, None)
        if route is not None:
            self.set[e164] = Set("", route)
