"""The schema: SQLAlchemy Core tables on one MetaData, the same for every engine.

Touches: nothing.

Money is BIGINT micros, instants are BIGINT microseconds since the epoch, ids and states are
text. Constraints here are the second wall behind the decisions: what a defect would break,
the database refuses.
"""

from numberdesk.tables.accounts import accounts, api_keys, wallets
from numberdesk.tables.base import metadata
from numberdesk.tables.carriers import audits, carrier_orders, carrier_releases, carriers, findings
from numberdesk.tables.ledger import holds, transfers
from numberdesk.tables.numbers import numbers, price_rules, rentals, repricings, superseded_prices
from numberdesk.tables.offers import exchange_rates, offers
from numberdesk.tables.orders import answers, events, keyed_requests, orders
from numberdesk.tables.times import agreed_time
from numberdesk.tables.writers import writers

__all__ = [
    "accounts",
    "agreed_time",
    "answers",
    "api_keys",
    "audits",
    "carrier_orders",
    "carrier_releases",
    "carriers",
    "events",
    "exchange_rates",
    "findings",
    "holds",
    "keyed_requests",
    "metadata",
    "numbers",
    "offers",
    "orders",
    "price_rules",
    "rentals",
    "repricings",
    "superseded_prices",
    "transfers",
    "wallets",
    "writers",
]
