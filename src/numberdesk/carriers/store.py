"""The SQL of accounts at carriers.

Touches: carriers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update

from numberdesk.carriers.audit_store import insert_audits
from numberdesk.carriers.port import CarrierAccount, UnreadableOptions
from numberdesk.core.lifecycle import CarrierState
from numberdesk.infra.db import Tx
from numberdesk.tables import carriers

_COLUMNS: Final = tuple(carriers.c[name] for name in CarrierAccount._fields)


def list_carriers(tx: Tx) -> list[CarrierAccount]:
    """All accounts at carriers, by name. There are few."""
    return [_account_of(row) for row in tx.execute(select(*_COLUMNS).order_by(carriers.c.name))]


def lock_carriers(tx: Tx, names: Iterable[str]) -> dict[str, CarrierAccount]:
    """Accounts at carriers by name, locked in sorted order until the transaction ends."""
    query = select(*_COLUMNS).where(carriers.c.name.in_(sorted(set(names)))).order_by(carriers.c.name)
    return {row.name: _account_of(row) for row in tx.execute(query.with_for_update())}


def find_carriers_named(tx: Tx, names: Iterable[str]) -> dict[str, CarrierAccount]:
    """Accounts at carriers by name."""
    query = select(*_COLUMNS).where(carriers.c.name.in_(sorted(set(names))))
    return {row.name: _account_of(row) for row in tx.execute(query)}


def insert_carriers(tx: Tx, new: Sequence[CarrierAccount]) -> None:
    """Record accounts at carriers, each to be audited from now on."""
    for account in new:
        tx.execute(carriers.insert(), [_row(account)])
        insert_audits(tx, [account.name], account.created_at)


def change_carriers(tx: Tx, changed: Iterable[CarrierAccount]) -> None:
    """Write state, options and credentials back."""
    for account in changed:
        row = _row(account)
        values = {name: row[name] for name in ("state", "options", "credentials", "updated_at")}
        tx.execute(update(carriers).where(carriers.c.name == account.name).values(values))


def _row(account: CarrierAccount) -> dict[str, Any]:
    return {
        **account._asdict(),
        "state": account.state.value,
        "options": _text_of(account.options),
    }


def _account_of(row: Any) -> CarrierAccount:
    name, kind, state, options, *rest = row
    return CarrierAccount(name, kind, CarrierState(state), _options_of(options), *rest)


def _text_of(options: Mapping[str, str]) -> str:
    return options.text if isinstance(options, UnreadableOptions) else json.dumps(dict(options), sort_keys=True)


def _options_of(text: str) -> Mapping[str, str]:
    """Those that cannot be read stop one carrier alone: the others sell on. `verify` names the row."""
    try:
        options = json.loads(text)
    except (ValueError, RecursionError):
        return UnreadableOptions(text)
    return options if are_options(options) else UnreadableOptions(text)


def are_options(content: object) -> bool:
    """Whether texts by their names are what was decoded."""
    return isinstance(content, dict) and all(isinstance(value, str) for value in content.values())
