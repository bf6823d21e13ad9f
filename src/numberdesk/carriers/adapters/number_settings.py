"""The calls of the port that set emergency address and caller name, as all adapters have them, over one `Keeper`.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from numberdesk.carriers.adapters.cannot_be_set import CannotBeSetError
from numberdesk.carriers.port import CarrierError, NoSuchNumberError, Trouble
from numberdesk.core.connection import Unsupported
from numberdesk.core.number_settings import (
    NOTHING,
    SettingsKept,
    SettingsNotKept,
    ShownSettings,
    WantedSettings,
)


class Kept(NamedTuple):
    """What a carrier shows of a number. `under_way`: why it is not to be relied on yet, in words; "" when it is."""

    number_id: str
    settings: WantedSettings
    under_way: str = ""


class Keeper(Protocol):
    """What of it differs by carrier. `show` and `change` raise CarrierError; `require` CannotBeSetError at once."""

    def require(self, wanted: WantedSettings) -> None:
        """Refuse what the carrier cannot do."""
        ...

    async def show(self, e164: str, number_id: str | None) -> Kept:
        """What is set."""
        ...

    async def change(self, kept: Kept, wanted: WantedSettings) -> None:
        """Have it set."""
        ...


class KeepsNothing:
    """A carrier at which neither can be set: the reasons, for a customer."""

    def __init__(self, no_address: str, no_name: str) -> None:
        self._no_address, self._no_name = no_address, no_name

    def require(self, wanted: WantedSettings) -> None:
        """Refuse anything."""
        if wanted.emergency_address:
            raise CannotBeSetError(self._no_address)
        if wanted.caller_name:
            raise CannotBeSetError(self._no_name)

    async def show(self, e164: str, number_id: str | None) -> Kept:  # noqa: ARG002  nothing is asked
        """Nothing is ever set."""
        return Kept("", NOTHING)

    async def change(self, kept: Kept, wanted: WantedSettings) -> None:
        """Nothing is ever changed."""


async def set_up_by(
    keeper: Keeper, e164: str, number_id: str | None, wanted: WantedSettings
) -> SettingsKept | SettingsNotKept | Unsupported:
    """Set what differs, and believe what the number shows. Raises nothing."""
    try:
        keeper.require(wanted)
        kept = await keeper.show(e164, number_id)
        if kept.settings != wanted:
            await keeper.change(kept, wanted)
            kept = await keeper.show(e164, number_id)
    except CannotBeSetError as error:
        return Unsupported(error.reason)
    except NoSuchNumberError as error:
        return SettingsNotKept(str(error), no_number=True)
    except CarrierError as error:
        return SettingsNotKept(str(error))
    if kept.settings != wanted:
        return SettingsNotKept(kept.under_way or f"it took what was sent, and shows {in_words(kept.settings)}")
    return SettingsNotKept(kept.under_way) if kept.under_way else SettingsKept()


async def shown_by(keeper: Keeper, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:
    """What the number shows. Raises CarrierError."""
    try:
        keeper.require(wanted)
    except CannotBeSetError as error:
        raise CarrierError(Trouble.REFUSED, error.reason) from None
    kept = await keeper.show(e164, number_id)
    return ShownSettings(in_words(kept.settings), as_wanted=kept.settings == wanted)


def in_words(settings: WantedSettings) -> str:
    """What is set, without saying whose address it is."""
    parts = ["an emergency address"] if settings.emergency_address else []
    parts += ["a caller name"] if settings.caller_name else []
    return " and ".join(parts) or "nothing"
