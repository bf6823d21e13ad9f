"""What decides where a call goes: settings of numbers, and the objects of an account that numbers refer to.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from carrier_mock.model import Account

TRUNK: Final = "trunk"
ORIGINATION_URL: Final = "origination_url"
FQDN_CONNECTION: Final = "fqdn_connection"
FQDN: Final = "fqdn"
TEXML_APPLICATION: Final = "texml_application"


class Thing(NamedTuple):
    """An object of an account: a trunk, an origination URL of it, and so on. `parent` is what it belongs to, or ""."""

    kind: str
    thing_id: str
    account: Account
    parent: str
    at: int
    settings: Mapping[str, Any]


class Wires:
    """The settings of numbers by their ids, and the objects. Only the books change them."""

    def __init__(self) -> None:
        self._of_numbers: dict[str, dict[str, Any]] = {}
        self._things: dict[str, Thing] = {}

    def of(self, number_id: str) -> Mapping[str, Any]:
        """What was set for a number; it has the carrier's defaults beside that."""
        return self._of_numbers.get(number_id, {})

    def thing(self, account: Account, kind: str, thing_id: str) -> Thing | None:
        """An object of an account."""
        found = self._things.get(thing_id)
        return found if found is not None and (found.account, found.kind) == (account, kind) else None

    def things(self, account: Account, kind: str, parent: str = "") -> list[Thing]:
        """The objects of a kind, oldest first; all of them, or those of a parent."""
        return [
            each
            for each in self._things.values()
            if (each.account, each.kind) == (account, kind) and parent in ("", each.parent)
        ]

    def numbers_at(self, thing_id: str) -> list[str]:
        """The ids of the numbers that refer to an object."""
        return [number_id for number_id, settings in self._of_numbers.items() if thing_id in settings.values()]

    def wire(self, number_id: str, settings: Mapping[str, Any]) -> None:
        """Set something for a number; the rest stays."""
        self._of_numbers[number_id] = {**self.of(number_id), **settings}

    def put(self, thing: Thing) -> None:
        """An object is there, or is otherwise now."""
        self._things[thing.thing_id] = thing

    def drop(self, thing_id: str) -> None:
        """An object is gone, and what belonged to it; numbers that referred to it refer to nothing."""
        for each in [each for each in self._things.values() if thing_id in (each.thing_id, each.parent)]:
            del self._things[each.thing_id]
        for number_id in self.numbers_at(thing_id):
            settings = self._of_numbers[number_id]
            settings |= {name: None for name, value in settings.items() if value == thing_id}
