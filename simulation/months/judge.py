"""The judge: after each commit that concerns rent or calls, and now and then over everything, what must hold does.

Touches: database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from numberdesk.infra.db import Database
from numberdesk.verify.books import verify
from simulation.months.books import Books
from simulation.months.concerned import HANDS, note_wanted, rentals_of, told_calls
from simulation.months.facts import Call, Facts, Rented
from simulation.months.reckoning import cost
from simulation.months.settings import look_at_wanted
from simulation.plan import DAY, HOUR
from simulation.process import Applied
from simulation.world import MICROSECONDS, World

_SLACK: Final = 30 * 60 * MICROSECONDS
"""What clocks that agree may be apart, and the time that a look takes."""

GRACE: Final = 2 * DAY * MICROSECONDS
_BRING_MONEY: Final = {"fund", "correct", "rerate", "record calls", "end sessions", "expire sessions", "rate parked"}
_OF_CALLS: Final = {"record calls", "end sessions", "rate parked", "correct", "rerate"}
_OF_RENT: Final = {"renew", "release", "waive", *HANDS}


class Judge:
    """Told of every commit. `past_due` are the rentals that wait for money, and since when in truth."""

    def __init__(self, world: World, facts: Facts, books: Books, *, waives_missed: bool) -> None:
        self.past_due: dict[str, int] = {}
        self._world = world
        self._facts = facts
        self._books = books
        self._waives_missed = waives_missed
        self._periods: dict[str, list[tuple[str, int]]] = {}
        self._over: set[str] = set()
        self._calls: dict[tuple[str, str], tuple[Any, ...]] = {}

    # What one commit may do.

    def committed(self, log: Sequence[Applied]) -> None:
        """A transaction is on the disk."""
        flows = {applied.flow for applied in log}
        rentals = rentals_of(log, self._facts)
        if "buy" in flows or "settle" in flows or flows & _OF_RENT:
            self._books.learn_rentals(rentals)
            rentals = rentals_of(log, self._facts)
        if flows & HANDS:
            self._books.learn_prices()
            self._books.learn_terms()
        note_wanted(log, self._facts)
        if "announce" in flows:
            self._books.learn_rentals()
            self._books.learn_prices()
        if flows & {"appoint", "set rate"}:
            self._books.learn_rentals()
            self._books.learn_terms()
        if flows & _OF_RENT:
            self._judge_rentals(flows, rentals)
        if flows & _OF_CALLS:
            self._judge_calls(flows, None if "rerate" in flows else self._concerned(log))
        if flows & {"open sessions", "extend sessions"}:
            self._judge_sessions()

    def _judge_rentals(self, flows: set[str], ids: list[str]) -> None:
        query = "SELECT id, account_id, state, ends_at, released_at FROM rentals WHERE id IN"
        for rental_id, account_id, state, ends_at, released_at in self._books.those(query, ids):
            rental = self._facts.rented[rental_id]
            new = self._new_periods(rental)
            if released_at is not None:
                if rental_id not in self._over:
                    self._over.add(rental_id)
                    self._ended(rental, ends_at, new, flows)
            elif state == "past_due":
                if rental_id not in self.past_due:
                    self._world.reached("past_due")
                    self.past_due[rental_id] = self._world.now()
                    if not flows & _BRING_MONEY and self._available(account_id) >= rental.price_of(
                        self._paid(rental) + 1
                    ):
                        raise self._world.broken("rent", f"{rental_id} is past due, and its wallet could pay")
            elif self.past_due.pop(rental_id, None) is not None:
                self._world.reached("paid_within_grace")

    def _new_periods(self, rental: Rented) -> list[tuple[str, int]]:
        """What became of further periods: each once, in turn, not before it began, at its own price."""
        known = self._periods.setdefault(rental.rental_id, [])
        query = """SELECT period, state, amount, transfer_id, waived_by FROM rent_charges
            WHERE account_id = ? AND rental_id = ?"""
        rows = sorted(self._books.rows(query, rental.account_id, rental.rental_id))
        if [(state, amount) for _, state, amount, _, _ in rows[: len(known)]] != known:
            raise self._world.broken("rent", f"what became of periods of {rental.rental_id} was {known}, and is {rows}")
        for period, state, amount, transfer_id, by in rows[len(known) :]:
            self._judge_period(rental, period, rental.first + len(known), amount)
            if state == "waived":
                self._judge_waiver(rental, period, by)
            elif not self._books.rows("SELECT 1 FROM transfers WHERE id = ? AND amount = ?", transfer_id, amount):
                raise self._world.broken("rent", f"no transfer pays period {period} of {rental.rental_id}")
            else:
                self._world.reached(f"period_{state}")
            known.append((state, amount))
        return known

    def _judge_period(self, rental: Rented, period: int, following: int, amount: int) -> None:
        if period != following:
            raise self._world.broken("rent", f"after period {following - 1} of {rental.rental_id} came {period}")
        if amount != rental.price_of(period):
            raise self._world.broken(
                "rent", f"period {period} of {rental.rental_id} cost {amount}, and should {rental.price_of(period)}"
            )
        if period > rental.first and rental.begin_of(period) > self._world.now() + _SLACK:
            raise self._world.broken("rent", f"period {period} of {rental.rental_id} was resolved before it began")
        if rental.ended_at is not None and period > rental.first and rental.begin_of(period) > rental.ended_at:
            raise self._world.broken("rent", f"period {period} of {rental.rental_id} began after its end")

    def _judge_waiver(self, rental: Rented, period: int, by: str) -> None:
        self._world.reached(f"period_waived_by_{by}")
        may = {
            "policy": self._waives_missed and rental.begin_of(period + 1) <= self._world.now() + _SLACK,
            "release": rental.ended_at is not None,
            "boss": ("waive", rental.rental_id) in self._facts.asked or (rental.is_given and period == rental.first),
        }
        if not may[by]:
            raise self._world.broken("rent", f"period {period} of {rental.rental_id} was waived by {by}")

    def _ended(self, rental: Rented, ends_at: int | None, periods: list[tuple[str, int]], flows: set[str]) -> None:
        """Who lost his number asked for it, had it run out, or did not pay for as long as the grace is."""
        since = self.past_due.pop(rental.rental_id, None)
        if ends_at is not None:
            if any(rental.begin_of(rental.first + place) >= ends_at for place in range(1, len(periods))):
                raise self._world.broken("rent", f"{rental.rental_id} went on after {ends_at}, when it was to end")
            self._world.reached("ran_out")
        rental.is_forgotten = ("release" in flows and ("release", rental.rental_id) in self._facts.asked) or (
            "renew" in flows and ends_at is not None and ends_at <= (rental.ended_at or 0)
        )
        if "undo adoption" in flows and ("unadopt", rental.e164) in self._facts.asked and rental.is_adopted:
            self._judge_undone(rental, periods)
        elif ("release", rental.rental_id) in self._facts.asked:
            self._world.reached("given_back")
        elif self._was_by_hand(rental, flows):
            self._world.reached("ended_by_hand")
        elif ends_at is None or not rental.is_asked(self._facts.asked, "run out"):
            self._judge_loss(rental, since, len(periods), flows)

    def _judge_undone(self, rental: Rented, periods: list[tuple[str, int]]) -> None:
        """An adoption is taken back only while nothing was charged for it."""
        rental.is_undone = rental.is_forgotten = True
        charged = [key for key, row in self._calls.items() if row[0] == "charged" and row[2] == rental.rental_id]
        if charged or any(state != "waived" for state, _ in periods):
            raise self._world.broken(
                "adoptions", f"{rental.rental_id} was undone, and was charged for {periods}, {charged}"
            )
        self._world.reached("adoption_undone")

    def _was_by_hand(self, rental: Rented, flows: set[str]) -> bool:
        """Whether an operator took it back, or let another account have it."""
        taken = "take back" in flows and ("take back", rental.e164) in self._facts.asked
        return taken or ("transfer" in flows and self._facts.rentals_of(rental.e164)[-1].before is rental)

    def _judge_loss(self, rental: Rented, since: int | None, periods: int, flows: set[str]) -> None:
        if since is None or self._world.now() - since < GRACE - _SLACK:
            raise self._world.broken("rent", f"{rental.rental_id} was taken away within its grace")
        next_price = rental.price_of(rental.first + periods)
        if not flows & _BRING_MONEY and self._available(rental.account_id) >= next_price:
            raise self._world.broken("rent", f"{rental.rental_id} was taken away, and its wallet could pay")
        self._world.reached("not_paid")

    # Calls.

    def _concerned(self, log: Sequence[Applied]) -> set[tuple[str, str]]:
        """The calls that flows were about."""
        found = told_calls(log)
        if any(applied.flow == "rate parked" for applied in log):
            found |= {key for key, row in self._calls.items() if row[0] == "parked"}
        ids = [command.call for applied in log if applied.flow == "correct" for command in applied.commands]
        found |= {tuple(row) for row in self._books.those("SELECT source, call_id FROM calls WHERE id IN", ids)}
        ids = [command.session_id for applied in log if applied.flow == "end sessions" for command in applied.commands]
        return found | {
            tuple(row) for row in self._books.those("SELECT source, call_id FROM usage_sessions WHERE id IN", ids)
        }

    def _judge_calls(self, flows: set[str], some: set[tuple[str, str]] | None) -> None:
        """Some calls, or all; all, too, where there are others beside those that are known."""
        for source, call_id, *row in self._rows_of_calls(some):
            key = (source, call_id)
            if self._calls.get(key) == tuple(row):
                continue
            call = self._facts.calls.get(key)
            if call is None or not call.tried:
                raise self._world.broken("calls", f"nobody told of {key}")
            self._judge_call(call, self._calls.get(key), tuple(row), flows)
            self._calls[key] = tuple(row)

    def _rows_of_calls(self, some: set[tuple[str, str]] | None) -> list[Any]:
        query = "SELECT source, call_id, state, reason, rental_id, amount, seconds, id FROM calls"
        if some is not None:
            # A list of pairs would be looked for by reading every call: with two lists an index finds them.
            marks = ",".join("?" * len(some))
            of_two_lists = f"{query} WHERE source IN ({marks}) AND call_id IN ({marks})"
            found = self._books.rows(of_two_lists, *(source for source, _ in some), *(call for _, call in some))
            rows = [row for row in found if (row[0], row[1]) in some]
            ((there,),) = self._books.rows("SELECT count(*) FROM calls")
            if there == len(self._calls) + len({(row[0], row[1]) for row in rows} - self._calls.keys()):
                return rows
        return self._books.rows(query)

    def _judge_call(self, call: Call, before: tuple[Any, ...] | None, row: tuple[Any, ...], flows: set[str]) -> None:
        state, reason, _rental_id, _amount, seconds, _ = row
        if before is not None and before[0] != "parked" and not (flows & {"correct", "rerate", "look"}):
            raise self._world.broken("calls", f"{call.key} was {before}, and is {row}")
        if seconds not in (call.told, call.seconds):
            raise self._world.broken("calls", f"{call.key} took {call.told} seconds, and {seconds} are kept")
        verdict = self._facts.verdict(call, seconds)
        wanted = (
            verdict.state,
            verdict.reason,
            None if verdict.rental is None else verdict.rental.rental_id,
            verdict.amount,
        )
        waits = reason == "no_duration" and call.mended  # until parked calls are looked at
        if row[:4] != wanted and not flows & _OF_RENT and not waits:
            raise self._world.broken("calls", f"{call.key} is {row[:4]}, and should be {wanted}")
        self._world.reached(f"call_{state}")

    def call_row(self, key: tuple[str, str]) -> str | None:
        """The id of a call in the books."""
        row = self._calls.get(key)
        return None if row is None else row[-1]

    def seconds_of(self, key: tuple[str, str]) -> int | None:
        """How long a call is by the books."""
        seconds: int | None = self._calls[key][4]
        return seconds

    def _judge_sessions(self) -> None:
        """What is held for each call that goes on is what it costs so far."""
        query = """SELECT s.id, rental_id, direction, s.opened_at, granted, s.amount, h.amount
            FROM usage_sessions s LEFT JOIN holds h ON h.owner_id = s.id WHERE s.state = 'open'"""
        for name, rental_id, direction, opened_at, granted, amount, held in self._books.rows(query):
            wanted = self._cost(rental_id, direction, opened_at, granted)
            if (amount, held or 0) != (wanted, wanted):
                raise self._world.broken("sessions", f"{name} holds {held} of {amount}, and should {wanted}")

    def _cost(self, rental_id: str, direction: str, begun: int, seconds: int) -> int:
        rental = self._facts.rented[rental_id]
        rate = rental.rate_at(direction, begun)
        if rate is None:
            raise self._world.broken("sessions", f"{rental_id} has no rate for what goes on")
        return cost(seconds, self._facts.billing(rental, rate))

    # Everything.

    def look(self) -> None:
        """Money is where it belongs: to the micro, for each account. What nobody was said to change did not change."""
        self._books.learn_rentals(list(self._facts.rented))
        self._judge_calls({"look"}, None)
        look_at_wanted(self._world, self._books, self._facts)
        owed = dict(self._books.rows("SELECT account_id, sum(owed) FROM receivables GROUP BY account_id"))
        held = self._held()
        wanted = self._wanted_balances()
        for account_id, posted, holding in self._books.rows("SELECT account_id, posted, held FROM wallets"):
            have = posted - owed.get(account_id, 0)
            if have != wanted[account_id]:
                raise self._world.broken("money", f"{account_id} has {have}, and should have {wanted[account_id]}")
            if holding != held[account_id]:
                raise self._world.broken("holds", f"{account_id} holds {holding}, and should {held[account_id]}")
        if any(owed.values()):
            self._world.reached("in_debt")
        self._world.reached("looked")

    def _held(self) -> Counter[str]:
        held: Counter[str] = Counter()
        query = "SELECT account_id, rental_id, direction, opened_at, granted FROM usage_sessions WHERE state = 'open'"
        for account_id, *session in self._books.rows(query):
            held[account_id] += self._cost(*session)
        for account_id, e164 in self._books.rows("SELECT account_id, e164 FROM orders WHERE state = 'ordering'"):
            tariff = self._facts.tariffs[e164]
            held[account_id] += tariff.price + tariff.setup
        return held

    def _wanted_balances(self) -> Counter[str]:
        """Paid in, less what each period and each call costs."""
        wanted: Counter[str] = Counter()
        for (reference,) in self._books.rows("SELECT reference FROM transfers WHERE kind = 'top_up'"):
            account_id, amount = self._facts.top_ups[reference]
            wanted[account_id] += amount
        for rental in self._facts.rented.values():
            wanted[rental.account_id] -= rental.tariff.setup
            for place, (state, _) in enumerate(self._periods.get(rental.rental_id) or self._new_periods(rental)):
                if state != "waived":
                    wanted[rental.account_id] -= rental.price_of(rental.first + place)
        for call in self._facts.calls.values():
            row = self._calls.get(call.key)
            if row is not None and row[0] == "charged":
                rental = self._facts.rented[row[2]]
                wanted[rental.account_id] -= self._cost(rental.rental_id, call.direction, call.started_at, row[4])
        return wanted

    def is_parked(self, rental_id: str) -> bool:
        """Whether a rental waits for a person."""
        return bool(self._books.rows("SELECT 1 FROM rentals WHERE id = ? AND parked_at IS NOT NULL", rental_id))

    def was_repriced(self, account_id: str) -> bool:
        """Whether any rental of an account costs something else by now."""
        return any(one.announced for one in self._facts.rented.values() if one.account_id == account_id)

    # The end.

    def at_rest(self) -> None:
        """Long after the last fault: no period is left out, no call untold, nothing held."""
        self.look()
        for rental in self._facts.rented.values():
            self._judge_end_of(rental)
        for call in self._facts.calls.values():
            self._judge_end_of_call(call)
        left = self._books.rows("SELECT id FROM usage_sessions WHERE state = 'open'")
        if left:
            raise self._world.broken("sessions", f"{left} never ended")

    def _judge_end_of(self, rental: Rented) -> None:
        if rental.ended_at is None and ("release", rental.rental_id) in self._facts.asked:
            raise self._world.broken("rent", f"{rental.rental_id} was given back, and goes on")
        if rental.ended_at is not None or self.is_parked(rental.rental_id):
            return
        period = self._paid(rental) + 1
        if rental.begin_of(period) > self._world.now() - DAY * MICROSECONDS - 6 * HOUR * MICROSECONDS:
            return
        if rental.rental_id not in self.past_due:
            raise self._world.broken("rent", f"period {period} of {rental.rental_id} began, and nothing became of it")
        if self._available(rental.account_id) >= rental.price_of(period):
            raise self._world.broken("rent", f"period {period} of {rental.rental_id} could be paid")

    def _judge_end_of_call(self, call: Call) -> None:
        row = self._calls.get(call.key)
        verdict = self._facts.verdict(call, call.seconds if call.mended else call.told)
        if row is None:
            if call.accepted or (verdict.state == "charged" and call.tried):
                raise self._world.broken("calls", f"{call.key} was told and is not kept")
            return
        if row[0] == "parked" and verdict.state == "charged" and row[1] != "not_rented":
            raise self._world.broken("calls", f"{call.key} could be charged, and waits since it is {row[1]}")
        if call.cost is not None and verdict.state == "charged":
            told = self._books.rows("SELECT amount FROM call_costs WHERE call = ?", row[-1])
            if told != [(call.cost,)]:
                raise self._world.broken("costs", f"{call.key} cost {call.cost}, and is said to have cost {told}")
            self._world.reached("cost_told")

    def verify(self, database: Database) -> None:
        """The product's own audit."""
        with database.read() as tx:
            report = verify(tx, lambda *_: None)
        for found in report.violations[:1]:
            raise self._world.broken(f"verify {found.invariant}", f"{found.table} {found.row}: {found.message}")
        self._world.reached("verified")

    def _paid(self, rental: Rented) -> int:
        return rental.first + len(self._periods.get(rental.rental_id, ())) - 1

    def _available(self, account_id: str) -> int:
        ((available,),) = self._books.rows(
            "SELECT posted - held + credit_limit FROM wallets WHERE account_id = ?", account_id
        )
        return int(available)
