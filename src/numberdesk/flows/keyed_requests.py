"""Do a request that came with an Idempotency-Key once: what the batch knows of keys, and what it notes of them.

Touches: database.

    keyed = KeyedRequests(tx, (command.request_key for command in commands))
    first = keyed.first(command.request_key)        an id, a conflict, or None: it is to be done now
    keyed.note(command.request_key, made.id, command.now)
    keyed.save(tx)

Only what was done is noted: a refused request may be sent again with its key. A request that found done
what it asked for is noted in vain: such keys cost nothing, so only the newest are kept of an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from numberdesk.core.errors import IdempotencyConflict
from numberdesk.core.request_keys import RequestKey, differing_field
from numberdesk.infra.db import Tx
from numberdesk.numbers.agreed_time_store import find_agreed_at
from numberdesk.orders.keyed_request_store import evict_keyed_requests, find_keyed_requests, insert_keyed_requests

MOST_IN_VAIN: Final = 100
"""Keys kept of one account and kind of request of those that changed nothing."""

_IN_VAIN: Final = " in vain"


class KeyedRequests:
    """The keyed requests that a batch meets, as each of its commands sees them."""

    def __init__(self, tx: Tx, keys: Iterable[RequestKey | None]) -> None:
        given = [key for key in keys if key is not None]
        found = find_keyed_requests(tx, [named[:3] for key in given for named in (key, _in_vain(key))])
        self._known = {
            key[:3]: found[named[:3]] for key in given for named in (_in_vain(key), key) if named[:3] in found
        }
        self._done: dict[RequestKey, tuple[str, int]] = {}

    @property
    def outcome_ids(self) -> Sequence[str]:
        """The ids of what requests with these keys made or ended before."""
        return [outcome_id for _, outcome_id in self._known.values()]

    def first(self, key: RequestKey | None) -> str | IdempotencyConflict | None:
        """What the first request with a key made or ended; a conflict when that said something else."""
        known = None if key is None else self._known.get(key[:3])
        if key is None or known is None:
            return None
        content, outcome_id = known
        differing = differing_field(content, key.content)
        return outcome_id if differing is None else IdempotencyConflict(differing)

    def note(self, key: RequestKey | None, outcome_id: str, now: int, *, in_vain: bool = False) -> None:
        """A request was done, at its own time, or was `in_vain`: it was done before, under no key or another."""
        if key is not None:
            self._done[_in_vain(key) if in_vain else key] = outcome_id, now
            self._known[key[:3]] = key.content, outcome_id

    def save(self, tx: Tx) -> None:
        """Write what was done."""
        if self._done:
            agreed_at = find_agreed_at(tx)
            kept = {key: (outcome_id, max(now, agreed_at)) for key, (outcome_id, now) in self._done.items()}
            insert_keyed_requests(tx, kept)
            evict_keyed_requests(tx, [key[:2] for key in self._done if key.request.endswith(_IN_VAIN)], MOST_IN_VAIN)


def _in_vain(key: RequestKey) -> RequestKey:
    return key._replace(request=f"{key.request}{_IN_VAIN}")
