"""The schema: SQLAlchemy Core tables on one MetaData, the same for every engine.

Touches: nothing.

Money is BIGINT micros, instants are BIGINT microseconds since the epoch, ids and states are
text. Constraints here are the second wall behind the decisions: what a defect would break,
the database refuses.
"""

from numberdesk.tables.accounts import (
    accounts,
    actions,
    api_keys,
    balance_alerts,
    console_sessions,
    credit_limit_changes,
    passkey_challenges,
    passkeys,
    people,
    sign_in_links,
    spend_caps,
    time_zone_changes,
    wallets,
)
from numberdesk.tables.base import ALSO_ON_SQLITE, metadata
from numberdesk.tables.carriers import (
    adopted_offers,
    audits,
    carrier_orders,
    carrier_releases,
    carrier_troubles,
    carriers,
    findings,
)
from numberdesk.tables.compliance import compliance_profiles
from numberdesk.tables.connections import (
    connection_defaults,
    connection_permits,
    connection_removals,
    connections,
    rental_connections,
    trunk_numbers,
)
from numberdesk.tables.interventions import interventions
from numberdesk.tables.ledger import holds, line_sums, transfers
from numberdesk.tables.numbers import numbers, price_rules, rentals, repricings, superseded_prices
from numberdesk.tables.offers import exchange_rates, offers
from numberdesk.tables.orders import event_kinds, event_streams, events, idempotency_records, keyed_requests, orders
from numberdesk.tables.rent import rent_charges, rent_notices, rent_policies, rent_prices, rent_refunds
from numberdesk.tables.settings import number_settings
from numberdesk.tables.times import agreed_time
from numberdesk.tables.trigrams import number_trigrams, trigram_fills
from numberdesk.tables.usage import (
    call_costs,
    call_erasures,
    call_feeds,
    call_pulls,
    call_reversals,
    call_terms,
    calls,
    rate_deck_choices,
    rate_deck_rows,
    rate_decks,
    receivables,
    usage_rates,
    usage_sessions,
    usage_sources,
)
from numberdesk.tables.verify import verify_runs
from numberdesk.tables.webhooks import NAMES_ON_DEMAND, webhook_deliveries, webhook_endpoints
from numberdesk.tables.writers import writers

__all__ = [
    "ALSO_ON_SQLITE",
    "NAMES_ON_DEMAND",
    "accounts",
    "actions",
    "adopted_offers",
    "agreed_time",
    "api_keys",
    "audits",
    "balance_alerts",
    "call_costs",
    "call_erasures",
    "call_feeds",
    "call_pulls",
    "call_reversals",
    "call_terms",
    "calls",
    "carrier_orders",
    "carrier_releases",
    "carrier_troubles",
    "carriers",
    "compliance_profiles",
    "connection_defaults",
    "connection_permits",
    "connection_removals",
    "connections",
    "console_sessions",
    "credit_limit_changes",
    "event_kinds",
    "event_streams",
    "events",
    "exchange_rates",
    "findings",
    "holds",
    "idempotency_records",
    "interventions",
    "keyed_requests",
    "line_sums",
    "metadata",
    "number_settings",
    "number_trigrams",
    "numbers",
    "offers",
    "orders",
    "passkey_challenges",
    "passkeys",
    "people",
    "price_rules",
    "rate_deck_choices",
    "rate_deck_rows",
    "rate_decks",
    "receivables",
    "rent_charges",
    "rent_notices",
    "rent_policies",
    "rent_prices",
    "rent_refunds",
    "rental_connections",
    "rentals",
    "repricings",
    "sign_in_links",
    "spend_caps",
    "superseded_prices",
    "time_zone_changes",
    "transfers",
    "trigram_fills",
    "trunk_numbers",
    "usage_rates",
    "usage_sessions",
    "usage_sources",
    "verify_runs",
    "wallets",
    "webhook_deliveries",
    "webhook_endpoints",
    "writers",
]
