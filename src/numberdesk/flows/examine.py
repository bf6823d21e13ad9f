"""Look a service over: carriers, what cannot be sold, calls that would wait, work that is late, the last check.

Touches: database.

Nothing is changed. With `looked_at` what is read is bounded, so that a page may ask in an account of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from numberdesk.accounts.store import find_currencies
from numberdesk.carriers.audit_store import DUE_AUDITS
from numberdesk.carriers.compliance_store import count_lapsing
from numberdesk.carriers.port import CarrierAccount, UnreadableOptions
from numberdesk.carriers.store import list_carriers
from numberdesk.catalog.gap_store import count_unpriced, count_unrated, find_currencies_sold
from numberdesk.catalog.store import has_inventory
from numberdesk.connections.rental_connection_store import DUE_CONNECTIONS, DUE_REMOVALS
from numberdesk.connections.trunk_number_store import DUE_TRUNK_NUMBERS
from numberdesk.core.advice import Advice, hint, problem
from numberdesk.core.compliance import NOTICE
from numberdesk.core.invariants import RunOutcome
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.purchase import POOL
from numberdesk.flows.carriers.describe_carriers import DescribedCarrier, describe_carriers
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import Backlog, DueTable
from numberdesk.infra.vault import Vault
from numberdesk.numbers.carrier_release_store import DUE_RELEASES
from numberdesk.numbers.rent_store import DUE_RENTALS
from numberdesk.numbers.settings_store import DUE_SETTINGS
from numberdesk.orders.carrier_order_store import DUE_ORDERS
from numberdesk.usage.gap_store import count_rentals_unrated, count_unsourced
from numberdesk.usage.pull_store import DUE_PULLS
from numberdesk.usage.session_store import DUE_SESSIONS
from numberdesk.usage.store import find_call_terms, list_parked
from numberdesk.verify.run_store import find_verify_runs
from numberdesk.webhooks.delivery_store import DUE_DELIVERIES

KINDS_OF_WORK: Final[Mapping[str, DueTable[Any]]] = {
    "carrier_orders": DUE_ORDERS,
    "carrier_releases": DUE_RELEASES,
    "audits": DUE_AUDITS,
    "renewals": DUE_RENTALS,
    "webhook_deliveries": DUE_DELIVERIES,
    "rental_connections": DUE_CONNECTIONS,
    "connection_removals": DUE_REMOVALS,
    "trunk_numbers": DUE_TRUNK_NUMBERS,
    "number_settings": DUE_SETTINGS,
    "sessions": DUE_SESSIONS,
    "call_pulls": DUE_PULLS,
}
"""Every kind of due work under the name that people read. A test compares it with what the worker does."""

MOST_COUNTED: Final = 10_000
"""So many rows of a kind are counted; more are not told apart."""

MOST_LOOKED_AT: Final = 10_000
"""So many numbers are looked at for a page, where no index tells which of them lack something."""

LATE: Final = 5 * 60 * MICROSECONDS
VERIFY_EVERY: Final = 7 * 86_400 * MICROSECONDS


class Examined(NamedTuple):
    """What there is, and what is to be said of it."""

    work: dict[str, Backlog]
    verified_at: int | None
    advice: tuple[Advice, ...]


def examine(tx: Tx, vault: Vault, now: int, looked_at: int | None = None) -> Examined:
    """Look over what the database holds. `now` is in microseconds.

    Of numbers for sale, and of rented ones, only `looked_at` are looked at for what no index knows; None is all.
    """
    work = find_work(tx, now)
    ok = find_verify_runs(tx).get(RunOutcome.OK)
    advice = (
        *_of_carriers(tx, vault),
        *_of_catalog(tx, looked_at),
        *_of_calls(tx, looked_at),
        *_of_papers(tx, now),
        *_of_work(work),
    )
    advice = (*advice, *_of_verify(tx, now))
    return Examined(work, None if ok is None else ok.ran_at, advice)


def find_work(tx: Tx, now: int) -> dict[str, Backlog]:
    """What is due of each kind of work."""
    return {name: table.find_backlog(tx, now, MOST_COUNTED) for name, table in KINDS_OF_WORK.items()}


def _of_carriers(tx: Tx, vault: Vault) -> Iterator[Advice]:
    for described in describe_carriers(tx, vault):
        name = described.account.name
        if described.problem and described.account.state is CarrierState.ACTIVE:
            yield problem("carriers", described.problem, _remedy(described.account))
        if described.trouble is not None:
            said = f"{name} orders nothing for this account: {described.trouble.said}"
            yield problem("carriers", said, f"settle it with the carrier, then: numberdesk carriers check {name}")
        yield from _left_at(described)


def _remedy(account: CarrierAccount) -> str:
    if isinstance(account.options, UnreadableOptions):
        return f"numberdesk carriers add {account.name} with all of its fields"
    return "give the key that they were added with, and restart"


def _left_at(described: DescribedCarrier) -> Iterator[Advice]:
    name = described.account.name
    if described.parked_orders:
        said = f"{described.parked_orders} orders at {name} wait for a person"
        yield problem("orders", said, "numberdesk orders list --parked, then orders show, adopt, void or retry")
    if described.open_findings:
        said = f"{described.open_findings} differences between {name}'s list of our numbers and the books"
        yield problem("carriers", said, f"numberdesk carriers findings {name}")
    if described.audit is not None and described.audit.parked_at is not None:
        said = f"the list of our numbers at {name} could not be compared: {described.audit.message}"
        yield problem("carriers", said, f"numberdesk carriers audit {name}")


def _of_catalog(tx: Tx, looked_at: int | None) -> Iterator[Advice]:
    sells_own = has_inventory(tx)
    if not sells_own and not any(one.state is CarrierState.ACTIVE for one in list_carriers(tx)):
        yield problem(
            "numbers", "there is nothing to sell", "numberdesk inventory import FILE.csv, or numberdesk carriers add"
        )
    for carrier, count in sorted(count_unpriced(tx, MOST_COUNTED).items()):
        yield problem(
            "prices",
            f"{_many(count)} of {carrier} have no price, so nobody is offered them",
            f"numberdesk prices set --carrier {carrier} --currency ..., or prices in the file",
        )
    for carrier, count in sorted(count_unrated(tx, MOST_COUNTED, looked_at).items()):
        yield hint(
            "prices",
            f"{_many(count)} of {carrier} have no price per minute in some direction; their calls would be parked",
            f"numberdesk prices set --carrier {carrier} ... --inbound --outbound, unless they are for no calls",
        )
    wanted = find_currencies(tx)
    for currency in sorted(wanted - find_currencies_sold(tx, wanted)):
        yield problem(
            "currencies",
            f"there are customers who pay in {currency}, and nothing is sold in it",
            f"numberdesk prices set --currency {currency} ..., or numbers with prices in it",
        )


def _of_calls(tx: Tx, looked_at: int | None) -> Iterator[Advice]:
    appointed = [terms.source for terms in find_call_terms(tx).get(POOL, ())]
    unsourced = 0 if any(appointed) else count_unsourced(tx, POOL, MOST_COUNTED, looked_at)
    if unsourced:
        said = f"no source charges for the calls of {_many(unsourced)} of the own pool that are rented"
        yield hint("calls", said, f"numberdesk usage terms {POOL} --source SOURCE, unless calls are not charged here")
    unrated = count_rentals_unrated(tx, MOST_COUNTED, looked_at)
    if unrated:
        said = f"{_many(unrated)} were rented without a price per minute in some direction"
        yield hint("calls", said, "numberdesk usage parked rate --number NUMBER --direction ... --rate ...")
    if list_parked(tx, after=None, limit=1):
        yield problem("calls", "there are calls that wait for a person", "numberdesk usage parked list")


def _of_papers(tx: Tx, now: int) -> Iterator[Advice]:
    lapsing = count_lapsing(tx, now + NOTICE)
    if lapsing:
        said = f"{lapsing} compliance profiles have ended, or end within a month"
        action = "numberdesk compliance list --expiring 30; then compliance change --until, or compliance remove"
        yield hint("papers", said, action)


def _of_work(work: Mapping[str, Backlog]) -> Iterator[Advice]:
    for name, backlog in work.items():
        if backlog.late > LATE:
            said = f"{_many(backlog.rows, 'rows')} of {name} are due, the first for {backlog.late // MICROSECONDS} s"
            yield problem("work", said, "see that numberdesk serve or worker runs, and what its log says")


def _of_verify(tx: Tx, now: int) -> Iterator[Advice]:
    runs = find_verify_runs(tx)
    ok, broken = runs.get(RunOutcome.OK), runs.get(RunOutcome.BROKEN)
    if broken is not None and (ok is None or broken.ran_at > ok.ran_at):
        said = f"the books were not in order at {iso_seconds(broken.ran_at)}: {broken.violations} violations"
        yield problem("verify", said, "numberdesk verify names them; docs/operations.md says what to do")
    elif ok is None:
        yield hint("verify", "the books were never checked", "numberdesk verify, daily, by a timer")
    elif now - ok.ran_at > VERIFY_EVERY:
        yield hint("verify", f"the books were checked last at {iso_seconds(ok.ran_at)}", "numberdesk verify, daily")


def _many(count: int, what: str = "numbers") -> str:
    return f"{MOST_COUNTED} {what} or more" if count >= MOST_COUNTED else f"{count} {what}"
