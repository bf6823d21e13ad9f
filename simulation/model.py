"""The rules: each committed command is done again here, plainly and one by one.

Touches: nothing.

What a command must answer is worked out from the contract and compared with what the product
answered. Buying stands in purchase.py, what carriers have to do with it in fulfilment.py,
returns.py, offered.py and audited.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from numberdesk.accounts.model import Account
from numberdesk.carriers.port import CarrierAccount
from numberdesk.catalog.model import Listing, ListingChunk, SavedChunk
from numberdesk.core.errors import (
    IdempotencyConflict,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    OrderInProgress,
)
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL
from numberdesk.core.rental import Rental
from numberdesk.flows.accounts.change_accounts import AccountChange
from numberdesk.flows.accounts.create_accounts import NewAccount
from numberdesk.flows.accounts.fund_wallets import Funding
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, Revoked
from numberdesk.flows.catalog.reprice import SUPERSEDED_KEPT, Reprice, Repriced
from numberdesk.flows.cleanup import Cleanup, CleanupReport
from numberdesk.flows.rentals.label_numbers import Labelling
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.ledger.model import Transfer
from simulation.books import (
    Books,
    CarrierAudit,
    KeyedRequest,
    Mismatch,
    Number,
    Row,
    StoredAnswer,
    UnconfirmedRelease,
    Wallet,
    require,
)

_SHORTEST_REST: Final = 10 * 60 * 1_000_000


def create_account(books: Books, new: NewAccount, given: Account) -> None:
    """A customer's account with an empty wallet, or one of operators."""
    require(new.id, given.id, "account")
    if new.kind is AccountKind.OPERATOR:
        books.operators.add(new.id)
        return
    books.wallets[new.id] = Wallet(new.currency, new.credit_limit)


def set_standing(books: Books, command: AccountChange, given: Any) -> None:
    """Suspended or active."""
    wallet = books.wallets.get(command.account_id)
    if wallet is None:
        require(NotFound, type(given), "standing of nobody")
        return
    require(command.state, given.account.state, "standing")
    wallet.suspended = given.account.state.value == "suspended"


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
    if command.amount < 0 and wallet.available + command.amount < 0:
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
    if command.key.account_id not in {*books.wallets, *books.operators}:
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
    require(books.keys[command.key_id], given.key.revoked_at if isinstance(given, Revoked) else given, "revoked at")


def release(books: Books, command: Release, given: Any) -> None:
    """The rental ends and its number rests; one that ended is answered as it ended. A carrier's goes back there.

    A request that names a rental ends that one; one with a key ends what the first with this key ended. A number
    that was given back by its digits alone rests ten minutes at least. One whose order is open cannot be given back.
    """
    key = command.request_key
    first = None if key is None else books.keyed.get(key[:3])
    if first is not None and key is not None and first.content != key.content:
        require(IdempotencyConflict, type(given), "release with a used key")
        return
    named = command.rental_id if first is None else first.outcome_id
    if named is None:
        number = books.numbers.get(command.e164)
        if number is not None and (number.state, number.account_id) == ("claimed", command.account_id):
            require(OrderInProgress, type(given), "release of a number that is being ordered")
            return
        rental = books.rental_of(command.account_id, command.e164)
    else:
        rental = books.rentals.get(named)
        rental = rental if rental is not None and rental.order.account_id == command.account_id else None
    if rental is None:
        require(NotFound, type(given), "release of a number never had")
        return
    ended_before = rental.released_at is not None
    if not ended_before:
        _end(books, rental, command)
    if key is not None and first is None:
        books.keyed[key[:3]] = KeyedRequest(key.content, rental.id, books.kept_since(command.now), in_vain=ended_before)
    require((rental.id, rental.released_at), _ended(given), "released rental")


def _end(books: Books, rental: Any, command: Release) -> None:
    order, number = rental.order, books.numbers[rental.order.e164]
    named = command.rental_id is not None or command.request_key is not None
    books.charge_begun(rental, command.now)
    ended = max(books.kept_since(command.now), rental.begun)  # however the clock is set
    rental.released_at = rental.updated_at = ended
    number.state, number.account_id, number.order_id = "quarantined", None, None
    number.until = ended + (books.quarantine if named else max(books.quarantine, _SHORTEST_REST))
    number.rested = True
    books.events.add((f"evt_rel_{order.serial}", order.account_id, "number.released", ended))
    if order.carrier != POOL:
        books.releases[f"rel_{order.serial}"] = UnconfirmedRelease(
            f"rel_{order.serial}", order.carrier, order.e164, order.number_id, ended, ended
        )


def label(books: Books, command: Labelling, given: Any) -> None:
    """Labels on a live rental."""
    rental = books.rental_of(command.account_id, command.e164)
    if rental is None or rental.released_at is not None:
        require(NotFound, type(given), "label on no rental")
        return
    if command.labels.friendly_name is not None:
        rental.friendly_name = command.labels.friendly_name
    rental.updated_at = command.now
    require((rental.id, rental.friendly_name), (given.id, given.friendly_name), "labelled rental")


def clean_up(books: Books, command: Cleanup, given: CleanupReport) -> None:
    """Quarantines that are over end, and no others; answers and offers that are old enough are forgotten.

    A number of the pool is offered again, a carrier's is its carrier's again. Answers whose order is open are kept.
    """
    over = [number for number in books.numbers.values() if number.until is not None and number.until <= command.now]
    for number in over:
        number.state, number.until = "available" if number.carrier == POOL else "withdrawn", None
    before = command.now - command.key_retention
    old = [name for name, answer in books.answers.items() if answer.created_at < before and not _is_open(books, answer)]
    for name in old:
        del books.answers[name]
    books.forgotten.update(old)
    ended = [key for key, offer in books.offers.items() if offer.expires_at < command.now]
    for key in ended:
        del books.offers[key]
    keyed = [name for name, one in books.keyed.items() if one.created_at < before]
    for request in keyed:
        del books.keyed[request]
    books.forgotten_requests.update(keyed)
    # The rest stays 0: nobody signs in or calls here, and commands come without an entry point that records actions.
    require(CleanupReport(len(over), len(old), len(ended), len(keyed)), given, "what a clean-up did")


def _is_open(books: Books, answer: StoredAnswer) -> bool:
    return answer.order_id is not None and books.orders[answer.order_id].state == "ordering"


def save_listings(books: Books, chunk: ListingChunk, given: SavedChunk) -> None:
    """Numbers are offered; those that rules price get their price at once.

    Another carrier's are left alone, but one that it has back is the pool's from now on.
    """
    for listing in chunk.listings:
        wanted = _by_rule(books, chunk.carrier, listing) if listing.price_source == "rule" else listing
        number = books.numbers.get(listing.e164)
        if number is None:
            books.numbers[listing.e164] = Number(wanted, chunk.carrier)
        elif number.carrier == chunk.carrier:
            number.offer(wanted, given.saved_at)
        elif chunk.carrier == POOL and number.state == "withdrawn" and not _goes_back(books, listing.e164):
            number.listing, number.carrier, number.state = wanted, POOL, "available"


def _goes_back(books: Books, e164: str) -> bool:
    return any(one.e164 == e164 and one.confirmed_at is None for one in books.releases.values())


def set_rule(books: Books, rule: Any, given: Any) -> None:
    """A rule takes the place of the one for the same numbers. Only the pool's numbers are priced anew."""
    if rule.carrier not in (POOL, *books.carriers):
        require(InvalidRequest, type(given), "rule for nobody")
        return
    before = books.rules.get((rule.carrier, rule.prefix))
    wanted = (
        rule if before is None else rule._replace(id=before[0], created_at=before[rule._fields.index("created_at")])
    )
    require(wanted, given, "rule")
    books.rules[rule.carrier, rule.prefix] = tuple(wanted)
    if rule.carrier == POOL:
        books.repricing = ""


def remove_rule(books: Books, rule_id: str, given: Any) -> None:
    """A rule goes, once."""
    for key, rule in list(books.rules.items()):
        if rule[0] == rule_id:
            require(rule, tuple(given), "removed rule")
            del books.rules[key]
            if key[0] == POOL:
                books.repricing = ""
            return
    require(NotFound, type(given), "removal of no rule")


def connect(books: Books, account: CarrierAccount, given: Any) -> None:
    """An account at a carrier is stored under its name."""
    require(account, given, "carrier")
    books.carriers[account.name] = account
    books.audits[account.name] = CarrierAudit(account.name, account.created_at)


def set_carrier_standing(books: Books, command: Any, given: Any) -> None:
    """Numbers of a disabled carrier are not sold; what is open or owned goes on. A change has a time of its own."""
    account = books.carriers.get(command.name)
    if account is None:
        require(NotFound, type(given), "standing of no carrier")
        return
    if account.state is not command.state:
        changed_at = max(command.now, account.updated_at + 1)
        account = books.carriers[command.name] = account._replace(state=command.state, updated_at=changed_at)
    require(account, given, "carrier")


def reprice(books: Books, command: Reprice, given: Repriced, seen: Sequence[tuple[str, int]]) -> None:
    """One step of pricing anew; superseded prices older than a day are forgotten, at most so many."""
    if books.repricing is not None:
        window = [e164 for e164 in sorted(books.numbers) if e164 > books.repricing][: command.limit]
        for number in (books.numbers[e164] for e164 in window):
            if number.carrier == POOL and number.listing.price_source == "rule":
                number.offer(_by_rule(books, POOL, number.listing), given.repriced_at)
        books.repricing = window[-1] if len(window) == command.limit else None
    kept, before = set(seen), given.repriced_at - SUPERSEDED_KEPT
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


def _by_rule(books: Books, carrier: str, listing: Listing) -> Listing:
    """The longest prefix that fits prices a number; all rules here have fixed prices."""
    fits = [
        rule
        for (owner, prefix), rule in books.rules.items()
        if owner == carrier and listing.e164[1:].startswith(prefix)
    ]
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
    "cleanup": clean_up,
    "connect": connect,
    "carrier standings": set_carrier_standing,
}
