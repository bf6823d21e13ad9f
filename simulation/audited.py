"""What must become of findings, once an audit has found something.

Touches: nothing.

What is on a carrier's list cannot be known from the commands before, so it comes with the command.
Whether findings are true is asked of the carriers at the end (truth.py).
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.purchase import POOL
from numberdesk.flows.carriers.note_audits import (
    AskForAudit,
    AuditResult,
    BeginAudit,
    FindingResolution,
    ResolveFinding,
)
from simulation.books import Books, Number, UnconfirmedRelease, require
from simulation.desk import listing
from simulation.plan import HOUR
from simulation.world import MICROSECONDS

_LEASE: Final = HOUR * MICROSECONDS


def begin(books: Books, command: BeginAudit, given: Any) -> list[str]:
    """An audit that somebody begins is nobody else's for a while, whether it is due or not."""
    audit = books.audits[command.carrier]
    audit.leased_until, audit.began_at = command.now + _LEASE, command.now
    require((audit.began_at, audit.leased_until), (given.began_at, given.leased_until), "audit begun")
    return []


def ask(books: Books, command: AskForAudit, given: Any) -> list[str]:
    """An audit that somebody asks for is due at once, unless it is under way."""
    audit = books.audits[command.carrier]
    if audit.leased_until is None or command.now >= audit.leased_until:
        audit.next_at, audit.leased_until, audit.asked_at = command.now, None, command.now
    require((audit.next_at, audit.asked_at), (given.next_at, given.asked_at), "audit asked for")
    return []


def note(books: Books, result: AuditResult, noted: Any) -> list[str]:
    """New differences are reported, those that are there again too, and those that are gone have ended."""
    audit, given = books.audits[result.carrier], noted.news
    require(audit.leased_until != result.leased_until, noted.lease_lost, "lease of an audit")
    audit.next_at, audit.leased_until, audit.asked_at = result.next_at, None, None
    audit.attempts = audit.attempts + 1 if result.message else 0
    audit.began_at, audit.ended_at = result.began_at, result.ended_at
    audit.owned, audit.found = result.owned, len(result.findings)
    if result.message:
        require([], list(given), "news of an audit that was not finished")
        return ["audit_not_finished"]
    news = []
    found = {(finding.carrier, finding.e164, finding.kind.value): finding for finding in result.findings}
    for key, row in books.findings.items():
        if key[0] == result.carrier and key not in found and row[0] != "ended":
            row[0], row[4] = "ended", result.ended_at
    going = {
        (one.carrier, one.e164)
        for one in books.releases.values()
        if one.confirmed_at is None or one.asked_at >= result.began_at
    }
    for key, finding in found.items():
        row = books.findings.get(key, ["ended", "", "", 0, 0])
        if row[0] == "ended":
            news.append(key)
            row[0], row[3] = "open", finding.first_seen_at
        elif row[0] == "releasing" and key[:2] not in going:
            news.append(key)
            row[0] = "open"
        row[1], row[2], row[4] = finding.carrier_reference, finding.order_reference, finding.last_seen_at
        books.findings[key] = row
    require(sorted(news), sorted((one.carrier, one.e164, one.kind.value) for one in given), "news of an audit")
    _rest(books, result)
    return [f"{kind}_found" for _, _, kind in news]


def resolve(books: Books, command: ResolveFinding, given: Any) -> list[str]:
    """A person keeps a finding, or gives an orphan back to its carrier."""
    kind = "" if command.kind is None else command.kind.value
    row = books.findings.get((command.carrier, command.e164, kind))
    if row is None or row[0] == "ended":
        require(NotFound, type(given), "resolution of no finding")
        return []
    if command.resolution is FindingResolution.KEEP and row[0] == "releasing":
        require(InvalidRequest, type(given), "keeping of what is on its way back")
        return []
    if command.resolution is FindingResolution.KEEP:
        row[0] = "kept"
    elif kind != "orphan" or _is_somebodys(books.numbers.get(command.e164)):
        require(InvalidRequest, type(given), "release of what is not there")
        return []
    else:
        if row[0] != "releasing":
            name = f"rel_{command.serial}"
            books.releases[name] = UnconfirmedRelease(
                name, command.carrier, command.e164, row[1] or None, command.now, command.now
            )
        row[0] = "releasing"
    require(row[0], given.state.value, "resolved finding")
    return [f"orphan_{row[0]}"]


def _is_somebodys(number: Number | None) -> bool:
    """Whether giving a number back would take it from whoever has it in the books."""
    return number is not None and (number.order_id is not None or number.carrier == POOL)


def _rest(books: Books, result: AuditResult) -> None:
    """Numbers that nobody has in the books rest until well after the next audit."""
    until = result.next_at + (result.next_at - result.began_at) + result.quarantine
    for finding in result.findings:
        if finding.kind.value != "orphan":
            continue
        number = books.numbers.setdefault(finding.e164, Number(listing(finding.e164, None), result.carrier))
        if number.order_id is None and number.carrier == result.carrier:
            number.state, number.account_id, number.until = "quarantined", None, until
