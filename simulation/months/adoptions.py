"""An operator adopts numbers that stood at the carrier before, by files with mistakes, and thinks better of it.

Touches: clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from numberdesk.carriers.port import CarrierError
from numberdesk.core.adoption import COLUMNS, SALE, read_lines
from numberdesk.core.interventions import Warrant
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.flows.carriers.run_adoption import Adoption, AdoptionReport, owned_numbers
from numberdesk.flows.carriers.undo_adoptions import UndoAdoption, undo_adoptions
from numberdesk.wiring import DAY, Services
from simulation.months.carrier import CallingCompany
from simulation.months.customers import Customer
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH, Facts
from simulation.world import MICROSECONDS, World

_MOST_LINES: Final = 4
_NOWHERE: Final = "+13619990000"


class Line(NamedTuple):
    """A line of a file: what it says, whose the number is to be then, and whether it can be so."""

    cells: dict[str, str]
    account_id: str | None
    is_bad: bool = False


class Adoptions:
    """One person with files."""

    def __init__(
        self, world: World, desk: Desk, facts: Facts, company: CallingCompany, customers: Sequence[Customer]
    ) -> None:
        self._world = world
        self._desk = desk
        self._facts = facts
        self._company = company
        self._customers = {customer.account_id: customer for customer in customers}

    async def adopt(self) -> None:
        """A file of some numbers; what it may come to is noted before it is sent, and it may come twice."""
        here = sorted(self._facts.found & self._company.ours.keys())
        if not here:
            return
        self._world.chance.shuffle(here)
        lines = [self._line(e164) for e164 in here[: self._world.chance.randrange(1, _MOST_LINES + 1)]]
        if self._world.happens(0.4):
            lines.insert(self._world.chance.randrange(len(lines) + 1), self._mistake(here[-1]))
        dry_run, skip_bad = self._world.happens(0.2), self._world.happens(0.6)
        if not dry_run and (skip_bad or not any(line.is_bad for line in lines)):
            self._note(lines)
        for _ in range(2 if self._world.happens(0.3) else 1):
            report = await self._send(lines, dry_run=dry_run, skip_bad=skip_bad)
            self._tell_customers(line.cells["phone_number"] for line in lines)
            if report is not None:
                self._judge_report(report, lines)

    async def undo(self) -> None:
        """Take an adoption back, of a rental or of what is for sale."""
        live = [one.e164 for one in self._facts.rented.values() if one.is_adopted and one.ended_at is None]
        sold = [e164 for e164 in sorted(self._facts.found) if self._facts.carriers[e164] != NORTH]
        if not live and not sold:
            return
        e164 = self._world.one_of(sold if sold and (not live or self._world.happens(0.3)) else live)
        self._facts.asked.add(("unadopt", e164))

        def command(services: Services, now: int) -> UndoAdoption:
            return UndoAdoption(e164, services.settings.quarantine_days * DAY, _why(services, now))

        outcome = await self._desk.submit(plain(undo_adoptions), command)
        if isinstance(outcome, Exception):
            self._world.reached("adoption_not_undone")
        self._tell_customers([e164])

    # What a file says.

    def _line(self, e164: str) -> Line:
        """A number for an account, or for sale, at its own prices."""
        tariff, world = self._facts.tariffs[e164], self._world
        customer = None if world.happens(0.25) else world.one_of(list(self._customers.values()))
        cells = dict.fromkeys(COLUMNS, "") | {"phone_number": e164, "price": format_micros(tariff.price)}
        for direction, rate in (("inbound", tariff.inbound), ("outbound", tariff.outbound)):
            cells[f"per_minute_price_{direction}"] = "" if rate is None else format_micros(rate)
        if customer is None:
            return Line(cells | {"account": SALE, "currency": "USD"}, None)
        column, instant = self._began()
        connection = world.one_of(list(customer.routes)) if world.happens(0.3) else ""
        began = {} if not column else {column: iso_seconds(instant)}
        return Line(cells | {"account": customer.account_id, "connection": connection, **began}, customer.account_id)

    def _began(self) -> tuple[str, int]:
        """When its rental renews, or since when it is rented; neither is said now and then."""
        world, now = self._world, self._world.now() // MICROSECONDS * MICROSECONDS
        column = world.one_of(("renews_at", "renews_at", "since", ""))
        ahead = world.chance.randrange(1, 27) * DAY
        return column, now + ahead if column == "renews_at" else now - ahead * 9

    def _mistake(self, e164: str) -> Line:
        """A line that can come to nothing."""
        good = self._line(e164).cells | {"account": next(iter(self._customers)), "currency": ""}
        mistakes = [{"phone_number": _NOWHERE}, {"account": "nobody at all"}, {"price": "-1"}, {"phone_number": "what"}]
        if self._facts.live(e164) is None:  # else it stays as it is, whatever the line says
            mistakes += [{"currency": "EUR"}, {"connection": "con_none"}]
        wrong: dict[str, str] = self._world.one_of(mistakes)
        return Line(good | wrong, None, is_bad=True)

    def _note(self, lines: Sequence[Line]) -> None:
        """What may be found in the books from now on."""
        facts = self._facts
        for line in lines:
            if line.is_bad:
                continue
            e164 = line.cells["phone_number"]
            if line.account_id is None:
                facts.asked.add(("offer", e164))
                continue
            facts.asked.add(("adopt", line.account_id, e164, line.cells["connection"] or None))
            began = next(((one, line.cells[one]) for one in ("renews_at", "since") if line.cells[one]), ("", ""))
            instant = 0 if not began[0] else _instant(began[1])
            facts.renewals.setdefault((line.account_id, e164), set()).add((began[0], instant))

    # How it is sent.

    async def _send(self, lines: Sequence[Line], *, dry_run: bool, skip_bad: bool) -> AdoptionReport | None:
        text = "\n".join([",".join(COLUMNS), *(",".join(line.cells.values()) for line in lines)])

        async def story(services: Services, now: int) -> AdoptionReport | None:
            client = await services.carriers.client(NORTH)
            assert client is not None
            try:
                owned = await owned_numbers(client)
            except CarrierError:
                return None
            adoption = Adoption(
                NORTH, owned, services.writer.submit, services.reader, services.new_id, lambda: _why(services, now)
            )
            return await adoption.run(read_lines(text, now), skip_bad=skip_bad, dry_run=dry_run)

        outcome = await self._desk.ask(story)
        if outcome is None:
            self._world.reached("list_not_read")
        return outcome if isinstance(outcome, AdoptionReport) else None

    def _judge_report(self, report: AdoptionReport, lines: Sequence[Line]) -> None:
        """Every mistake is told, by its line."""
        told = {one.line for one in report.bad}
        untold = {place for place, line in enumerate(lines, 2) if line.is_bad} - told
        if untold:
            raise self._world.broken("adoptions", f"lines {untold} have mistakes, and the report says {report}")
        self._world.reached("mistakes_told" if told else "file_adopted" if report.saved else "file_tried")
        if report.saved and report.already:
            self._world.reached("file_came_again")

    def _tell_customers(self, e164s: Any) -> None:
        """Accounts know of what they have."""
        for e164 in e164s:
            live = self._facts.live(e164)
            for account_id, customer in self._customers.items():
                if live is not None and account_id == live.account_id:
                    customer.mine[e164] = live.rental_id
                else:
                    customer.mine.pop(e164, None)


def _instant(text: str) -> int:
    from datetime import datetime  # noqa: PLC0415

    return round(datetime.fromisoformat(text).timestamp()) * MICROSECONDS


def _why(services: Services, now: int) -> Warrant:
    return Warrant(services.new_id("itv"), "boss", "they were ours before", now)
