"""Tell carriers that numbers go back to them, until they confirm it.

Touches: database.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.connections import CarrierConnections
from numberdesk.carriers.port import NotReleased, Released
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer, nothing
from numberdesk.numbers.giving_back import GivingBack, confirmed, put_off
from numberdesk.numbers.release_store import change_releases, find_due_carriers, lock_due_releases, lock_releases

POINTS: Final = ("giving_back", "given_back")
"""The points that a release passes: before its carrier is told, and when it has answered."""

GIVING_BACK_LEASE: Final = 200 * MICROSECONDS
"""How long giving one number back may take: three requests of the longest wait that an account may be given."""
_MOST_AT_ONCE: Final = 16


class TakeUpReleases(NamedTuple):
    """Take up to `limit` releases of each carrier, or of one `carrier`, that are due at `now`."""

    now: int
    limit: int = _MOST_AT_ONCE
    carrier: str | None = None


class Told(NamedTuple):
    """What a carrier said to one release."""

    release_id: str
    word: Released | NotReleased
    now: int


def take_up_releases(tx: Tx, commands: Sequence[TakeUpReleases]) -> list[list[GivingBack]]:
    """The write flow: the releases that are due, which are nobody else's for the length of a lease."""
    outcomes = []
    for command in commands:
        due = [
            one._replace(next_at=command.now + GIVING_BACK_LEASE)
            for one in lock_due_releases(tx, command.now, command.limit, command.carrier)
        ]
        change_releases(tx, due)
        outcomes.append(due)
    return outcomes


def note_releases(tx: Tx, commands: Sequence[Told]) -> list[GivingBack]:
    """The write flow: how releases stand after what carriers said. One that is confirmed stays so."""
    known = lock_releases(tx, [told.release_id for told in commands])
    outcomes = []
    changed: dict[str, GivingBack] = {}
    for told in commands:
        one = known[told.release_id]
        if one.confirmed_at is None:
            word = told.word
            one = confirmed(one, told.now) if isinstance(word, Released) else put_off(one, word.message, told.now)
            known[one.id] = changed[one.id] = one
        outcomes.append(one)
    change_releases(tx, list(changed.values()))
    return outcomes


async def carriers_to_tell(reader: Reader, now: int) -> list[str]:
    """The carriers of releases that are due: each may be told by itself, so that none waits for a slower one."""
    return await reader.read(lambda tx: find_due_carriers(tx, now))


async def confirm_releases(
    writer: Writer,
    reader: Reader,
    carriers: CarrierConnections,
    *,
    now: Callable[[], int],
    carrier: str | None = None,
    reach: Callable[[str], None] = nothing,
) -> bool:
    """One round: tell the carriers, one or all, of the releases that are due. True when there may be more.

    Whoever names a carrier knows that there is work for it; before a round for all it is looked for.
    """
    if carrier is None and not await carriers_to_tell(reader, now()):
        return False
    due = await writer.submit(take_up_releases, TakeUpReleases(now(), carrier=carrier))
    await asyncio.gather(*(_tell(one, writer, carriers, now, reach) for one in due))
    return _MOST_AT_ONCE in Counter(one.carrier for one in due).values()


async def _tell(
    one: GivingBack, writer: Writer, carriers: CarrierConnections, now: Callable[[], int], reach: Callable[[str], None]
) -> None:
    try:
        await _tell_one(one, writer, carriers, now, reach)
    except Exception:  # noqa: BLE001  whatever it was, the others go on, and this one is due again after its lease
        get_log().exception("release not told", release_id=one.id, carrier=one.carrier)


async def _tell_one(
    one: GivingBack, writer: Writer, carriers: CarrierConnections, now: Callable[[], int], reach: Callable[[str], None]
) -> None:
    reach("giving_back")
    line = await carriers.client(one.carrier)
    word: Released | NotReleased = NotReleased("this carrier is not connected")
    if line is not None:
        word = await line.release(one.e164, one.carrier_reference)
    reach("given_back")
    if isinstance(word, NotReleased):
        get_log().warning("release not confirmed", carrier=one.carrier, release_id=one.id, said=word.message)
    await writer.submit(note_releases, Told(one.id, word, now()))
