"""Write down what audits of carriers found, and what a person decides about it.

Touches: database.

A number that nobody has in the books rests here for as long as it is found at the carrier, so that it
is not sold meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.carriers.audit_store import AUDIT_LEASE, CarrierAudit, lock_audits, place_audit
from numberdesk.carriers.finding_store import (
    Finding,
    change_findings,
    end_findings,
    find_findings,
    insert_findings,
    lock_findings,
)
from numberdesk.carriers.store import lock_carriers
from numberdesk.catalog.offer_store import lock_offers
from numberdesk.catalog.remote_search import Known, listing_of_any
from numberdesk.catalog.store import insert_listings
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.findings import DRIFTS, FindingKind, FindingState
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.purchase import POOL, SaleNumber
from numberdesk.core.schedule import is_leased, leased
from numberdesk.flows.connections.connect_anew import connect_anew, lock_to_connect, put_in_anew
from numberdesk.flows.settings.want_settings import set_up_anew
from numberdesk.flows.tell_operators import tell_findings
from numberdesk.infra.db import Tx
from numberdesk.numbers.carrier_release import of_finding
from numberdesk.numbers.carrier_release_store import find_asked_back, insert_releases, tell_by_digits
from numberdesk.numbers.settings_store import lock_settings
from numberdesk.numbers.store import lock_sale_numbers, save_sale_numbers

PUTTING: Final = "; it is being put back"
"""What is added to what is said of a number whose carrier is told anew."""

WAITING: Final = frozenset({FindingKind.WRONG_REFERENCE, FindingKind.STALE_RELEASE})
"""What is found of numbers whose going back waits for a person; and of rented ones, which nobody gives back."""


class BeginAudit(NamedTuple):
    """Begin an audit of a carrier at `now`, whether it is its time or not."""

    carrier: str
    now: int


class AskForAudit(NamedTuple):
    """Let a carrier be audited by whoever looks next, whenever it was last."""

    carrier: str
    now: int


class AuditResult(NamedTuple):
    """What an audit found. `message` tells why it was not finished, "" when it was. Instants and spans in microseconds.

    `leased_until` is the lease under which it was made. Of an audit that found much, the findings come in parts, so
    that no purchase waits long behind it: `goes_on` until the last, which says how many were `noted` before it.
    """

    carrier: str
    began_at: int
    ended_at: int
    next_at: int
    owned: int
    findings: tuple[Finding, ...]
    message: str
    quarantine: int
    goes_on: bool = False
    noted: int = 0
    leased_until: int | None = None


class NotedAudit(NamedTuple):
    """The findings of an audit that are new, or open again. `lease_lost`: another audit has begun meanwhile."""

    news: list[Finding]
    lease_lost: bool = False


class FindingResolution(StrEnum):
    """What is to become of a finding."""

    KEEP = "keep"  # it is right so; not for what is on its way back already
    PUT_BACK = "put_back"  # what somebody changed of a drifted number is told anew
    RELEASE = "release"  # it goes back to its carrier: an orphan, or what waits for a person on its way back


class ResolveFinding(NamedTuple):
    """A person's decision about the finding of a kind, without one about that which has not ended.

    `serial` is new and used only for a release.
    """

    carrier: str
    e164: str
    kind: FindingKind | None
    resolution: FindingResolution
    serial: str
    now: int


def begin_audits(tx: Tx, commands: Sequence[BeginAudit]) -> list[CarrierAudit]:
    """The write flow: the audits as they are begun, which are nobody else's for the length of a lease."""
    lock_carriers(tx, [command.carrier for command in commands])
    last = lock_audits(tx, [command.carrier for command in commands])
    begun = []
    for command in commands:
        audit = _last(last, command.carrier, command.now)
        begun.append(leased(audit, command.now + AUDIT_LEASE, began_at=command.now))
        place_audit(tx, begun[-1])
    return begun


def ask_for_audits(tx: Tx, commands: Sequence[AskForAudit]) -> list[CarrierAudit | NumberdeskError]:
    """The write flow: the audits as they stand then, due now unless they are under way; NotFound without a carrier."""
    known = lock_carriers(tx, [command.carrier for command in commands])
    last = lock_audits(tx, known)
    outcomes: list[CarrierAudit | NumberdeskError] = []
    for command in commands:
        if command.carrier not in known:
            outcomes.append(NotFound("There is no such carrier."))
            continue
        audit = _last(last, command.carrier, command.now)
        if not is_leased(audit, command.now):
            audit = audit._replace(next_at=command.now, leased_until=None, asked_at=command.now)
            place_audit(tx, audit)
            last[command.carrier] = audit
        outcomes.append(audit)
    return outcomes


def _last(known: Mapping[str, CarrierAudit], carrier: str, now: int) -> CarrierAudit:
    return known.get(carrier) or CarrierAudit(carrier, now)


def note_audits(tx: Tx, results: Sequence[AuditResult]) -> list[NotedAudit]:
    """The write flow: what is new. What was not found again has ended.

    An orphan that is found although its carrier confirmed to have it back is open again.
    """
    lock_carriers(tx, [result.carrier for result in results])
    last = lock_audits(tx, [result.carrier for result in results])
    outcomes = []
    for result in results:
        audit = _last(last, result.carrier, result.began_at)
        lease_lost = audit.leased_until != result.leased_until
        if not result.goes_on:
            last[result.carrier] = _ended(audit, result)
            place_audit(tx, last[result.carrier])
        outcomes.append(NotedAudit(_note(tx, result), lease_lost))
    return outcomes


def _ended(audit: CarrierAudit, result: AuditResult) -> CarrierAudit:
    """The audit when it is over: whoever asked for one has it."""
    return audit._replace(
        next_at=result.next_at,
        attempts=audit.attempts + 1 if result.message else 0,
        message=result.message,
        leased_until=None,
        asked_at=None,
        began_at=result.began_at,
        ended_at=result.ended_at,
        owned=result.owned,
        found=result.noted + len(result.findings),
    )


def _note(tx: Tx, result: AuditResult) -> list[Finding]:
    if result.message:
        return []  # an audit that was not finished says nothing of what it did not see
    if not result.goes_on:
        _end(tx, result)
    before = lock_findings(tx, [finding.key for finding in result.findings])
    going = [finding.e164 for finding in before.values() if finding.state is FindingState.RELEASING]
    new, changed = _differences(result, before, find_asked_back(tx, going, result.began_at) if going else set())
    insert_findings(tx, new)
    change_findings(tx, changed)
    _rest(tx, result)
    again = [after for after in changed if after.state is not before[after.key].state]
    tell_findings(tx, [*((one, one.first_seen_at) for one in new), *((one, one.last_seen_at) for one in again)])
    return [*new, *again]


def _end(tx: Tx, result: AuditResult) -> None:
    """End what was found before and is not there any more."""
    seen = (result.began_at, result.ended_at) if result.noted else None
    found = {finding.key for finding in result.findings}
    gone: dict[FindingKind, list[str]] = {}
    for finding in find_findings(tx, result.carrier, but_seen=seen).values():
        if finding.key not in found:
            gone.setdefault(finding.kind, []).append(finding.e164)
    for kind, e164s in gone.items():
        end_findings(tx, result.carrier, kind, e164s, result.ended_at)


def _differences(
    result: AuditResult, before: Mapping[tuple[str, str, str], Finding], going: AbstractSet[tuple[str, str]]
) -> tuple[list[Finding], list[Finding]]:
    new, changed = [], []
    for finding in result.findings:
        known = before.get(finding.key)
        if known is None:
            new.append(finding)
            continue
        given_back = known.state is FindingState.RELEASING and (known.carrier, known.e164) not in going
        state = FindingState.OPEN if given_back or known.state is FindingState.ENDED else known.state
        first = finding.first_seen_at if known.state is FindingState.ENDED else known.first_seen_at
        changed.append(finding._replace(state=state, first_seen_at=first))
    return new, changed


def _rest(tx: Tx, result: AuditResult) -> None:
    """Let orphans rest until well after the next audit."""
    orphans = [finding for finding in result.findings if finding.kind is FindingKind.ORPHAN]
    sale_numbers = lock_sale_numbers(tx, [finding.e164 for finding in orphans])
    unknown = [finding.e164 for finding in orphans if finding.e164 not in sale_numbers]
    lock_offers(tx, unknown)  # where whoever orders a number for the first time waits, or is waited for
    sale_numbers |= lock_sale_numbers(tx, unknown)
    unknown = [e164 for e164 in unknown if e164 not in sale_numbers]
    listings = [listing_of_any(Known.plain(e164)) for e164 in unknown]
    insert_listings(tx, result.carrier, [listing for listing in listings if listing is not None], result.began_at)
    sale_numbers |= lock_sale_numbers(tx, unknown)
    until = result.next_at + (result.next_at - result.began_at) + result.quarantine
    resting = [
        SaleNumber(sale_number.e164, sale_number.carrier, NumberState.QUARANTINED, sale_number.prices, None, None)
        for sale_number in sale_numbers.values()
        if sale_number.order_id is None and sale_number.carrier == result.carrier
    ]
    save_sale_numbers(tx, resting, result.ended_at, quarantined_until=until)


def resolve_findings(tx: Tx, commands: Sequence[ResolveFinding]) -> list[Finding | NumberdeskError]:
    """The write flow: findings as they stand after a person's decisions.

    Those of audits are locked before numbers, and drifts after what shows them, as everywhere (ARCHITECTURE.md).
    """
    keys = [key for command in commands for key in _keys(command)]
    known = lock_findings(tx, [key for key in keys if key[2] not in DRIFTS])
    sale_numbers = lock_sale_numbers(tx, [command.e164 for command in commands])
    _lock_to_put_back(tx, {one.e164 for one in commands if one.resolution is FindingResolution.PUT_BACK})
    known |= lock_findings(tx, [key for key in keys if key[2] in DRIFTS])
    outcomes: list[Finding | NumberdeskError] = []
    for command in commands:
        live = _meant([known[key] for key in _keys(command) if key in known], command.resolution)
        outcome = _resolve(tx, live, sale_numbers.get(command.e164), command)
        if isinstance(outcome, Finding):
            known[outcome.key] = outcome
        outcomes.append(outcome)
    change_findings(tx, known.values())
    return outcomes


def _lock_to_put_back(tx: Tx, e164s: Collection[str]) -> None:
    if e164s:
        lock_settings(tx, lock_to_connect(tx, e164s))


def _meant(found: Sequence[Finding], resolution: FindingResolution) -> Finding | None:
    """Which finding a decision is about: of those that may be put back, one that is not being put back yet."""
    live = [finding for finding in found if finding.state is not FindingState.ENDED]
    if resolution is FindingResolution.PUT_BACK:
        live.sort(key=lambda finding: (finding.kind not in DRIFTS, finding.message.endswith(PUTTING)))
    return live[0] if live else None


def _keys(command: ResolveFinding) -> list[tuple[str, str, str]]:
    kinds = FindingKind if command.kind is None else (command.kind,)
    return [(command.carrier, command.e164, kind.value) for kind in kinds]


def _resolve(
    tx: Tx, finding: Finding | None, sale_number: SaleNumber | None, command: ResolveFinding
) -> Finding | NumberdeskError:
    if finding is None:
        return NotFound("There is no such finding.")
    match command.resolution:
        case FindingResolution.KEEP:
            return _keep(finding)
        case FindingResolution.PUT_BACK:
            return _put_back(tx, finding, command)
        case FindingResolution.RELEASE:
            return _not_given_back(finding, sale_number) or _give_back(tx, finding, command)


def _keep(finding: Finding) -> Finding | NumberdeskError:
    if finding.state is FindingState.RELEASING:  # its carrier may have been told already, and cannot be stopped
        return InvalidRequest("phone_number", "is on its way back to its carrier already, and cannot be kept")
    return finding._replace(state=FindingState.KEPT)


def _give_back(tx: Tx, finding: Finding, command: ResolveFinding) -> Finding | NumberdeskError:
    if finding.kind in WAITING:
        if finding.state is not FindingState.RELEASING and not tell_by_digits(
            tx, finding.carrier, finding.e164, command.now
        ):
            return InvalidRequest("phone_number", "is not on its way back: have the carrier audited anew")
    elif finding.state is not FindingState.RELEASING:
        one = of_finding(finding.carrier, finding.e164, finding.carrier_reference or None, command.serial, command.now)
        insert_releases(tx, [one])
    return finding._replace(state=FindingState.RELEASING)


def _put_back(tx: Tx, finding: Finding, command: ResolveFinding) -> Finding | NumberdeskError:
    """Tell the carrier anew what is wanted of the number. The finding ends when the carrier has it so."""
    if finding.kind not in DRIFTS:
        return InvalidRequest("kind", f"must be {', '.join(DRIFTS)}: of no other number anything is put back")
    if not _ANEW[finding.kind](tx, finding.carrier, finding.e164, command.now):
        return InvalidRequest("phone_number", "is rented by nobody there, so that nothing is to be put back")
    return finding._replace(state=FindingState.OPEN, message=f"{finding.message.removesuffix(PUTTING)}{PUTTING}")


_ANEW: Final = {
    FindingKind.DRIFTED: connect_anew,
    FindingKind.SETTINGS_DRIFTED: set_up_anew,
    FindingKind.TRUNK_DRIFTED: put_in_anew,
}


def _not_given_back(finding: Finding, sale_number: SaleNumber | None) -> InvalidRequest | None:
    """Why a number is not given back, whoever says so.

    Under whatever name the books have it: at the carrier it is the one number, and whoever has it would lose it.
    """
    if finding.kind not in {FindingKind.ORPHAN, *WAITING}:
        return InvalidRequest("kind", "must be orphan, wrong_reference or stale_release: no other number is given back")
    if sale_number is not None and sale_number.order_id is not None:
        return InvalidRequest(
            "phone_number", f"is a customer's, of {sale_number.carrier}: have the carrier audited anew"
        )
    if sale_number is not None and sale_number.carrier == POOL:
        return InvalidRequest("phone_number", f"is of your own inventory, {POOL}: have the carrier audited anew")
    return None
