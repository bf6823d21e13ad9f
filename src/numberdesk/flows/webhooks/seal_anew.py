"""Seal the secrets of webhooks under the vault's first key.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.webhooks.model import WebhookEndpoint
from numberdesk.webhooks.store import change_endpoints, find_endpoints, list_endpoints

_MOST_AT_ONCE: Final = 500


class SealAnew(NamedTuple):
    """Webhooks after an id, a few hundred at a time."""

    after_id: str | None = None


class SealReport(NamedTuple):
    """How many were sealed, and the last of them; None when none is left."""

    sealed: int
    last_id: str | None


def seal_anew(vault: Vault) -> Callable[[Tx, Sequence[SealAnew]], list[SealReport | VaultError]]:
    """The write flow. A former secret is sealed anew as well; one that cannot be opened ends it."""

    def apply(tx: Tx, commands: Sequence[SealAnew]) -> list[SealReport | VaultError]:
        return [_seal(tx, command, vault) for command in commands]

    return apply


def _seal(tx: Tx, command: SealAnew, vault: Vault) -> SealReport | VaultError:
    ids = [one.id for one in list_endpoints(tx, None, after_id=command.after_id, limit=_MOST_AT_ONCE)]
    locked = find_endpoints(tx, ids, lock=True).values()
    try:
        anew = [_sealed(one, vault) for one in locked if one.deleted_at is None]
    except VaultError as error:
        return error
    change_endpoints(tx, anew)
    return SealReport(len(anew), ids[-1] if len(ids) == _MOST_AT_ONCE else None)


def _sealed(endpoint: WebhookEndpoint, vault: Vault) -> WebhookEndpoint:
    def anew(sealed: str) -> str:
        return vault.seal(endpoint.id, vault.open(endpoint.id, sealed))

    former = None if endpoint.former_secret is None else anew(endpoint.former_secret)
    return endpoint._replace(secret=anew(endpoint.secret), former_secret=former)
