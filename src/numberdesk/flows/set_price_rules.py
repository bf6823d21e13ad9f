"""Set and remove price rules; what they change for numbers is left to the repricing.

Touches: database.

The rule and the repricing that it needs are committed together, so no crash can leave numbers
at prices that no rule gives.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.catalog.numbering import is_country
from numberdesk.catalog.rule_store import (
    begin_repricings,
    delete_rules,
    find_rules,
    find_rules_by_id,
    lock_catalog,
    replace_rules,
)
from numberdesk.catalog.rules import PriceRule, check_rule
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.purchase import CONNECTED_CARRIERS
from numberdesk.infra.db import Tx


def new_price_rule(rule: PriceRule) -> PriceRule:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    check_rule(rule)
    if rule.carrier not in CONNECTED_CARRIERS:
        raise InvalidRequest("carrier", f"must be one that is connected: {', '.join(CONNECTED_CARRIERS)}")
    if rule.iso_country and not is_country(rule.iso_country):
        raise InvalidRequest("iso_country", "is no country with a numbering plan")
    return rule


def set_price_rules(tx: Tx, rules: Sequence[PriceRule]) -> list[PriceRule]:
    """Store rules. One for the same numbers takes the place of the one there was and gets its id and time."""
    lock_catalog(tx)
    known = {rule.matches: rule for rule in find_rules(tx, [rule.carrier for rule in rules])}
    outcomes = []
    for rule in rules:
        before = known.get(rule.matches, rule)
        known[rule.matches] = rule._replace(id=before.id, created_at=before.created_at)
        outcomes.append(known[rule.matches])
    replace_rules(tx, [known[matches] for matches in dict.fromkeys(rule.matches for rule in rules)])
    begin_repricings(tx, [rule.carrier for rule in rules])
    return outcomes


def remove_price_rules(tx: Tx, ids: Sequence[str]) -> list[PriceRule | NumberdeskError]:
    """Remove rules by id and return them; NotFound for an id without a rule."""
    lock_catalog(tx)
    known = find_rules_by_id(tx, ids)
    delete_rules(tx, known)
    begin_repricings(tx, [rule.carrier for rule in known.values()])
    return [known.pop(rule_id) if rule_id in known else NotFound() for rule_id in ids]
