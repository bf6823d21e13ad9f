"""Set and remove price rules; what they change for numbers is left to the repricing.

Touches: database.

The rule and the repricing that it needs are committed together, so no crash can leave numbers
at prices that no rule gives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from numberdesk.carriers.registry import KINDS
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.rule_store import (
    begin_repricings,
    delete_rules,
    find_rules,
    find_rules_by_id,
    lock_catalog,
    replace_rules,
)
from numberdesk.catalog.rules import Matches, PriceRule, check_rule
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import is_country


def new_price_rule(rule: PriceRule) -> PriceRule:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    check_rule(rule)
    if rule.iso_country and not is_country(rule.iso_country):
        raise InvalidRequest("iso_country", "is no country with a numbering plan")
    return rule


def unset_rates(rule: PriceRule, told: Collection[str]) -> str:
    """Say which rates a rule does not give: one with a margin makes them of costs, another has them fixed. "" for none.

    `told` are the directions of calls of which the rule's carrier tells what a minute costs.
    """
    fixed = {"inbound": rule.inbound, "outbound": rule.outbound}
    of_costs = told if rule.margin_percent is not None else ()
    unset = [direction for direction, rate in fixed.items() if rate is None and direction not in of_costs]
    if not unset:
        return ""
    directions = " and ".join(unset)
    if rule.margin_percent is None:
        return f"The rule has no price per minute {directions}: its numbers get no such rate, it is null, not 0."
    if rule.carrier == POOL:
        return f"Numbers whose file has no cost per minute {directions} get no such rate: it is null, not 0."
    return f"{rule.carrier} tells no cost per minute {directions}, so its numbers get no such rate: it is null, not 0."


def unset_setup(rule: PriceRule) -> str:
    """Say which numbers a rule does not price for want of a setup price; "" for none."""
    if rule.margin_percent is None or rule.setup is not None:
        return ""
    return "A number whose setup cost is unknown gets no price by this rule, which has no setup price"


def find_minute_costs(tx: Tx, carrier: str) -> tuple[str, ...]:
    """The directions of calls of which a connected carrier tells what a minute costs; files may tell of none."""
    account = find_carriers_named(tx, [carrier]).get(carrier)
    kind = None if account is None else KINDS.get(account.kind)
    return () if kind is None else kind.minute_costs


def set_price_rules(tx: Tx, rules: Sequence[PriceRule]) -> list[PriceRule | NumberdeskError]:
    """Store rules. One for the same numbers takes the place of the one there was and gets its id and time.

    InvalidRequest for a carrier that is not connected: a typing error would price nothing, unnoticed.
    """
    lock_catalog(tx)
    names = [rule.carrier for rule in rules]
    connected = {POOL, *find_carriers_named(tx, names)}
    known = {rule.matches: rule for rule in find_rules(tx, names)}
    outcomes: list[PriceRule | NumberdeskError] = []
    written: dict[Matches, PriceRule] = {}
    for rule in rules:
        if rule.carrier not in connected:
            outcomes.append(InvalidRequest("carrier", f"must be {POOL} or one that is connected"))
            continue
        before = known.get(rule.matches, rule)
        known[rule.matches] = written[rule.matches] = rule._replace(id=before.id, created_at=before.created_at)
        outcomes.append(written[rule.matches])
    replace_rules(tx, list(written.values()))
    _reprice_pool(tx, written.values())
    return outcomes


def remove_price_rules(tx: Tx, ids: Sequence[str]) -> list[PriceRule | NumberdeskError]:
    """Remove rules by id and return them; NotFound for an id without a rule."""
    lock_catalog(tx)
    known = find_rules_by_id(tx, ids)
    delete_rules(tx, known)
    _reprice_pool(tx, known.values())
    return [known.pop(rule_id) if rule_id in known else NotFound() for rule_id in ids]


def _reprice_pool(tx: Tx, rules: Iterable[PriceRule]) -> None:
    """Offers of other carriers are priced whenever they are searched; those of the own pool are stored with prices."""
    begin_repricings(tx, [rule.carrier for rule in rules if rule.carrier == POOL])
