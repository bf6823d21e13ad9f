"""Tell carriers that numbers go back to them, until they confirm it.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.finding_store import (
    Finding,
    change_findings,
    insert_findings,
    lock_findings,
    of_stale_release,
    of_wrong_reference,
)
from numberdesk.carriers.port import AnotherNumber, NotReleased, Released
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.number_settings import NOTHING, SettingsNotKept
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.tell_operators import tell_findings
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.numbers.carrier_release import CarrierRelease, confirmed, goes_by_digits, parked, put_off
from numberdesk.numbers.carrier_release_store import DUE_RELEASES, change_releases, lock_releases, may_be_told
from numberdesk.numbers.settings_store import may_have_settings, note_given_back

CARRIER_RELEASES: Final = "carrier_releases"
"""The name of this kind of due work."""

_WAITS: Final = "it waits for a person: `numberdesk carriers findings`"


LEFT_OVER: Final = 3600 * MICROSECONDS
"""A release was due so long before this process began: nobody worked meanwhile, or the books are of a backup."""


class LeftOver(NamedTuple):
    """The release is left to a person: its carrier goes by the digits, and they may be somebody else's since."""


Answer = Released | NotReleased | AnotherNumber | LeftOver


class ReleaseReport(NamedTuple):
    """What a carrier said to one release, which was taken up with a lease `leased_until`.

    `carrier` and `e164` are the release's, for what becomes a finding.
    """

    release_id: str
    answer: Answer
    leased_until: int | None
    now: int
    carrier: str = ""
    e164: str = ""


class NotedRelease(NamedTuple):
    """A release after what its carrier said. `lease_lost`: somebody else has it by now, or has ended it."""

    release: CarrierRelease
    lease_lost: bool


def note_releases(tx: Tx, commands: Sequence[ReleaseReport]) -> list[NotedRelease]:
    """The write flow: how releases stand after what carriers said.

    Whoever has lost the lease changes nothing: a release that was confirmed while somebody else is telling the carrier
    might let the number be sold, and be taken from its buyer. What a person has to look at becomes a finding.
    """
    keys = [_finding(report, "").key for report in commands if isinstance(report.answer, AnotherNumber | LeftOver)]
    before = lock_findings(tx, keys)
    known = lock_releases(tx, [report.release_id for report in commands])
    outcomes = []
    changed: dict[str, CarrierRelease] = {}
    for report in commands:
        one = known[report.release_id]
        lease_lost = one.leased_until != report.leased_until
        if one.confirmed_at is None and not lease_lost:
            finding = _finding(report, one.carrier_reference or "")
            one = _after(one, report, finding)
            known[one.id] = changed[one.id] = one
            if one.parked_at is not None:
                before[finding.key] = _open(tx, before.get(finding.key), finding)
        outcomes.append(NotedRelease(one, lease_lost))
    change_releases(tx, list(changed.values()))
    for one in changed.values():
        if one.confirmed_at is not None:
            note_given_back(tx, one.carrier, [one.e164])
    return outcomes


def _after(one: CarrierRelease, report: ReleaseReport, finding: Finding) -> CarrierRelease:
    if isinstance(report.answer, Released):
        return confirmed(one, report.now)
    if isinstance(report.answer, NotReleased):
        return put_off(one, report.answer.message, report.now)
    return parked(one, finding.message, report.now)


def _finding(report: ReleaseReport, reference: str) -> Finding:
    """What a person has to look at, if anything: the release went by `reference`."""
    kind, message = FindingKind.STALE_RELEASE, of_stale_release()
    if isinstance(report.answer, AnotherNumber):
        kind, message = FindingKind.WRONG_REFERENCE, of_wrong_reference(reference, report.answer.e164)
    return Finding(report.carrier, report.e164, kind, FindingState.OPEN, "", "", message, report.now, report.now)


def _open(tx: Tx, before: Finding | None, finding: Finding) -> Finding:
    """Write a finding, or open it again."""
    if before is None:
        insert_findings(tx, [finding])
        tell_findings(tx, [(finding, finding.last_seen_at)])
        return finding
    again = finding if before.state is FindingState.ENDED else finding._replace(first_seen_at=before.first_seen_at)
    change_findings(tx, [again])
    if before.state is not FindingState.OPEN:
        tell_findings(tx, [(again, again.last_seen_at)])
    return again


def _has_settings(tx: Tx, one: CarrierRelease, now: int) -> bool:
    """Whether the carrier may have something set that it wants to be without first, and may be told of the number."""
    return may_have_settings(tx, one.carrier, one.e164) and may_be_told(tx, one, now)


async def _taken_off(
    reader: Reader, client: CarrierClient, one: CarrierRelease, now: Callable[[], int]
) -> NotReleased | None:
    """Take emergency address and caller name off a number; why it cannot be released yet, where they stay.

    What its carrier lost, or has under another id, has nothing that could be taken off: the release itself finds that.
    """
    if not await reader.look_up(lambda tx: _has_settings(tx, one, now())):
        return None
    cleared = await client.set_up(one.e164, one.carrier_reference, NOTHING)
    if not isinstance(cleared, SettingsNotKept) or cleared.no_number:
        return None
    return NotReleased(f"its emergency address and caller name could not be taken off: {cleared.message}")


def _is_left_over(one: CarrierRelease, began: int, now: int) -> bool:
    return one.next_at is not None and not began - LEFT_OVER <= one.next_at <= now


def confirm_carrier_releases(
    writer: Writer, reader: Reader, carriers: CarrierClients, now: Callable[[], int], *, began: int = 0
) -> DueWork[CarrierRelease, Answer]:
    """The kind of due work: numbers that go back to their carriers. `began` is when this process began to work.

    A carrier that goes by digits takes whatever number of ours has them. So it is told only while nobody else can have
    the number: the release is asked for in the books right before, it must be this process's for as long as the
    requests may take, and one that was left over from long before this process began is left to a person. So is one
    that is due far ahead: by a clock that is behind nobody can tell how old it is.
    """

    async def tell(one: CarrierRelease) -> Answer:
        if goes_by_digits(one) and _is_left_over(one, began, now()):
            return LeftOver()
        client = await carriers.client(one.carrier)
        if client is None:
            return NotReleased("this carrier is not connected")
        left = await _taken_off(reader, client, one, now)
        return left or await client.release(
            one.e164, one.carrier_reference, may_ask=lambda: reader.look_up(lambda tx: may_be_told(tx, one, now()))
        )

    async def note(one: CarrierRelease, answer: Answer) -> WorkOutcome:
        if not isinstance(answer, Released):
            said = answer.message if isinstance(answer, NotReleased) else _WAITS
            get_log().warning("release not confirmed", carrier=one.carrier, release_id=one.id, said=said)
        report = ReleaseReport(one.id, answer, one.leased_until, now(), one.carrier, one.e164)
        noted = await writer.submit(note_releases, report)
        if noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        if noted.release.parked_at is not None:
            return WorkOutcome.PARKED
        return WorkOutcome.RETRIED if noted.release.confirmed_at is None else WorkOutcome.DONE

    return DueWork(CARRIER_RELEASES, DUE_RELEASES, tell, note)
