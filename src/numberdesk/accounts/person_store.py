"""The SQL of people.

Touches: people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from numberdesk.accounts.people import Person
from numberdesk.core.roles import Role
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import stretch_of
from numberdesk.tables import people

_COLUMNS: Final = [people.c[name] for name in Person._fields]


def insert_people(tx: Tx, new: Sequence[Person]) -> None:
    """Record people."""
    tx.execute(people.insert(), [person._asdict() for person in new])


def find_people(tx: Tx, ids: Iterable[str], *, lock: bool = False) -> dict[str, Person]:
    """People by id, locked until the transaction ends where that is asked for."""
    query = select(*_COLUMNS).where(people.c.id.in_(sorted(set(ids)))).order_by(people.c.id)
    return {row.id: _person_of(row) for row in tx.execute(query.with_for_update() if lock else query)}


def find_people_called(tx: Tx, emails: Iterable[str]) -> dict[str, Person]:
    """People by email."""
    query = select(*_COLUMNS).where(people.c.email.in_(sorted(set(emails))))
    return {row.email: _person_of(row) for row in tx.execute(query)}


def list_people(tx: Tx, account_id: str | None, *, after_id: str | None, limit: int) -> list[Person]:
    """People of one account or of all, in the order of their invitation."""
    query = select(*_COLUMNS).order_by(people.c.id).limit(limit)
    if account_id is not None:
        query = select(*_COLUMNS).where(*stretch_of({people.c.account_id: account_id}, people.c.id, after=after_id))
        query = query.order_by(people.c.account_id, people.c.id).limit(limit)
    elif after_id is not None:
        query = query.where(people.c.id > after_id)
    return [_person_of(row) for row in tx.execute(query)]


def count_people(tx: Tx, account_ids: Iterable[str]) -> dict[str, int]:
    """How many people accounts have; an account without any is left out."""
    query = select(people.c.account_id, func.count().label("many")).where(people.c.account_id.in_(sorted(account_ids)))
    return {row.account_id: row.many for row in tx.execute(query.group_by(people.c.account_id))}


def save_people(tx: Tx, changed: Iterable[Person]) -> None:
    """Write roles, passwords and ends of locked people."""
    for person in changed:
        values = {"role": person.role.value, "password": person.password, "disabled_at": person.disabled_at}
        tx.execute(update(people).where(people.c.id == person.id).values(values))


def delete_people(tx: Tx, ids: Iterable[str]) -> None:
    """Remove people for good."""
    tx.execute(delete(people).where(people.c.id.in_(sorted(set(ids)))))


def _person_of(row: Any) -> Person:
    return Person(row.id, row.account_id, row.email, Role(row.role), row.created_at, row.password, row.disabled_at)
