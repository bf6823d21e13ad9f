"""Compares the database with the books as they should be, row by row, past the product.

Touches: database.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

from simulation.books import Books, Row
from simulation.carrier_orders import carrier_order_row
from simulation.storage import Disk

_QUERIES: Final = {
    "accounts": "SELECT id, currency, state FROM accounts",
    "wallets": "SELECT account_id, currency, posted, held, credit_limit, entries FROM wallets",
    "numbers": "SELECT e164, carrier, state, price_source, currency, price, inbound, outbound, setup, account_id, "
    "order_id, quarantined_until, charged_at_once FROM numbers",
    "orders": "SELECT id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, "
    "carrier_reference, created_at, completed_at, renews_at FROM orders",
    "transfers": "SELECT id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, "
    "reference, created_at FROM transfers",
    "holds": "SELECT owner_id, account_id, amount, state, opened_at, resolved_at FROM holds",
    "rentals": "SELECT id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, "
    "friendly_name, created_at, updated_at, released_at FROM rentals",
    "idempotency_records": "SELECT account_id, key, e164, monthly, inbound, outbound, setup, request_id, order_id, "
    "error_code, created_at FROM idempotency_records",
    "keyed_requests": "SELECT account_id, request, key, content, outcome_id, created_at FROM keyed_requests",
    "events": "SELECT id, account_id, kind, created_at FROM events WHERE account_id <> ''",
    "api_keys": "SELECT id, revoked_at FROM api_keys",
    "superseded_prices": "SELECT e164, superseded_at, currency, price, inbound, outbound, setup FROM superseded_prices",
    "price_rules": "SELECT * FROM price_rules",
    "repricings": "SELECT after_e164 FROM repricings",
    "carriers": "SELECT name, kind, state, credentials, updated_at FROM carriers",
    "offers": "SELECT e164, carrier, currency, price, inbound, outbound, setup, offered_at, expires_at FROM offers",
    "carrier_orders": "SELECT order_id, account_id, carrier, e164, sends, attempted_at, wanted_until, absences, "
    "absent_since, accepted_at, next_at, attempts, parked_at, leased_until, settled_at, error_code, "
    "counted_by, counts FROM carrier_orders",
    "carrier_releases": "SELECT id, carrier, e164, carrier_reference, asked_at, next_at, attempts, leased_until, "
    "confirmed_at FROM carrier_releases",
    "findings": "SELECT carrier, e164, kind, state, carrier_reference, order_reference, first_seen_at, last_seen_at "
    "FROM findings",
    "agreed_time": "SELECT agreed_at, disputed_for FROM agreed_time",
    "audits": "SELECT carrier, next_at, attempts, leased_until, asked_at, began_at, ended_at, owned, found FROM audits",
}

_SETTLING: Final = (
    "wallets", "numbers", "orders", "transfers", "holds", "rentals", "idempotency_records", "events", "carrier_orders",
    "carrier_releases",
)  # fmt: skip
_TOUCHED: Final = {
    "create accounts": ("accounts", "wallets"),
    "set standings": ("accounts",),
    "fund": ("wallets", "transfers", "events"),
    "import": ("numbers", "superseded_prices"),
    "issue keys": ("api_keys",),
    "revoke": ("api_keys",),
    "label": ("rentals",),
    "reprice": ("numbers", "superseded_prices", "repricings"),
    "set rules": ("price_rules", "repricings"),
    "remove rules": ("price_rules", "repricings"),
    "agree on time": ("agreed_time",),
    "cleanup": ("numbers", "idempotency_records", "offers", "keyed_requests"),
    "buy": (
        "wallets", "numbers", "orders", "transfers", "holds", "rentals", "idempotency_records", "events",
        "carrier_orders",
    ),
    "release": ("numbers", "rentals", "events", "carrier_releases", "keyed_requests"),
    "connect": ("carriers", "audits"),
    "carrier standings": ("carriers",),
    "keep offers": ("offers",),
    "settle": _SETTLING,
    "hurry orders": ("carrier_orders",),
    "resolve": _SETTLING,
    "take up orders": ("carrier_orders",),
    "take up releases": ("carrier_releases",),
    "note releases": ("carrier_releases", "findings"),
    "take up audits": ("audits",),
    "begin audits": ("audits",),
    "ask for audits": ("audits",),
    "note audits": ("audits", "findings", "numbers"),
    "resolve findings": ("findings", "carrier_releases"),
}  # fmt: skip
"""The tables that each flow may change."""

ALL: Final = frozenset(_QUERIES)

_PROVES: Final = {
    "wallets": "I2, I3",
    "transfers": "I1, I4",
    "holds": "I2",
    "numbers": "I5",
    "rentals": "I5",
    "orders": "I6",
    "idempotency_records": "I9",
    "events": "I13",
    "carrier_orders": "I8",
    "carrier_releases": "I7",
    "findings": "I7",
}
"""The invariants that a difference in a table breaks; in any other it is the books that differ."""


def touched(flows: Iterable[str]) -> frozenset[str]:
    """The tables that some flows may have changed."""
    return frozenset(table for flow in flows for table in _TOUCHED[flow])


class Auditor:
    """Reads the file with a connection of its own. It also remembers every transfer that it ever saw (I4)."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._connection: sqlite3.Connection | None = None
        self._transfers: dict[str, Row] = {}

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def compare(self, books: Books, tables: Iterable[str]) -> tuple[str, str] | None:
        """Compare tables; for the first difference the invariant, and in words what is there and what should be."""
        for table in sorted(tables):
            rows = self._rows(table)
            wanted = _WANTED[table](books)
            if rows != wanted:
                return _PROVES.get(table, "books"), f"{table}: " + _differing(rows, wanted)
            if table == "transfers" and (changed := self._changed(rows)):
                return "I4", changed
        return None

    def has(self, table: str, row_id: str) -> bool:
        """Whether a row is there."""
        query = f"SELECT 1 FROM {table} WHERE id = ?"  # noqa: S608  the simulation's own table names
        return self._open().execute(query, (row_id,)).fetchone() is not None

    def _rows(self, table: str) -> set[Row]:
        with contextlib.closing(self._open().execute(_QUERIES[table])) as cursor:
            return set(cursor.fetchall())

    def _changed(self, rows: set[Row]) -> str | None:
        now = {row[0]: row for row in rows}
        for transfer_id, row in self._transfers.items():
            if now.get(transfer_id) != row:
                return f"transfer {transfer_id} was {row} and is {now.get(transfer_id)}"
        self._transfers = now
        return None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._disk.path, isolation_level=None)
        return self._connection


def _differing(rows: set[Row], wanted: set[Row]) -> str:
    return f"there is {sorted(rows - wanted, key=repr)[:3]}, and should be {sorted(wanted - rows, key=repr)[:3]}"


def _numbers(books: Books) -> set[Row]:
    nothing = (None, None, None, None, 0)
    return {
        (
            e164, one.carrier, one.state, one.listing.price_source, *(one.prices or nothing)[:5], one.account_id,
            one.order_id, one.until, None if one.prices is None else one.prices.total,
        )
        for e164, one in books.numbers.items()
    }  # fmt: skip


def _answers(books: Books) -> set[Row]:
    return {
        (*name, *answer.fingerprint[:5], answer.request_id, answer.order_id, answer.code, answer.created_at)
        for name, answer in books.answers.items()
    }


_WANTED: Final[dict[str, Callable[[Books], set[Any]]]] = {
    "accounts": lambda books: (
        {
            (name, wallet.currency, "suspended" if wallet.suspended else "active")
            for name, wallet in books.wallets.items()
        }
        | {(name, "", "active") for name in books.operators}
    ),
    "wallets": lambda books: {
        (name, wallet.currency, wallet.posted, wallet.held, wallet.limit, wallet.entries)
        for name, wallet in books.wallets.items()
    },
    "numbers": _numbers,
    "orders": lambda books: {order.row for order in books.orders.values()},
    "transfers": lambda books: set(books.transfers.values()),
    "holds": lambda books: set(books.holds.values()),
    "rentals": lambda books: {rental.row for rental in books.rentals.values()},
    "idempotency_records": _answers,
    "keyed_requests": lambda books: {
        (account, f"{request} in vain" if one.in_vain else request, key, one.content, one.outcome_id, one.created_at)
        for (account, request, key), one in books.keyed.items()
    },
    "events": lambda books: books.events,
    "api_keys": lambda books: set(books.keys.items()),
    "superseded_prices": lambda books: {
        (e164, instant, *prices[:5])
        for e164, number in books.numbers.items()
        for instant, prices in number.former.items()
    },
    "price_rules": lambda books: set(books.rules.values()),
    "repricings": lambda books: set() if books.repricing is None else {(books.repricing,)},
    "carriers": lambda books: {
        (one.name, one.kind, one.state.value, one.credentials, one.updated_at) for one in books.carriers.values()
    },
    "offers": lambda books: {offer.row for offer in books.offers.values()},
    "carrier_orders": lambda books: {
        carrier_order_row(carrier_order) for carrier_order in books.carrier_orders.values()
    },
    "carrier_releases": lambda books: {one.row for one in books.releases.values()},
    "findings": lambda books: {(*key, *row) for key, row in books.findings.items()},
    "agreed_time": lambda books: set() if books.agreed is None else {books.agreed},
    "audits": lambda books: {audit.row for audit in books.audits.values()},
}
