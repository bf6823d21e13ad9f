"""The SQL of price rules, and of the repricing that a changed rule leaves to do.

Touches: price_rules, repricings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, func, select, text, update

from numberdesk.catalog.rules import PriceRule
from numberdesk.infra.db import Tx
from numberdesk.tables import price_rules, repricings

_RULE: Final = tuple(price_rules.c[name] for name in PriceRule._fields)


def lock_catalog(tx: Tx) -> None:
    """Let one import or change of price rules go on at a time, until the transaction ends.

    Otherwise numbers could be priced by a rule that another process is changing, or two imports
    could insert the same number. SQLite has one writer anyway.
    """
    if tx.engine_name == "postgresql":
        tx.execute(text("LOCK TABLE price_rules IN EXCLUSIVE MODE"))


def find_rules(tx: Tx, carriers: Iterable[str]) -> list[PriceRule]:
    """All price rules of some carriers."""
    query = select(*_RULE).where(price_rules.c.carrier.in_(sorted(set(carriers))))
    return [PriceRule._make(row) for row in tx.execute(query)]


def find_rules_by_id(tx: Tx, ids: Iterable[str]) -> dict[str, PriceRule]:
    """Price rules by id."""
    query = select(*_RULE).where(price_rules.c.id.in_(sorted(set(ids))))
    return {row.id: PriceRule._make(row) for row in tx.execute(query)}


def list_price_rules(tx: Tx, carrier: str | None = None, *, after_id: str | None = None, limit: int) -> list[PriceRule]:
    """Price rules of one carrier or of all, in the order of their making, from after the given id."""
    query = select(*_RULE).order_by(price_rules.c.id).limit(limit)
    if carrier is not None:
        query = query.where(price_rules.c.carrier == carrier)
    if after_id is not None:
        query = query.where(price_rules.c.id > after_id)
    return [PriceRule._make(row) for row in tx.execute(query)]


def replace_rules(tx: Tx, rules: Sequence[PriceRule]) -> None:
    """Record price rules, in the place of those with the same ids."""
    delete_rules(tx, [rule.id for rule in rules])
    if rules:
        tx.execute(price_rules.insert(), [rule._asdict() for rule in rules])


def delete_rules(tx: Tx, ids: Iterable[str]) -> None:
    """Remove price rules."""
    tx.execute(delete(price_rules).where(price_rules.c.id.in_(sorted(ids))))


def begin_repricings(tx: Tx, carriers: Iterable[str]) -> None:
    """Have every number of these carriers that rules price priced anew, from the first one."""
    for carrier in sorted(set(carriers)):
        if not place_repricing(tx, carrier, ""):
            tx.execute(repricings.insert().values(carrier=carrier, after_e164=""))


def next_repricing(tx: Tx) -> tuple[str, str] | None:
    """A carrier whose numbers are to be priced anew and the number after which to go on, locked."""
    row = tx.execute(select(repricings).order_by(repricings.c.carrier).limit(1).with_for_update()).first()
    return None if row is None else (row.carrier, row.after_e164)


def place_repricing(tx: Tx, carrier: str, after_e164: str) -> bool:
    """Write how far a repricing is; return whether there was one."""
    change = update(repricings).where(repricings.c.carrier == carrier).values(after_e164=after_e164)
    return bool(tx.execute(change).rowcount)


def end_repricing(tx: Tx, carrier: str) -> None:
    """Nothing is left to price anew for this carrier."""
    tx.execute(delete(repricings).where(repricings.c.carrier == carrier))


def count_repricings(tx: Tx) -> int:
    """How many carriers have numbers left to price anew."""
    return int(tx.execute(select(func.count()).select_from(repricings)).scalar_one())
