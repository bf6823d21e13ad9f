"""The port that every carrier is spoken to through, and the values that pass it.

Touches: nothing.

An adapter turns these calls into its carrier's HTTP API and what comes back into these values. It
knows no database, keeps no order, and sends an order exactly once. What a carrier answers is
hostile input: whatever it is, an adapter gives one of the values here or raises CarrierError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Refused, Unknown
from numberdesk.core.connection import Connected, NotConnected, ShownRouting, Unsupported, WantedConnection
from numberdesk.core.findings import FindingKind
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.number_settings import SettingsAnswer, ShownSettings, WantedSettings
from numberdesk.core.periods import MICROSECONDS

VISIBILITY_WINDOW: Final = 15 * 60 * MICROSECONDS
"""How long a carrier may need until its lists show what was bought, in microseconds, unless it is set up otherwise."""

NO_PAPERS: Final[Mapping[str, str]] = MappingProxyType({})
"""For a number that is ordered without papers of its customer."""


class Trouble(StrEnum):
    """Why a carrier could not be asked, in kinds that an operator acts on differently."""

    UNREACHABLE = "unreachable"  # no connection, no answer in time
    FAILING = "failing"  # it answers that it is broken or overloaded: 5xx
    THROTTLED = "throttled"  # too many requests
    CREDENTIALS = "credentials"  # it does not know us, or we may not
    REFUSED = "refused"  # it does not like what we asked
    UNREADABLE = "unreadable"  # it answered what cannot be understood
    PAUSED = "paused"  # it failed too often of late and is not asked for a while


class CarrierError(Exception):
    """A carrier could not be asked, or answered what is of no use. The text is for operators and holds no secret.

    Never raised by `order`, whose every outcome is a value.
    """

    def __init__(self, trouble: Trouble, message: str, retry_after: int | None = None) -> None:
        self.trouble = trouble
        self.message = message
        self.retry_after = retry_after
        super().__init__(f"{trouble}: {message}")


class NoSuchNumberError(CarrierError):
    """The carrier has no number of ours with these digits, or not under the id that was given."""


class Wanted(NamedTuple):
    """What is looked for at a carrier, as far as a carrier can be asked for it.

    The digits are of the national number: an adapter sends the most selective that its carrier can
    express and leaves the rest out, since every answer is filtered again. None and "" leave a
    filter out. `capabilities` are names of catalog.model.CAPABILITIES, `number_type` is one of its
    NUMBER_TYPES. `limit` is how many numbers are wanted at most, filtered or not.
    """

    iso_country: str
    calling_code: str
    number_type: str | None
    area_code: str
    region: str
    locality: str
    starts_with: str
    contains: str
    ends_with: str
    capabilities: tuple[str, ...]
    limit: int


class Cost(NamedTuple):
    """What a number costs the operator: micros of the currency, monthly, per minute, and once. None where not told."""

    currency: str
    monthly: int | None
    inbound: int | None = None
    outbound: int | None = None
    setup: int | None = None


class Available(NamedTuple):
    """A number that a carrier offers. Empty texts where it does not say; numbering data fills them in.

    `requires` are words of core.compliance.Requirement: the papers that it is sold with.
    """

    e164: str
    number_type: str
    region: str
    locality: str
    capabilities: tuple[str, ...]
    cost: Cost | None
    requires: tuple[str, ...] = ()


class AvailablePage(NamedTuple):
    """What a carrier offers. `missed`: why a part of it is not known; `more`: it may have others that fit.

    `by_country`: the carrier was asked for numbers of the country and no others, so they are its; where
    that cannot be asked, numbering data says of which country they are.
    """

    numbers: tuple[Available, ...]
    missed: CarrierError | None = None
    more: bool = False
    by_country: bool = True


class OwnedNumber(NamedTuple):
    """A number on our account. `reference` is the order id that it was bought with, "" without one.

    `gone` says how it went, where the carrier still lists a number that is no longer ours.
    """

    e164: str
    number_id: str
    reference: str
    gone: FindingKind | None = None


class OwnedPage(NamedTuple):
    """A part of the list of our numbers. `cursor` asks for the next one; None at the end."""

    numbers: tuple[OwnedNumber, ...]
    cursor: str | None


class Released(NamedTuple):
    """The carrier no longer has the number for us; it may not have had it before either."""


class AnotherNumber(NamedTuple):
    """The carrier's id that was given is that of another number, `e164`: nothing was given back."""

    e164: str


class NotReleased(NamedTuple):
    """It is not known to be released; to be tried again."""

    message: str


class Health(NamedTuple):
    """What a carrier said to one harmless request: words for an operator, never a secret. `facts` such as a balance."""

    ok: bool
    message: str
    facts: Mapping[str, str]


class Carrier(Protocol):
    """One account at a carrier. Calls may overlap; each is bounded in time and memory.

    `window` is how long, in microseconds, the carrier's lists may hide what was bought there.
    """

    @property
    def window(self) -> int:
        """How long absence has to last until it is believed, in microseconds."""
        ...

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now. Raises CarrierError."""
        ...

    async def order(
        self, e164: str, reference: str, iso_country: str = "", papers: Mapping[str, str] = NO_PAPERS
    ) -> Placed | Pending | Refused | NotSent | Unknown:
        """Order exactly this number, with one request, under our reference. Raises nothing.

        `iso_country` is what its offer called its country, "" where that is not known. `papers` are the carrier's ids
        of papers that it approved, by field of its account's set-up, in the place of those there.
        """
        ...

    async def find(self, e164: str, reference: str) -> Placed | Pending | Refused | Absent | Unknown:
        """Look for what became of an order, by number and by reference. Refused: the carrier says that it failed."""
        ...

    async def owned(self, cursor: str | None) -> OwnedPage:
        """A page of the numbers on our account, from a cursor of the page before. Raises CarrierError."""
        ...

    async def release(self, e164: str, number_id: str | None) -> Released | NotReleased | AnotherNumber:
        """Give a number back. Without `number_id` it is looked up by its digits. Safe to repeat; raises nothing.

        Where the carrier goes by an id of its own, it is asked first which number that is.
        """
        ...

    async def connect(
        self, e164: str, number_id: str | None, wanted: WantedConnection
    ) -> Connected | NotConnected | Unsupported:
        """Have calls to a number of ours go where they are wanted; nowhere, where `wanted` has no route.

        Safe to repeat: what is set already stays. What the carrier needs beside the number is made once for a
        connection, found by its name, and changed when what is wanted has changed. Raises nothing.
        """
        ...

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the carrier has set for a number, and whether it is what is wanted. Raises CarrierError."""
        ...

    async def forget_connection(self, connection_id: str) -> Connected | NotConnected | Unsupported:
        """Remove what was made for a connection, once none of its numbers is connected any more. Raises nothing.

        `Connected` when nothing of it is left, or never was.
        """
        ...

    async def set_up(self, e164: str, number_id: str | None, wanted: WantedSettings) -> SettingsAnswer:
        """Have a number of ours keep an emergency address and a caller name; neither, where `wanted` has none.

        Safe to repeat, and to be repeated until it is `SettingsKept`: an address takes some time. Raises nothing.
        """
        ...

    async def settings(self, e164: str, number_id: str | None, wanted: WantedSettings) -> ShownSettings:
        """What of these the carrier has set for a number, and whether it is what is wanted. Raises CarrierError."""
        ...

    async def check(self) -> Health:
        """Make one harmless request and say in words what is wrong, if anything is. Raises nothing."""
        ...


class Field(NamedTuple):
    """Something that an account at a carrier is set up with. A `secret` is kept encrypted and never shown."""

    name: str
    meaning: str
    secret: bool = False
    required: bool = True
    example: str = ""


UNREADABLE_OPTIONS: Final = "how it is set up cannot be read: give all of its fields anew, with its secrets"


class UnreadableOptions(dict[str, str]):
    """The options of an account whose text is no JSON: none. The `text` is kept until others take its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CarrierAccount(NamedTuple):
    """An account at a carrier, as it is stored. `options` are for all to read, `credentials` is encrypted."""

    name: str
    kind: str
    state: CarrierState
    options: Mapping[str, str]
    credentials: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, repr=False)
class Setup:
    """What an adapter is built with: the values of its fields, by name. It has no repr, so that no log can hold it."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def get(self, name: str, default: str = "") -> str:
        """The value of a field that may be left out."""
        return self.values.get(name) or default
