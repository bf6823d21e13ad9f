"""Seal the secrets of connections under the vault's first key.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.connections.sealing import sealed_anew
from numberdesk.connections.store import change_connections, find_connections, list_connections
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault, VaultError

_MOST_AT_ONCE: Final = 500


class SealConnections(NamedTuple):
    """Connections after an id, a few hundred at a time."""

    after_id: str | None = None


class SealedConnections(NamedTuple):
    """How many had a secret that was sealed, and the last that was looked at; None when none is left."""

    sealed: int
    last_id: str | None


def seal_connections_anew(
    vault: Vault,
) -> Callable[[Tx, Sequence[SealConnections]], list[SealedConnections | VaultError]]:
    """The write flow. A secret that cannot be opened ends it."""

    def apply(tx: Tx, commands: Sequence[SealConnections]) -> list[SealedConnections | VaultError]:
        return [_seal(tx, command, vault) for command in commands]

    return apply


def _seal(tx: Tx, command: SealConnections, vault: Vault) -> SealedConnections | VaultError:
    ids = [one.id for one in list_connections(tx, None, after_id=command.after_id, limit=_MOST_AT_ONCE)]
    locked = [one for one in find_connections(tx, ids, lock=True).values() if one.secrets is not None]
    try:
        anew = [sealed_anew(one, vault) for one in locked]
    except VaultError as error:
        return error
    change_connections(tx, anew)
    return SealedConnections(len(anew), ids[-1] if len(ids) == _MOST_AT_ONCE else None)
