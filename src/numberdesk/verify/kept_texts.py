"""What must hold of texts in which JSON is kept: they can be read. Those of rentals and refusals stand with these.

Touches: actions, carrier_orders, carriers, compliance_profiles, connections, events, keyed_requests.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, func
from sqlalchemy.sql.elements import Label

from numberdesk.carriers.store import are_options
from numberdesk.core.carrier_order import is_count
from numberdesk.tables import (
    actions,
    carrier_orders,
    carriers,
    compliance_profiles,
    connections,
    events,
    keyed_requests,
)
from numberdesk.verify.engine import json_check
from numberdesk.verify.orders import are_details


def are_counts(content: object) -> bool:
    """Whether what processes have counted is what was decoded."""
    return isinstance(content, list) and all(is_count(each) for each in content)


def _or_nothing(column: Column[str]) -> Label[Any]:
    """A column that is empty in rows from before it was there."""
    return func.nullif(column, "").label(column.name)


_OF_KEYS: Final = (keyed_requests.c.account_id, keyed_requests.c.request, keyed_requests.c.key)

CHECKS: Final = (
    json_check(
        "I20", "how every carrier is set up can be read", carriers, (carriers.c.name,), carriers.c.options, are_options
    ),
    *(
        json_check(
            "I20", f"the {column.name} of every action can be read", actions, (actions.c.id,), column, are_details
        )
        for column in (actions.c.details, _or_nothing(actions.c.before), _or_nothing(actions.c.after))
    ),
    json_check("I20", "what every event tells can be read", events, (events.c.id,), events.c.payload, are_details),
    json_check(
        "I20",
        "the papers of every compliance profile can be read",
        compliance_profiles,
        (compliance_profiles.c.id,),
        compliance_profiles.c.papers,
        are_options,
    ),
    json_check(
        "I20",
        "where every connection leads can be read",
        connections,
        (connections.c.id,),
        connections.c.settings,
        are_details,
    ),
    json_check(
        "I20",
        "the absences that were counted of every order can be read",
        carrier_orders,
        (carrier_orders.c.order_id,),
        carrier_orders.c.counts,
        are_counts,
    ),
    json_check(
        "I20",
        "the details of every failed order can be read",
        carrier_orders,
        (carrier_orders.c.order_id,),
        carrier_orders.c.error_details,
        are_details,
    ),
    json_check(
        "I20",
        "what every request kept under a key said can be read",
        keyed_requests,
        _OF_KEYS,
        keyed_requests.c.content,
        are_details,
    ),
)
