"""Compare what a carrier says we own with the books.

Touches: database, clock.

The list is read first and the books after it, so a number on the list is in the books if it was ever
ordered. Lists may lag behind, so what was bought or given back within the carrier's visibility
window is left alone, and a number that seems lost is asked for by itself before it is called so.
One that the books have under another name is no orphan, whichever of the two is right: somebody has it.

A disabled account with which nothing is left to do is audited only when somebody asks for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from numberdesk.carriers.audit_store import AUDIT_LEASE, DUE_AUDITS, CarrierAudit
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.finding_store import Finding, of_stale_release, of_wrong_reference
from numberdesk.carriers.port import CarrierError, OwnedNumber, OwnedPage, Trouble
from numberdesk.core.carrier_order import Placed, Unknown
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.carriers.describe_carriers import find_idle_carriers
from numberdesk.flows.carriers.note_audits import AuditResult, BeginAudit, begin_audits, note_audits
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.numbers.audited_store import KnownNumber, find_held_anywhere, find_known_numbers

CARRIER_AUDITS: Final = "audits"
"""The name of this kind of due work."""

NOT_CONNECTED: Final = "this carrier is not connected"

MOST_OWNED: Final = 5_000_000
"""Numbers of one account at a carrier that an audit holds in memory."""

MOST_ASKED: Final = 2_000
"""Numbers that an audit asks for one by one. If more seem lost, the list itself is not to be trusted."""

MOST_NOTED: Final = 500
"""Findings written down in one transaction: bounds how long a purchase waits behind them."""

MOST_LOGGED: Final = 20
"""New findings of one audit that are logged one by one; of the others their count."""

LEFT_OUT: Final = "left out: it is disabled, and nothing is left to do with it here"
"""Said of a carrier that is not audited unless somebody asks for it."""

WAS_HERE: Final = "it was here before the first audit: adopt or keep it"
"""Said of what an account had when it was audited for the first time."""

RETRY: Final = 1800 * MICROSECONDS
"""After which an audit that was not finished is tried again, if the next one is not due before."""

_MOST_IDLE_PAGES: Final = 3
"""Pages one after the other that name no number which was not named before, until a list is taken to be endless."""

_PAGE_RESTS: Final = (2.0, 8.0)
_LONGEST_REST: Final = 60.0
"""Seconds between tries of one page of a list: an account has thousands, and one failure is no reason to stop."""

_AT_ONCE: Final = 8
_MOST_LOOKED_UP: Final = 10_000
"""Numbers looked up in one read: bounds what it takes, of an account that is nearly all unknown too."""

_READ_SECONDS: Final = 30.0
"""How long one read of the books may take: they may have millions of numbers to be looked through."""

Result = TypeVar("Result")

Progress = Callable[[str, int, int], None]
"""Told the phase, how much is done, and of how much (0 when that is not known)."""


class AuditReport(NamedTuple):
    """What an audit of one carrier found. `message` tells why it was not finished; "" when it was.

    `elsewhere`: how many of its numbers the books have under other carriers' names, by name. `was_here`: how many stood
    there before this first audit, and are to be adopted or kept.
    """

    carrier: str
    began_at: int
    owned: int
    known: int
    findings: tuple[Finding, ...]
    unclear: int
    message: str
    elsewhere: Mapping[str, int]
    was_here: int = 0


@dataclass(slots=True)
class CarrierAuditor:
    """The audits of one process. `now` gives microseconds, `every` is how long until the next audit is due."""

    writer: Writer
    reader: Reader
    carriers: CarrierClients
    now: Callable[[], int]
    every: int
    quarantine: int
    progress: Progress = field(default=lambda *_: None)
    most_asked: int = MOST_ASKED
    most_noted: int = MOST_NOTED

    @property
    def due_work(self) -> DueWork[CarrierAudit, AuditReport]:
        """The kind of due work: carriers whose time has come, one after the other."""
        return DueWork(CARRIER_AUDITS, DUE_AUDITS, self._audit_unless_idle, self._note, at_once=1, parties=1)

    async def run(self, name: str) -> AuditReport | None:
        """Audit one carrier now; None when there is no such carrier."""
        client = await self.carriers.client(name)
        if client is None:
            return None
        audit = await self.writer.submit(begin_audits, BeginAudit(name, self.now()))
        report = _first_seen(audit, await self._audited(client))
        await self._note(audit, report)
        return report

    async def _read(self, question: Callable[[Tx], Result]) -> Result:
        """Ask the books."""
        return await self.reader.read(question, for_account=None, seconds=_READ_SECONDS)

    async def _audit_unless_idle(self, audit: CarrierAudit) -> AuditReport:
        client = await self.carriers.client(audit.carrier)
        if client is None:
            return _unfinished(audit.carrier, self.now(), NOT_CONNECTED)
        if audit.asked_at is None and client.name in await self._read(find_idle_carriers):
            return _unfinished(audit.carrier, self.now(), LEFT_OUT)
        report = _first_seen(audit, await self._audited(client))
        if not report.message:
            get_log().info("carrier audited", carrier=client.name, owned=report.owned, found=len(report.findings))
        return report

    async def _audited(self, client: CarrierClient) -> AuditReport:
        began = self.now()
        try:
            owned = await self._list(client)
            report = await self._compared(client, owned, began)
        except CarrierError as error:
            get_log().error("carrier not audited", carrier=client.name, trouble=error.trouble.value, said=error.message)
            return _unfinished(client.name, began, str(error))
        return report

    async def _note(self, audit: CarrierAudit, report: AuditReport) -> WorkOutcome:
        """Write down what was found, and log what is new of it."""
        failed = report.message not in ("", LEFT_OUT)
        next_at = report.began_at + (min(self.every, RETRY) if failed else self.every)
        result = AuditResult(
            report.carrier, report.began_at, self.now(), next_at, report.owned, (), report.message, self.quarantine,
            leased_until=audit.leased_until,
        )  # fmt: skip
        news: list[Finding] = []
        noted = 0
        while len(report.findings) - noted > self.most_noted:
            part = report.findings[noted : noted + self.most_noted]
            news += (await self.writer.submit(note_audits, result._replace(findings=part, goes_on=True))).news
            noted += len(part)
        last = await self.writer.submit(note_audits, result._replace(findings=report.findings[noted:], noted=noted))
        _log_news(report, [*news, *last.news])
        if last.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.RETRIED if failed else WorkOutcome.DONE

    async def _list(self, client: CarrierClient) -> dict[str, OwnedNumber]:
        owned: dict[str, OwnedNumber] = {}
        cursor: str | None = None
        idle, until = 0, self.now() + AUDIT_LEASE
        while True:
            page = await self._page(client, cursor)
            before = len(owned)
            for number in page.numbers:
                if not _is_there(owned.get(number.e164)):  # one that went and came back may be listed as both
                    owned[number.e164] = number
            self.progress("list", len(owned), 0)
            cursor = page.cursor
            if cursor is None:
                return owned
            idle = 0 if len(owned) > before else idle + 1
            if idle > _MOST_IDLE_PAGES or len(owned) > MOST_OWNED:
                raise CarrierError(Trouble.UNREADABLE, "its list of our numbers does not end")
            if self.now() > until:
                raise CarrierError(Trouble.UNREADABLE, "its list of our numbers takes too long")

    async def _page(self, client: CarrierClient, cursor: str | None) -> OwnedPage:
        for rest in _PAGE_RESTS:
            try:
                return await client.owned(cursor)
            except CarrierError as error:
                if error.trouble not in (Trouble.UNREACHABLE, Trouble.THROTTLED):
                    raise
                await asyncio.sleep(min(max(rest, float(error.retry_after or 0)), _LONGEST_REST))
        return await client.owned(cursor)

    async def _compared(self, client: CarrierClient, owned: Mapping[str, OwnedNumber], began: int) -> AuditReport:
        known = await self._read(lambda tx: find_known_numbers(tx, client.name, began, client.window))
        self.progress("compare", len(known), len(known))
        unknown = [number for number in owned.values() if _is_unknown(number, known)]
        held = await self._held([number.e164 for number in unknown])
        orphans = [_orphan(client.name, number, began) for number in unknown if number.e164 not in held]
        missing = [
            number
            for number in known.values()
            if number.is_rented and number.since <= began - client.window and not _is_there(owned.get(number.e164))
        ]
        if len(missing) > self.most_asked:
            raise CarrierError(
                Trouble.UNREADABLE,
                f"{len(missing)} rented numbers are not on its list of {len(owned)}: the list cannot be whole",
            )
        lost, unclear = await self._confirmed(client, missing, owned, began)
        odd = _odd(client.name, owned, known.values(), began)
        elsewhere = Counter(carrier for carrier in held.values() if carrier != client.name)  # its own: ordered just now
        return AuditReport(client.name, began, len(owned), len(known), (*orphans, *lost, *odd), unclear, "", elsewhere)

    async def _held(self, e164s: Sequence[str]) -> dict[str, str]:
        """Those of the numbers that somebody has in the books, under whatever name."""
        held: dict[str, str] = {}
        for place in range(0, len(e164s), _MOST_LOOKED_UP):
            part = e164s[place : place + _MOST_LOOKED_UP]
            held |= await self._read(lambda tx, part=part: find_held_anywhere(tx, part))  # type: ignore[misc]  # a default in a lambda
        return held

    async def _confirmed(
        self, client: CarrierClient, missing: Sequence[KnownNumber], owned: Mapping[str, OwnedNumber], began: int
    ) -> tuple[list[Finding], int]:
        """The numbers that are lost, each asked for by itself, and how many the carrier did not answer for."""
        turns, done = asyncio.Semaphore(_AT_ONCE), 0
        lost: list[Finding] = []
        unclear = 0

        async def ask(number: KnownNumber) -> None:
            nonlocal done, unclear
            listed = owned.get(number.e164)
            async with turns:
                outcome = await client.find(number.e164, number.order_id)
            done += 1
            self.progress("ask", done, len(missing))
            if isinstance(outcome, Unknown) and (listed is None or listed.gone is None):
                unclear += 1
            elif not isinstance(outcome, Placed) or listed is not None:
                lost.append(_lost(client.name, number, listed, began))

        await asyncio.gather(*(ask(number) for number in missing))
        still = await self._read(lambda tx: _still_rented(tx, client.name, began - client.window, lost))
        return [finding for finding in lost if finding.e164 in still], unclear


def _unfinished(carrier: str, began_at: int, message: str) -> AuditReport:
    return AuditReport(carrier, began_at, 0, 0, (), 0, message, {})


def _first_seen(audit: CarrierAudit, report: AuditReport) -> AuditReport:
    """At the first audit of an account, what nobody has in the books is not a mistake: it stood there before us."""
    was_finished = audit.ended_at is not None and (not audit.message or audit.owned)
    if was_finished or report.message:
        return report
    findings = tuple(one._replace(message=WAS_HERE) if _was_here(one) else one for one in report.findings)
    return report._replace(findings=findings, was_here=sum(_was_here(one) for one in findings))


def _was_here(finding: Finding) -> bool:
    """One that bears the id of an order is ours, whoever forgot it; other words there are the operator's."""
    return finding.kind is FindingKind.ORPHAN and not finding.order_reference.startswith("ord_")


def _log_news(report: AuditReport, news: Sequence[Finding]) -> None:
    if report.was_here:
        get_log().info("numbers were here before the first audit: adopt or keep them", carrier=report.carrier,
                       count=report.was_here)  # fmt: skip
        news = [finding for finding in news if not _was_here(finding)]
    for finding in news[:MOST_LOGGED]:
        get_log().error(
            "carrier and books differ", carrier=finding.carrier, kind=finding.kind.value, number=finding.e164,
            said=finding.message,
        )  # fmt: skip
    if len(news) > MOST_LOGGED:
        get_log().error("carrier and books differ in more", carrier=report.carrier, count=len(news) - MOST_LOGGED)
    if report.elsewhere:
        get_log().info(
            "carrier lists what the books have under other names", carrier=report.carrier,
            count=sum(report.elsewhere.values()), names=sorted(report.elsewhere),
        )  # fmt: skip


def _is_unknown(number: OwnedNumber, known: Mapping[str, KnownNumber]) -> bool:
    return number.gone is None and number.e164 not in known


def _is_there(number: OwnedNumber | None) -> bool:
    return number is not None and number.gone is None


def _still_rented(tx: Tx, carrier: str, since: int, lost: Iterable[Finding]) -> set[str]:
    """Those that were not given back while they were asked for."""
    wanted = {finding.e164 for finding in lost}
    if not wanted:
        return set()
    known = find_known_numbers(tx, carrier, since, 0)
    return {e164 for e164 in wanted if e164 in known and known[e164].is_rented}


def _orphan(carrier: str, number: OwnedNumber, now: int) -> Finding:
    message = "on our account at the carrier, and nobody's in the books"
    if number.reference:
        message += f"; its reference there is {number.reference}"
    return Finding(
        carrier,
        number.e164,
        FindingKind.ORPHAN,
        FindingState.OPEN,
        number.number_id,
        number.reference,
        message,
        now,
        now,
    )


def _odd(carrier: str, owned: Mapping[str, OwnedNumber], known: Iterable[KnownNumber], now: int) -> list[Finding]:
    """Numbers that the books call by another number's id at the carrier, and those whose release waits for a person."""
    ids = {number.number_id: number.e164 for number in owned.values() if _is_there(number) and number.number_id}
    found = []
    for number in known:
        listed = owned.get(number.e164)
        reference = number.carrier_reference or ""
        there = ids.get(reference, number.e164)
        kind = FindingKind.STALE_RELEASE if there == number.e164 else FindingKind.WRONG_REFERENCE
        message = of_stale_release() if there == number.e164 else of_wrong_reference(reference, there)
        if there != number.e164 or number.is_parked:
            number_id = "" if listed is None else listed.number_id
            found.append(
                Finding(carrier, number.e164, kind, FindingState.OPEN, number_id, number.order_id, message, now, now)
            )
    return found


def _lost(carrier: str, number: KnownNumber, listed: OwnedNumber | None, now: int) -> Finding:
    gone = listed.gone if listed is not None and listed.gone is not None else FindingKind.LOST
    message = f"rented by {number.account_id} with {number.order_id}, and the carrier "
    message += "says it went elsewhere" if gone is FindingKind.PORTED_AWAY else "does not have it for us"
    number_id = "" if listed is None else listed.number_id
    return Finding(carrier, number.e164, gone, FindingState.OPEN, number_id, number.order_id, message, now, now)
