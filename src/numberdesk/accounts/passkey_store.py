"""The SQL of passkeys and of the challenges that they answer.

Touches: passkeys, passkey_challenges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import delete, select, update

from numberdesk.accounts.passkeys import MOST_CHALLENGES, MOST_CHALLENGES_OF_PERSON, Passkey, PasskeyChallenge
from numberdesk.infra.db import Tx
from numberdesk.tables import passkey_challenges, passkeys

_COLUMNS: Final = [passkeys.c[name] for name in Passkey._fields]
_MOST_DELETED: Final = 100


def insert_passkey(tx: Tx, new: Passkey) -> None:
    """Record a passkey."""
    tx.execute(passkeys.insert(), [new._asdict()])


def find_passkeys(tx: Tx, ids: Iterable[str], *, lock: bool = False) -> dict[str, Passkey]:
    """Passkeys by id, locked until the transaction ends where that is asked for."""
    query = select(*_COLUMNS).where(passkeys.c.id.in_(sorted(set(ids)))).order_by(passkeys.c.id)
    return {row.id: _passkey_of(row) for row in tx.execute(query.with_for_update() if lock else query)}


def find_passkey_by_credential(tx: Tx, credential: str) -> Passkey | None:
    """The passkey that calls itself by a credential's id."""
    row = tx.execute(select(*_COLUMNS).where(passkeys.c.credential == credential)).first()
    return None if row is None else _passkey_of(row)


def list_passkeys(tx: Tx, person_id: str) -> list[Passkey]:
    """The passkeys of a person, the oldest first."""
    query = select(*_COLUMNS).where(passkeys.c.person_id == person_id).order_by(passkeys.c.id)
    return [_passkey_of(row) for row in tx.execute(query)]


def save_passkey(tx: Tx, changed: Passkey) -> None:
    """Write the name, the count and the last use of a locked passkey."""
    values = {"name": changed.name, "sign_count": changed.sign_count, "used_at": changed.used_at}
    tx.execute(update(passkeys).where(passkeys.c.id == changed.id).values(values))


def delete_passkeys(tx: Tx, ids: Collection[str]) -> None:
    """Remove passkeys for good."""
    tx.execute(delete(passkeys).where(passkeys.c.id.in_(sorted(ids))))


def delete_passkeys_of(tx: Tx, person_id: str) -> None:
    """Remove all passkeys of a person for good, and what one of them was to sign."""
    tx.execute(delete(passkeys).where(passkeys.c.person_id == person_id))
    tx.execute(delete(passkey_challenges).where(passkey_challenges.c.person_id == person_id))


def insert_challenge(tx: Tx, new: PasskeyChallenge, *, most: int = MOST_CHALLENGES) -> None:
    """Record a challenge; of those of its person, or beyond `most` of nobody yet, the oldest are forgotten."""
    tx.execute(passkey_challenges.insert(), [new._asdict()])
    kept = MOST_CHALLENGES_OF_PERSON if new.person_id else most
    mine = select(passkey_challenges.c.hash).where(passkey_challenges.c.person_id == new.person_id)
    newest = mine.order_by(passkey_challenges.c.expires_at.desc(), passkey_challenges.c.hash)
    _forget(tx, list(tx.execute(newest.offset(kept).limit(_MOST_DELETED)).scalars()))


def take_challenge(tx: Tx, wanted: str, person_id: str, now: int) -> bool:
    """Whether a challenge is open for a person, or for somebody who signs in; it is no more after that."""
    found = (passkey_challenges.c.hash == wanted, passkey_challenges.c.person_id == person_id)
    fresh = passkey_challenges.c.expires_at > now
    return tx.execute(delete(passkey_challenges).where(*found, fresh)).rowcount == 1


def forget_challenges(tx: Tx, expired_by: int, limit: int) -> int:
    """Delete challenges that expired by an instant, at most so many; how many."""
    old = select(passkey_challenges.c.hash).where(passkey_challenges.c.expires_at <= expired_by)
    found = list(tx.execute(old.order_by(passkey_challenges.c.expires_at).limit(limit)).scalars())
    _forget(tx, found)
    return len(found)


def _forget(tx: Tx, hashes: Collection[str]) -> None:
    if hashes:
        tx.execute(delete(passkey_challenges).where(passkey_challenges.c.hash.in_(sorted(hashes))))


def _passkey_of(row: Any) -> Passkey:
    return Passkey(**row._asdict())
