"""The books as they should be: each committed command is done again here, plainly and one by one.

Touches: nothing.

The rows are those of the tables, as tuples by their keys, so that the database can be compared
with them. What a command must answer is worked out from the contract and compared with what the
product answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from numberdesk.accounts.model import Account, ApiKey
from numberdesk.catalog.model import Listing, ListingChunk
from numberdesk.core.errors import (
    IdempotencyConflict,
    InsufficientBalance,
    NotFound,
)
from numberdesk.core.prices import Prices
from numberdesk.flows.create_accounts import NewAccount, Standing
from numberdesk.flows.fund_wallets import Funding
from numberdesk.flows.issue_keys import NewKey, Revocation
from numberdesk.flows.label_numbers import Labelling
from numberdesk.flows.release_numbers import Release
from numberdesk.flows.reprice import SUPERSEDED_KEPT, Reprice, Repriced
from numberdesk.flows.tidy import Tidied, Tidy
from numberdesk.ledger.model import Transfer
from numberdesk.numbers.model import Rental

Row = tuple[Any, ...]
Tables = dict[str, dict[Any, Row]]


class Mismatch(AssertionError):
    """The product answered other than it must."""


@dataclass
class Wallet:
    """What an account has."""

    currency: str
    posted: int = 0
    entries: int = 0
    suspended: bool = False


@dataclass
class Number:
    """A number. `former` are superseded prices by their instants; `rested`: it was sold and given back before."""

    listing: Listing
    state: str = "available"
    account_id: str | None = None
    order_id: str | None = None
    until: int | None = None
    former: dict[int, Prices] = field(default_factory=dict)
    rested: bool = False

    @property
    def prices(self) -> Prices | None:
        """The prices of the offer."""
        return self.listing.prices

    def offer(self, listing: Listing, now: int) -> None:
        """Offer it anew; prices that others take the place of are superseded."""
        former, wanted = self.listing.prices, listing.prices
        if former is not None and wanted is not None and former != wanted:
            self.former.setdefault(now, former)
        self.listing = listing


@dataclass
class StoredAnswer:
    """What was answered first under a key."""

    fingerprint: Row
    request_id: str
    order_id: str | None
    code: str | None
    created_at: int


@dataclass
class Books:
    """All that the database should hold."""

    quote_lifetime: int
    quarantine: int
    wallets: dict[str, Wallet] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    transfers: dict[str, Row] = field(default_factory=dict)
    holds: dict[str, Row] = field(default_factory=dict)
    rentals: dict[str, list[Any]] = field(default_factory=dict)
    answers: dict[tuple[str, str], StoredAnswer] = field(default_factory=dict)
    forgotten: set[tuple[str, str]] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    keys: dict[str, int | None] = field(default_factory=dict)
    rules: dict[str, Row] = field(default_factory=dict)
    repricing: str | None = None
    references: dict[Row, str] = field(default_factory=dict)

    def move(self, transfer_id: str, kind: str, other: str, account_id: str, amount: int, **rest: Any) -> None:
        """Write a transfer into a wallet, or out of it when the amount is negative."""
        wallet, mine = self.wallets[account_id], f"wallet:{account_id}"
        wallet.posted += amount
        wallet.entries += 1
        debit, credit = (other, mine) if amount > 0 else (mine, other)
        self.transfers[transfer_id] = (
            transfer_id, kind, debit, credit, abs(amount), wallet.currency, account_id, wallet.entries, wallet.posted,
            rest.get("order_id"), rest.get("reference"), rest["now"],
        )  # fmt: skip

    def rental_of(self, account_id: str, e164: str) -> list[Any] | None:
        """An account's live rental of a number, else the one with the last id."""
        mine = [rental for rental in self.rentals.values() if rental[2:4] == [account_id, e164]]
        return max(mine, key=lambda rental: (rental[4] is None, rental[0]), default=None)


def require(wanted: object, given: object, what: str) -> None:
    """Compare what must be with what is."""
    if wanted != given:
        raise Mismatch(f"{what}: {given!r}, and should be {wanted!r}")


def create_account(books: Books, new: NewAccount, given: Account) -> None:
    """An account with an empty wallet."""
    require(new.id, given.id, "account")
    books.wallets[new.id] = Wallet(new.currency)


def set_standing(books: Books, command: Standing, given: Any) -> None:
    """Suspended or active."""
    wallet = books.wallets.get(command.account_id)
    if wallet is None:
        require(NotFound, type(given), "standing of nobody")
        return
    require(command.state, given.state, "standing")
    wallet.suspended = command.state.value == "suspended"


def fund(books: Books, command: Funding, given: Any) -> None:
    """A movement, written once per reference."""
    wallet = books.wallets.get(command.account_id)
    if wallet is None:
        require(NotFound, type(given), "movement for nobody")
        return
    name = (command.account_id, command.kind, command.reference)
    first = books.references.get(name) if command.reference is not None else None
    if first is not None:
        same = _signed(books.transfers[first]) == command.amount
        require(first if same else IdempotencyConflict, _named(given), "movement with a known reference")
        return
    if command.amount < 0 and wallet.posted + command.amount < 0:
        require(InsufficientBalance, type(given), "adjustment beyond the balance")
        return
    require(command.transfer_id, _named(given), "movement")
    other = f"funding:{command.method}"
    books.move(
        command.transfer_id, command.kind, other, command.account_id, command.amount,
        reference=command.reference, now=command.now,
    )  # fmt: skip
    if command.reference is not None:
        books.references[name] = command.transfer_id


def issue_key(books: Books, command: NewKey, given: Any) -> None:
    """A key of an account that exists."""
    if command.key.account_id not in books.wallets:
        require(NotFound, type(given), "key for nobody")
        return
    require(command.key, given, "key")
    books.keys[command.key.id] = None


def revoke_key(books: Books, command: Revocation, given: Any) -> None:
    """A key is revoked once."""
    if command.key_id not in books.keys:
        require(NotFound, type(given), "revocation of nothing")
        return
    if books.keys[command.key_id] is None:
        books.keys[command.key_id] = command.now
    require(books.keys[command.key_id], given.revoked_at if isinstance(given, ApiKey) else given, "revoked at")


def release(books: Books, command: Release, given: Any) -> None:
    """The rental ends and its number rests; one that ended is answered as it ended."""
    rental = books.rental_of(command.account_id, command.e164)
    if rental is None:
        require(NotFound, type(given), "release of a number never had")
        return
    if rental[4] is None:
        rental[4] = command.now
        number = books.numbers[command.e164]
        number.state, number.account_id, number.order_id = "quarantined", None, None
        number.until, number.rested = command.now + books.quarantine, True
        books.events.add(f"evt_rel_{rental[0].removeprefix('rnt_')}")
    require((rental[0], rental[4]), _ended(given), "released rental")


def label(books: Books, command: Labelling, given: Any) -> None:
    """Labels on a live rental."""
    rental = books.rental_of(command.account_id, command.e164)
    if rental is None or rental[4] is not None:
        require(NotFound, type(given), "label on no rental")
        return
    if command.labels.friendly_name is not None:
        rental[5] = command.labels.friendly_name
    require((rental[0], rental[5]), (given.id, given.friendly_name), "labelled rental")


def tidy(books: Books, command: Tidy, given: Tidied) -> None:
    """Quarantines that are over end, and no others; answers that are old enough are forgotten, and no others."""
    over = [number for number in books.numbers.values() if number.until is not None and number.until <= command.now]
    for number in over:
        number.state, number.until = "available", None
    before = command.now - command.key_retention
    old = [name for name, answer in books.answers.items() if answer.created_at < before]
    for name in old:
        del books.answers[name]
    books.forgotten.update(old)
    require((len(over), len(old)), tuple(given), "quarantines ended, answers forgotten")


def save_listings(books: Books, chunk: ListingChunk, _given: Any) -> None:
    """Numbers are offered; those that rules price get their price at once."""
    for listing in chunk.listings:
        wanted = _by_rule(books, listing) if listing.price_source == "rule" else listing
        number = books.numbers.get(listing.e164)
        if number is None:
            books.numbers[listing.e164] = Number(wanted)
        else:
            number.offer(wanted, chunk.now)


def set_rule(books: Books, rule: Any, given: Any) -> None:
    """A rule takes the place of the one for the same numbers."""
    before = books.rules.get(rule.prefix)
    wanted = rule if before is None else rule._replace(id=before[0], created_at=before[-1])
    require(wanted, given, "rule")
    books.rules[rule.prefix] = tuple(wanted)
    books.repricing = ""


def remove_rule(books: Books, rule_id: str, given: Any) -> None:
    """A rule goes, once."""
    for prefix, rule in list(books.rules.items()):
        if rule[0] == rule_id:
            require(rule, tuple(given), "removed rule")
            del books.rules[prefix]
            books.repricing = ""
            return
    require(NotFound, type(given), "removal of no rule")


def reprice(books: Books, command: Reprice, given: Repriced, seen: Sequence[tuple[str, int]]) -> None:
    """One step of pricing anew; superseded prices older than a day are forgotten, at most so many."""
    if books.repricing is not None:
        window = [e164 for e164 in sorted(books.numbers) if e164 > books.repricing][: command.limit]
        for number in (books.numbers[e164] for e164 in window):
            if number.listing.price_source == "rule":
                number.offer(_by_rule(books, number.listing), command.now)
        books.repricing = window[-1] if len(window) == command.limit else None
    kept, before = set(seen), command.now - SUPERSEDED_KEPT
    forgotten = 0
    for e164, number in books.numbers.items():
        for instant in [instant for instant in number.former if (e164, instant) not in kept]:
            if instant >= before:
                raise Mismatch(
                    f"a price of {e164} superseded at {instant} is forgotten, and was to be kept since {before}"
                )
            del number.former[instant]
            forgotten += 1
    require(
        (forgotten, books.repricing is not None or forgotten == command.limit),
        (given.forgotten, given.left),
        "repriced",
    )


def _by_rule(books: Books, listing: Listing) -> Listing:
    """The longest prefix that fits prices a number; all rules here have fixed prices."""
    fits = [rule for prefix, rule in books.rules.items() if listing.e164[1:].startswith(prefix)]
    if not fits:
        return listing.priced(None)
    rule = max(fits, key=lambda rule: len(rule[4]))
    return listing.priced(Prices(rule[5], rule[6], rule[7], rule[8], rule[9] or 0))


def _signed(transfer: Row) -> int:
    return int(transfer[4]) if transfer[3].startswith("wallet:") else -int(transfer[4])


def _named(given: Any) -> Any:
    return given.id if isinstance(given, Transfer) else type(given)


def _ended(given: Any) -> Any:
    return (given.id, given.released_at) if isinstance(given, Rental) else given


Rule = Callable[[Books, Any, Any], None]
RULES: Final[dict[str, Rule]] = {
    "create accounts": create_account,
    "set standings": set_standing,
    "fund": fund,
    "import": save_listings,
    "issue keys": issue_key,
    "revoke": revoke_key,
    "label": label,
    "release": release,
    "set rules": set_rule,
    "remove rules": remove_rule,
    "tidy": tidy,
}
