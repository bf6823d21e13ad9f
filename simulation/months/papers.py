"""Papers of accounts: an operator registers and changes them, and a judge of what is sold with and without them.

Touches: database, clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from numberdesk.core.compliance import ComplianceProfile, ProfileState
from numberdesk.core.errors import DocumentsRequired
from numberdesk.core.purchase import Refusal
from numberdesk.flows.compliance.register_profiles import ProfileChange, change_registered, register_profiles
from numberdesk.wiring import Services
from simulation.months.books import Books
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH, Facts, Profile
from simulation.plan import DAY, HOUR
from simulation.process import Applied
from simulation.world import MICROSECONDS, World

_DAY: Final = DAY * MICROSECONDS
_NOTICE: Final = 30 * _DAY
_SLACK: Final = 2 * HOUR * MICROSECONDS
_LATE: Final = 3 * _DAY
"""Within so much time an end is told, once clocks are right."""


class PaperDesk:
    """One person, who has papers of accounts approved at the carrier."""

    def __init__(self, world: World, desk: Desk, facts: Facts, accounts: Sequence[str]) -> None:
        self._world = world
        self._desk = desk
        self._facts = facts
        self._accounts = accounts

    async def register(self, account_id: str = "") -> None:
        """New papers of an account, approved or not yet, that end some time or never."""
        world, account = self._world, account_id or self._world.one_of(self._accounts)
        until = None if world.happens(0.3) else world.now() + round(world.between(2, 80) * _DAY)
        state = ProfileState.APPROVED if account_id or world.happens(0.7) else ProfileState.IN_REVIEW
        kind, papers = world.one_of(("", "local", "mobile")), {"bundle_sid": f"BU{world.chance.getrandbits(32):08x}"}

        def profile(services: Services, now: int) -> ComplianceProfile:
            name = services.new_id("cmp")
            return ComplianceProfile(name, account, NORTH, "US", kind, papers, state, until, "", now, now)

        outcome = await self._desk.submit(plain(register_profiles), profile)
        world.reached("papers_refused" if isinstance(outcome, Exception) else "papers_registered")

    async def change(self) -> None:
        """Papers are approved, rejected, renewed, or gone."""
        world = self._world
        there = [one for one in self._facts.profiles.values() if not one.removed]
        if not there:
            return
        profile = world.one_of(there)
        later = world.now() + round(world.between(2, 60) * _DAY)
        change: dict[str, Any] = world.one_of(
            (
                {"state": ProfileState.APPROVED, "valid_until": later},
                {"state": ProfileState.APPROVED, "unlimited": True},
                {"state": ProfileState.REJECTED},
                {"valid_until": later},
                {"remove": True},
            )
        )
        outcome = await self._desk.submit(
            plain(change_registered), lambda _, now: ProfileChange(profile.profile_id, now, **change)
        )
        world.reached("papers_not_changed" if isinstance(outcome, Exception) else "papers_changed")


class PaperJudge:
    """Told of every commit, and of every order that comes to the carrier."""

    def __init__(self, world: World, facts: Facts, books: Books) -> None:
        self._world = world
        self._facts = facts
        self._books = books
        self._opened: set[str] = set()
        self._refused: set[tuple[str, str | None]] = set()
        self._told: set[str] = set()
        self._does: dict[str, Callable[[Any, Any], None]] = {
            "buy": self._bought,
            "transfer": self._transferred,
            "register papers": self._registered,
            "change papers": self._changed,
        }

    # What one commit may do.

    def committed(self, log: Sequence[Applied]) -> None:
        """A transaction is on the disk."""
        for applied in log:
            if applied.flow == "tell expiry":
                self._note_told()
            elif applied.flow in self._does:
                for command, outcome in zip(applied.commands, applied.outcomes, strict=True):
                    if not isinstance(outcome, Exception):
                        self._does[applied.flow](command, outcome)

    def _transferred(self, transfer: Any, _: object) -> None:
        self._opened_with(transfer.order_id, transfer.warrant.now)

    def _registered(self, new: ComplianceProfile, _: object) -> None:
        kept = Profile(
            new.id,
            new.account_id,
            new.number_type,
            dict(new.papers),
            new.state.value,
            new.valid_until,
            self._world.now(),
        )
        self._facts.profiles[new.id] = kept

    def _changed(self, change: ProfileChange, _: object) -> None:
        before = self._facts.profiles[change.profile_id]
        until = before.until if change.valid_until is None else change.valid_until
        after = replace(
            before,
            state=_state(before, change),
            until=None if change.unlimited else until,
            told_from=self._world.now(),
        )
        self._facts.profiles[change.profile_id] = replace(before, removed=True) if change.remove else after

    def _good(self, account_id: str, now: int) -> set[str]:
        """The papers of an account with which any number here may be ordered."""
        profiles = self._facts.profiles.values()
        return {
            one.profile_id
            for one in profiles
            if one.account_id == account_id and one.number_type in ("", "local") and one.is_good(now)
        }

    def _bought(self, buy: Any, outcome: Any) -> None:
        """Without papers nothing is held where they are asked for; with them nobody is refused for want of them."""
        if not isinstance(outcome, Refusal) or not isinstance(outcome.error, DocumentsRequired):
            self._opened_with(buy.order_id, buy.now)
            return
        key = buy.account_id, buy.idempotency_key
        if buy.e164 not in self._facts.asks_papers:
            raise self._world.broken("papers", f"{buy.e164} asks for none, and is refused for want of them")
        if key not in self._refused and self._good(buy.account_id, buy.now):
            raise self._world.broken("papers", f"{buy.account_id} has papers for {buy.e164}, and is refused")
        if self._books.rows("SELECT 1 FROM orders WHERE id = ?", buy.order_id):
            raise self._world.broken("papers", f"{buy.e164} is refused for want of papers, and ordered")
        self._refused.add(key)
        self._world.reached("refused_without_papers")

    def _opened_with(self, order_id: str, now: int) -> None:
        """An order is opened with papers of its account that are good then, and with some where they are asked for."""
        found = self._books.rows(
            "SELECT account_id, e164, carrier, origin, profile_id FROM orders WHERE id = ?", order_id
        )
        if not found or order_id in self._opened:
            return
        self._opened.add(order_id)
        ((account_id, e164, carrier, origin, profile_id),) = found
        if profile_id is not None and profile_id not in self._good(account_id, now):
            raise self._world.broken("papers", f"{order_id} of {account_id} is opened with {profile_id}")
        asks = carrier == NORTH and origin == "purchase" and e164 in self._facts.asks_papers
        if asks and profile_id is None:
            raise self._world.broken("papers", f"{e164} is ordered without papers")
        if asks:
            self._world.reached("ordered_with_papers")

    # What the carrier is sent.

    def sent(self, e164: str, order_id: str, papers: Mapping[str, str]) -> None:
        """An order goes out with what it was opened with."""
        ((profile_id,),) = self._books.rows("SELECT profile_id FROM orders WHERE id = ?", order_id)
        wanted = {} if profile_id is None else self._facts.profiles[profile_id].papers
        if dict(papers) != wanted:
            raise self._world.broken("papers", f"{order_id} for {e164} is sent with {papers}, and not with {wanted}")

    # Ends.

    def _note_told(self) -> None:
        """What is told is so by now, and each end is told once."""
        query = "SELECT id, kind FROM events WHERE kind LIKE 'compliance_profile.%'"
        for event_id, kind in self._books.rows(query):
            if event_id in self._told:
                continue
            self._told.add(event_id)
            until = int(event_id.rpartition("_")[2])
            is_end = kind.endswith("expired")
            if until - (0 if is_end else _NOTICE) > self._world.now() + _SLACK:
                raise self._world.broken("papers", f"{event_id} is told too early")
            self._world.reached("end_told" if is_end else "ending_told")
        for name, state in self._books.rows("SELECT id, state FROM compliance_profiles WHERE state = 'expired'"):
            self._facts.profiles[name] = replace(self._facts.profiles[name], state=state)

    def at_rest(self) -> None:
        """Every end that has come, or comes within the notice, was told in time."""
        now, told = self._world.now() - _LATE, self._told_of()
        rows = self._books.rows("SELECT id, state, valid_until, removed_at FROM compliance_profiles")
        if {name for name, *_ in rows} != self._facts.profiles.keys():
            raise self._world.broken("papers", "papers are there that nobody registered, or gone")
        for name, state, until, removed_at in rows:
            mine = self._facts.profiles[name]
            if (mine.until, mine.removed) != (until, removed_at is not None):
                raise self._world.broken("papers", f"{name} ends at {until}, and should at {mine.until}")
            if mine.removed or until is None or mine.told_from > now or state not in ("approved", "expired"):
                continue
            if (until <= now) is not (state == "expired") and until <= now:
                raise self._world.broken("papers", f"{name} has ended, and is {state}")
            if until <= now and (name, until, "expired") not in told:
                raise self._world.broken("papers", f"that {name} has ended was not told")
            if now < until <= now + _NOTICE and (name, until, "expiring") not in told and state == "approved":
                raise self._world.broken("papers", f"that {name} ends soon was not told")

    def _told_of(self) -> set[tuple[str, int, str]]:
        query = "SELECT id, kind FROM events WHERE kind LIKE 'compliance_profile.%'"
        found = set()
        for event_id, kind in self._books.rows(query):
            *_, serial, until = event_id.split("_")
            found.add((f"cmp_{serial}", int(until), kind.rpartition(".")[2]))
        return found


def _state(before: Profile, change: ProfileChange) -> str:
    """Whose end is put off is good again."""
    if change.state is not None:
        return change.state.value
    put_off = change.unlimited or (change.valid_until is not None and change.valid_until > change.now)
    return "approved" if put_off and before.state == "expired" else before.state
