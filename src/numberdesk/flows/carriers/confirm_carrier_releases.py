"""Tell carriers that numbers go back to them, until they confirm it.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.connections import CarrierConnections
from numberdesk.carriers.port import NotReleased, Released
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.writer import Writer
from numberdesk.numbers.carrier_release import CarrierRelease, confirmed, put_off
from numberdesk.numbers.carrier_release_store import DUE_RELEASES, change_releases, lock_releases

CARRIER_RELEASES: Final = "carrier_releases"
"""The name of this kind of due work."""


class ReleaseReport(NamedTuple):
    """What a carrier said to one release, which was taken up with a lease `leased_until`."""

    release_id: str
    answer: Released | NotReleased
    leased_until: int | None
    now: int


class NotedRelease(NamedTuple):
    """A release after what its carrier said. `lease_lost`: somebody else has it by now, or has ended it."""

    release: CarrierRelease
    lease_lost: bool


def note_releases(tx: Tx, commands: Sequence[ReleaseReport]) -> list[NotedRelease]:
    """The write flow: how releases stand after what carriers said. One that is confirmed stays so."""
    known = lock_releases(tx, [report.release_id for report in commands])
    outcomes = []
    changed: dict[str, CarrierRelease] = {}
    for report in commands:
        one = known[report.release_id]
        lease_lost = one.leased_until != report.leased_until
        if one.confirmed_at is None:
            answer = report.answer
            if isinstance(answer, Released):
                one = confirmed(one, report.now)
            else:
                one = put_off(one, answer.message, report.now)
            known[one.id] = changed[one.id] = one
        outcomes.append(NotedRelease(one, lease_lost))
    change_releases(tx, list(changed.values()))
    return outcomes


def confirm_carrier_releases(
    writer: Writer, carriers: CarrierConnections, now: Callable[[], int]
) -> DueWork[CarrierRelease, Released | NotReleased]:
    """The kind of due work: numbers that go back to their carriers."""

    async def tell(one: CarrierRelease) -> Released | NotReleased:
        client = await carriers.client(one.carrier)
        if client is None:
            return NotReleased("this carrier is not connected")
        return await client.release(one.e164, one.carrier_reference)

    async def note(one: CarrierRelease, answer: Released | NotReleased) -> WorkOutcome:
        if isinstance(answer, NotReleased):
            get_log().warning("release not confirmed", carrier=one.carrier, release_id=one.id, said=answer.message)
        noted = await writer.submit(note_releases, ReleaseReport(one.id, answer, one.leased_until, now()))
        if noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.RETRIED if noted.release.confirmed_at is None else WorkOutcome.DONE

    return DueWork(CARRIER_RELEASES, DUE_RELEASES, tell, note)
