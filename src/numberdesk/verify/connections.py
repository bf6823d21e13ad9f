"""What must hold of connections: numbers go where their account may send them, and what carriers have is known.

Touches: connection_defaults, connection_removals, connections, number_settings, orders, rental_connections, rentals,
trunk_numbers.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, exists, func, not_, or_, select

from numberdesk.core.connection import ConnectionKind, ConnectionState
from numberdesk.core.purchase import POOL
from numberdesk.tables import (
    connection_defaults,
    connection_removals,
    connections,
    number_settings,
    orders,
    rental_connections,
    rentals,
    trunk_numbers,
)
from numberdesk.verify.carriers import is_sealed
from numberdesk.verify.engine import in_key_order, rule

_LIVE: Final = rentals.c.released_at.is_(None)

_ASTRAY: Final = (
    select(rentals.c.id, rentals.c.account_id, rentals.c.connection_id, connections.c.account_id.label("whose"))
    .select_from(rentals.outerjoin(connections, connections.c.id == rentals.c.connection_id))
    .where(
        in_key_order(rentals.c.id),
        _LIVE,
        rentals.c.connection_id.is_not(None),
        or_(
            connections.c.id.is_(None),
            connections.c.deleted_at.is_not(None),
            connections.c.account_id != rentals.c.account_id,
        ),
    )
)


def _says_astray(row: Any) -> str:
    return f"it is connected to {row.connection_id}, which is deleted, or not there, or {row.whose}'s"


_UNTOLD: Final = (
    select(rentals.c.id, orders.c.carrier)
    .join(orders, orders.c.id == rentals.c.order_id)
    .where(
        _LIVE,
        rentals.c.connection_id.is_not(None),
        orders.c.carrier != POOL,
        ~exists().where(rental_connections.c.rental_id == rentals.c.id),
    )
)


def _says_untold(row: Any) -> str:
    return f"it is to be connected, and nothing says that {row.carrier} is to be told"


_MISAPPLIED: Final = (
    select(
        rental_connections.c.rental_id,
        rental_connections.c.state,
        rental_connections.c.applied_generation,
        rental_connections.c.applied_connection_id,
        rentals.c.connection_generation,
        rentals.c.connection_id,
    )
    .join(rentals, rentals.c.id == rental_connections.c.rental_id)
    .join(orders, orders.c.id == rentals.c.order_id)
    .where(
        or_(
            rental_connections.c.account_id != rentals.c.account_id,
            rental_connections.c.e164 != rentals.c.e164,
            rental_connections.c.carrier != orders.c.carrier,
            rental_connections.c.applied_generation > rentals.c.connection_generation + 1,
            and_(_LIVE, rental_connections.c.applied_generation > rentals.c.connection_generation),
            and_(
                rental_connections.c.state == "active",
                or_(
                    not_(_LIVE),
                    rental_connections.c.applied_generation != rentals.c.connection_generation,
                    rental_connections.c.applied_connection_id.is_distinct_from(rentals.c.connection_id),
                ),
            ),
            and_(rental_connections.c.state == "none", _LIVE, rentals.c.connection_id.is_not(None)),
        )
    )
)


def _says_misapplied(row: Any) -> str:
    return (
        f"it is {row.state} with {row.applied_connection_id} of generation {row.applied_generation}; its rental, maybe "
        f"of another account, number or carrier, wants {row.connection_id} of generation {row.connection_generation}"
    )


_NO_DEFAULT: Final = (
    select(connection_defaults.c.scope, connection_defaults.c.name, connection_defaults.c.connection_id)
    .select_from(connection_defaults.outerjoin(connections, connections.c.id == connection_defaults.c.connection_id))
    .where(
        or_(
            connections.c.id.is_(None),
            connections.c.deleted_at.is_not(None),
            and_(
                connections.c.account_id.is_not(None),
                or_(
                    connection_defaults.c.scope != "account",
                    connections.c.account_id != connection_defaults.c.name,
                ),
            ),
        )
    )
)


def _says_no_default(row: Any) -> str:
    return (
        f"the default of the {row.scope} {row.name} is {row.connection_id}, which is deleted, not there, or another's"
    )


_NOTHING_TO_REMOVE: Final = select(connection_removals.c.id, connection_removals.c.connection_id).where(
    ~exists().where(connections.c.id == connection_removals.c.connection_id)
)


def _says_nothing_to_remove(row: Any) -> str:
    return f"there is no connection {row.connection_id} that a carrier could forget"


_OPEN: Final = select(connections.c.id, func.length(connections.c.secrets).label("length")).where(
    connections.c.secrets.is_not(None), not_(is_sealed(connections.c.secrets))
)


def _says_open(row: Any) -> str:
    """A length only: what is stored may be a secret."""
    return f"its secrets, of {row.length} characters, are not sealed, and may lie in clear"


_OUT_OF_TRUNK: Final = (
    select(rentals.c.id, rentals.c.connection_id)
    .join(connections, connections.c.id == rentals.c.connection_id)
    .where(
        in_key_order(rentals.c.id),
        _LIVE,
        connections.c.kind == ConnectionKind.LIVEKIT.value,
        ~exists().where(
            trunk_numbers.c.e164 == rentals.c.e164, trunk_numbers.c.connection_id == rentals.c.connection_id
        ),
    )
)


def _says_out_of_trunk(row: Any) -> str:
    return f"it is to be in the trunk of {row.connection_id}, and nothing says that the server is to be told"


_LEFT_IN_TRUNK: Final = select(trunk_numbers.c.id, trunk_numbers.c.e164, trunk_numbers.c.connection_id).where(
    trunk_numbers.c.state == ConnectionState.ACTIVE.value,
    ~exists().where(
        rentals.c.e164 == trunk_numbers.c.e164, rentals.c.connection_id == trunk_numbers.c.connection_id, _LIVE
    ),
)


def _says_left_in_trunk(row: Any) -> str:
    return f"{row.e164} rests in the trunk of {row.connection_id}, which no rental of it wants"


_STRAY_SETTINGS: Final = (
    select(number_settings.c.rental_id.label("id"), number_settings.c.e164, rentals.c.released_at)
    .join(rentals, rentals.c.id == number_settings.c.rental_id)
    .where(
        in_key_order(number_settings.c.rental_id),
        or_(
            number_settings.c.account_id != rentals.c.account_id,
            number_settings.c.e164 != rentals.c.e164,
            and_(
                rentals.c.released_at.is_not(None),
                number_settings.c.may_have == 0,
                or_(number_settings.c.emergency_address != "", number_settings.c.caller_name != ""),
            ),
        ),
    )
)


def _says_stray_settings(row: Any) -> str:
    why = "is of another number or account" if row.released_at is None else "has ended, or is of another"
    return f"settings of {row.e164} are kept, and their rental {why}"


CHECKS: Final = (
    rule(
        "I17",
        "settings are of their rental's number, and forgotten after its end",
        number_settings,
        _STRAY_SETTINGS,
        _says_stray_settings,
    ),
    rule("I17", "a number is connected to what its account has", rentals, _ASTRAY, _says_astray),
    rule("I17", "of every number that is to be connected its carrier is told", rentals, _UNTOLD, _says_untold),
    rule("I17", "what a carrier has is what its rental wanted", rental_connections, _MISAPPLIED, _says_misapplied),
    rule("I17", "a default is a connection of its account", connection_defaults, _NO_DEFAULT, _says_no_default),
    rule(
        "I17",
        "carriers are to forget connections that there were",
        connection_removals,
        _NOTHING_TO_REMOVE,
        _says_nothing_to_remove,
    ),
    rule("I17", "a number is in the trunk of its connection", rentals, _OUT_OF_TRUNK, _says_out_of_trunk),
    rule("I17", "a trunk has no number that is not for it", trunk_numbers, _LEFT_IN_TRUNK, _says_left_in_trunk),
    rule("I15", "of every connection's secrets only the sealed form is stored", connections, _OPEN, _says_open),
)
