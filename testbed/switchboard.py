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

NOT_THERE = "a trunk that is not there any more"
"""What is shown of a number that refers to what somebody deleted."""


class Set(NamedTuple):
    """What stands at a number: for which connection it was set, the route, and the id of what was made for it."""

    connection_id: str
    route: Route
    object_id: str = ""


class Switchboard:
    """What is set, by number. `made` are helper objects, by connection; routes of kind SIP need one.

    `unsupported` are reasons by type of route. `drift` and `delete` are what somebody does in the carrier's console.
    An object that is made again after it was deleted has another id: what refers to the former one leads nowhere.
    """

    def __init__(self) -> None:
        self.set: dict[str, Set] = {}
        self.made: dict[str, Route] = {}
        self.told: list[tuple[str, WantedConnection]] = []
        self.forgotten: list[str] = []
        self.unsupported: dict[type[Route], str] = {}
        self._ids: dict[str, str] = {}
        self._serial = 0

    def connect(self, e164: str, wanted: WantedConnection) -> Connected | NotConnected | Unsupported:
        """Set what is wanted, as often as it is asked for."""
        self.told.append((e164, wanted))
        if wanted.route is None:
            self.set.pop(e164, None)
            return Connected()
        if reason := self.unsupported.get(type(wanted.route)):
            return Unsupported(reason)
        object_id = self._made(wanted.connection_id, wanted.route) if isinstance(wanted.route, SipRoute) else ""
        self.set[e164] = Set(wanted.connection_id, wanted.route, object_id)
        return Connected(object_id)

    def shown(self, e164: str, wanted: WantedConnection) -> ShownRouting:
        """What is set, and whether it is what is wanted."""
        there = self.set.get(e164)
        if there is None:
            return ShownRouting("nothing is set", as_wanted=wanted.route is None)
        if not self.rings(e164):
            return ShownRouting(NOT_THERE, as_wanted=False)
        text = f"{type(there.route).__name__} of {there.connection_id}"
        wants = (wanted.connection_id, wanted.route or there.route)
        return ShownRouting(text, as_wanted=(there.connection_id, there.route) == wants)

    def rings(self, e164: str) -> bool:
        """Whether calls to a number go where it says: what it refers to is there, and leads there."""
        there = self.set.get(e164)
        if there is None or not isinstance(there.route, SipRoute) or not there.connection_id:
            return there is not None
        made = self.made.get(there.connection_id), self._ids.get(there.connection_id)
        return made == (there.route, there.object_id)

    def forget(self, connection_id: str) -> Connected:
        """Remove what was made for a connection."""
        self.forgotten.append(connection_id)
        self.made.pop(connection_id, None)
        self._ids.pop(connection_id, None)
        return Connected()

    def delete(self, connection_id: str, *, unlinks: bool) -> list[str]:
        """Somebody deletes what was made for a connection: the numbers that used it.

        A carrier that `unlinks` has nothing set for them then; at others they go on referring to what is gone.
        """
        users = [e164 for e164, there in self.set.items() if there.object_id and there.connection_id == connection_id]
        del self.made[connection_id], self._ids[connection_id]
        if unlinks:
            for e164 in users:
                del self.set[e164]
        return users

    def drift(self, e164: str, route: Route | None) -> None:
        """Somebody sets something else by hand."""
        self.set.pop(e164, None)
        if route is not None:
            self.set[e164] = Set("", route)

    def _made(self, connection_id: str, route: SipRoute) -> str:
        """The id of what a connection needs, which is changed where it is there, else made."""
        self.made[connection_id] = route
        if connection_id not in self._ids:
            self._serial += 1
            self._ids[connection_id] = f"trunk_{connection_id}_{self._serial}"
        return self._ids[connection_id]
