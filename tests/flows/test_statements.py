"""Statements equal the ledger to the micro, month after month, whatever an account did and clocks showed."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import runpy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from numberdesk import migrations
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MICROS
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import POOL
from numberdesk.core.statement import STRETCH, month_of
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP, fund_wallets, funding
from numberdesk.flows.statements.read_statements import (
    DescribedLine,
    LinePlace,
    Section,
    StatementHead,
    find_statement,
    list_statements,
    list_transactions,
    place_of,
    read_page,
    total_kinds,
)
from numberdesk.flows.statements.sum_usage import UsageQuestion, sum_of_calls
from numberdesk.flows.statements.tell_statement import tell_statement
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.db import Tx
from numberdesk.ledger.line_store import LineFilter
from numberdesk.ledger.model import wallet_account
from numberdesk.tables import line_sums
from numberdesk.usage.sum_store import SummedBy
from numberdesk.verify.line_sums import CHECKS as OF_LINE_SUMS
from numberdesk.views.statement_csv import CsvStatement
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop

Result = TypeVar("Result")
DAY = 86_400_000_000
CENT = MICROS // 100
SWITCH = "switch"
MIGRATION = Path(migrations.__file__).parent / "versions" / "0030_sums_of_lines.py"


class Life:
    """An account with numbers and calls, told by a switch."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.chance = shop, random.Random(seed)
        shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now - QUOTE_LIFETIME, SWITCH, CENT, 6, 6))
        self.account_id = shop.account()
        self.numbers: list[str] = []
        self._serial = 0

    def pay_in(self, amount: int, kind: str = TOP_UP) -> None:
        paid = funding(self.shop.new_id("trf"), kind, self.account_id, amount, reference=None, now=self.shop.now)
        self.shop.writer.apply(fund_wallets, paid)

    def rent(self) -> str:
        number = self.shop.number(inbound=CENT, outbound=2 * CENT)
        self.shop.buy(self.account_id, number)
        self.numbers.append(number)
        return number

    def call(self, number: str, seconds: int, *, ago: int = 0, direction: Direction = Direction.INBOUND) -> CallRecord:
        self._serial += 1
        at = self.shop.now - ago
        return CallRecord(SWITCH, f"c{self._serial}", "", direction, number, "", at, at, None, seconds, "")

    def tell(self, *calls: CallRecord) -> None:
        self.shop.writer.apply(record_calls, RecordCalls(self.shop.new_id("bat"), calls, self.shop.now))

    def live(self, steps: int) -> None:
        """Do something, at random, as time goes on; now and then a clock is set back."""
        self.pay_in(5 * PRICE)
        self.rent()
        for _ in range(steps):
            self.shop.now += self.chance.choice([0, DAY, 5 * DAY, 9 * DAY, -3 * DAY])
            what = self.chance.randrange(6)
            if what == 0:
                self.pay_in(self.chance.randrange(1, 3 * MICROS))
            elif what == 1 and self.shop.wallet(self.account_id).available > CENT:
                self.pay_in(-CENT, ADJUSTMENT)
            elif what == 2 and self.shop.wallet(self.account_id).available >= PRICE:
                self.rent()
            else:
                calls = [
                    self.call(number, self.chance.randrange(4_000), ago=self.chance.choice([0, 0, DAY]))
                    for number in self.chance.choices(self.numbers, k=3)
                ]
                self.tell(*calls)

    def ask(self, question: Callable[[Tx], Result]) -> Result:
        return self.shop.reader.read_now(question)

    def months(self) -> list[StatementHead]:
        """All statements, the oldest first, each month up to the last line."""
        (last,) = self.shop.rows("SELECT max(created_at) FROM transfers")[0]
        now = max(int(last), self.shop.now)
        return self.ask(lambda tx: list_statements(tx, self.account_id, now, before=None, limit=99))[::-1]

    def lines(self, head: StatementHead, size: int = 2) -> Iterator[DescribedLine]:
        """All lines of a statement, a small page after the other."""
        place: LinePlace | None = None
        while found := self.ask(lambda tx: read_page(tx, head, place, size)):  # noqa: B023  asked at once
            yield from found
            place = place_of(found[-1])


def test_months_follow_each_other_and_come_to_the_ledger(shop: Shop) -> None:
    for seed in range(4):
        life = Life(shop, seed)
        life.live(40)
        wallet, owed, seen = 0, 0, set()
        for head in life.months():
            assert (head.edges.opening, head.edges.owed_opening) == (wallet, owed)
            lines = list(life.lines(head))
            for line in lines:
                assert (line.section, line.transfer.id) not in seen
                seen.add((line.section, line.transfer.id))
                parts = sum(part.amount for part in line.calls)
                assert line.transfer.kind != "usage" or parts == line.transfer.amount
            wallet += sum(line.amount for line in lines if line.section is Section.WALLET)
            owed += sum(line.amount for line in lines if line.section is Section.OWED)
            assert (head.edges.closing, head.edges.owed_closing) == (wallet, owed)
            totals = life.ask(lambda tx: total_kinds(tx, head))  # noqa: B023  asked at once
            assert sum(one.amount for one in totals) == head.edges.closing - head.edges.opening
        assert wallet == shop.wallet(life.account_id).posted
        ((kept,),) = shop.rows(
            "SELECT coalesce(sum(owed), 0) FROM receivables WHERE account_id = :account_id", account_id=life.account_id
        )
        assert owed == kept
        of_wallet = "SELECT id FROM transfers WHERE account_id = :account_id"
        posted = {row[0] for row in shop.rows(of_wallet, account_id=life.account_id)}
        assert {line_id for section, line_id in seen if section is Section.WALLET} == posted
    assert shop.count("receivables") > 0, "no history had a debt, so nothing was shown of them"


def test_a_line_says_its_number_its_period_and_its_calls(shop: Shop) -> None:
    life = Life(shop, 0)
    life.pay_in(PRICE + 50 * CENT)
    number = life.rent()
    shop.now += 2 * DAY
    late = life.call(number, 61, ago=DAY)
    life.tell(late, life.call(number, 6, direction=Direction.OUTBOUND), life.call(number, 3_600))
    (head,) = life.months()
    top_up, rent, usage, debt = life.lines(head)
    assert (top_up.e164, top_up.period, top_up.calls) == (None, None, ())
    assert rent.e164 == number
    assert rent.period is not None
    assert rent.period.number == 0
    assert (usage.e164, usage.amount) == (number, -50 * CENT)
    assert next((part.day, part.seconds, part.billed, part.direction) for part in usage.calls) == (
        late.started_at // DAY * DAY,
        61,
        66,
        Direction.INBOUND,
    )
    assert debt.section is Section.OWED
    assert sum(part.amount for part in (*usage.calls, *debt.calls)) == 50 * CENT + debt.amount
    shop.now += 1
    life.pay_in(MICROS)
    assert shop.rows("SELECT owed FROM receivables") == [(0,)]
    (head,) = life.months()
    assert [line.transfer.kind for line in life.lines(head)][-2:] == ["usage", "debt_payment"]
    assert head.edges.owed_closing == 0


def test_a_line_whose_clock_was_set_back_stays_behind_the_line_before_it(shop: Shop) -> None:
    life = Life(shop, 0)
    begin = month_of(shop.now).ends_at
    for now in (begin - DAY, begin + DAY, begin - 2 * DAY, begin + 2 * DAY):
        shop.now = now
        life.pay_in(MICROS)
    before, after = life.months()[-2:]
    assert [line.transfer.entry for line in life.lines(before)] == [1]
    assert [line.transfer.entry for line in life.lines(after)] == [2, 3, 4]
    assert (before.edges.closing, after.edges.opening, after.edges.closing) == (MICROS, MICROS, 4 * MICROS)


def test_there_is_no_statement_of_a_month_to_come_or_of_nobody(shop: Shop) -> None:
    life = Life(shop, 0)
    month = month_of(shop.now)
    following = month_of(month.ends_at)
    assert life.ask(lambda tx: find_statement(tx, life.account_id, following, shop.now)) is None
    assert life.ask(lambda tx: find_statement(tx, "acc_nobody", month, shop.now)) is None
    empty = life.ask(lambda tx: find_statement(tx, life.account_id, month, shop.now))
    assert empty is not None
    assert (empty.edges.lines, empty.edges.opening, empty.edges.closing, empty.is_open) == (0, 0, 0, True)


def test_lines_are_found_by_kind_time_and_number(shop: Shop) -> None:
    life = Life(shop, 0)
    life.pay_in(9 * PRICE)
    one, other = life.rent(), life.rent()
    shop.now += DAY
    life.tell(life.call(one, 60))
    life.tell(life.call(other, 60))
    life.tell(life.call(one, 60), life.call(other, 60))

    def entries(**wanted: object) -> list[int]:
        asked = LineFilter(**wanted)  # type: ignore[arg-type]  # named by whoever asks
        found, walked_to = life.ask(lambda tx: list_transactions(tx, life.account_id, asked, before=None, limit=9))
        assert walked_to is None
        return [line.transfer.entry or 0 for line in found]

    assert entries() == [6, 5, 4, 3, 2, 1]
    assert entries(kind="rental") == [3, 2]
    assert entries(e164=one) == [6, 4, 2]
    assert entries(since=shop.now, kind="usage", e164=other) == [6, 5]
    assert entries(until=shop.now) == [3, 2, 1]
    assert entries(e164="+13615550000") == []


@pytest.mark.parametrize(
    ("by", "sums"),
    [
        (SummedBy.NUMBER, [("one", None, 2, 120), ("other", None, 1, 60)]),
        (SummedBy.DAY, [(None, 0, 1, 60), (None, 1, 2, 120)]),
        (SummedBy.MONTH, [(None, "month", 3, 180)]),
        (SummedBy.NUMBER_AND_DAY, [("one", 0, 1, 60), ("one", 1, 1, 60), ("other", 1, 1, 60)]),
        (SummedBy.NUMBER_AND_MONTH, [("one", "month", 2, 120), ("other", "month", 1, 60)]),
    ],
)
def test_calls_are_summed_by_number_and_time(shop: Shop, by: SummedBy, sums: list[tuple[object, ...]]) -> None:
    life = Life(shop, 0)
    life.pay_in(9 * PRICE)
    numbers = {life.rent(): "one", life.rent(): "other"}
    first = shop.now
    life.tell(life.call(next(iter(numbers)), 60))
    shop.now += DAY
    life.tell(*(life.call(number, 60) for number in numbers))
    asked = UsageQuestion(life.account_id, first, shop.now + 1, by=by)
    times: dict[int | None, object] = {None: None, month_of(first).begins_at: "month"}
    times |= {(first + day * DAY) // DAY * DAY: day for day in (0, 1)}
    found, after = [], None
    while page := life.ask(lambda tx: sum_of_calls(tx, asked, after=after, limit=1)):  # noqa: B023  asked at once
        found += page
        after = (page[-1].e164 or "", page[-1].begins_at or 0)
    assert [(numbers.get(one.e164 or ""), times[one.begins_at], one.calls, one.seconds) for one in found] == sums
    assert sum(one.amount for one in found) == 3 * (CENT + CENT)


def test_more_calls_than_are_looked_at_for_one_answer_are_refused_with_a_time_that_fits(shop: Shop) -> None:
    life = Life(shop, 0)
    life.pay_in(3 * PRICE + MICROS)
    number, first = life.rent(), shop.now
    for _ in range(3):
        life.tell(life.call(number, 60))
        shop.now += DAY
    asked = UsageQuestion(life.account_id, first, shop.now, e164="+13615550000")
    assert life.ask(lambda tx: sum_of_calls(tx, asked, after=None, limit=9, most=3)) == []
    with pytest.raises(InvalidRequest, match="more than 2 calls began before it") as refused:
        life.ask(lambda tx: sum_of_calls(tx, asked, after=None, limit=9, most=2))
    assert refused.value.details["field"] == "until"
    assert f"until {iso_seconds(first + 2 * DAY)} there are few enough" in refused.value.message
    shorter = asked._replace(until=first + 2 * DAY, e164=number)
    (summed,) = life.ask(lambda tx: sum_of_calls(tx, shorter, after=None, limit=9, most=2))
    assert summed.calls == 2
    with pytest.raises(InvalidRequest, match="too many at once"):
        life.ask(lambda tx: sum_of_calls(tx, asked, after=None, limit=9, most=0))


def test_a_long_statement_is_told_in_pieces_and_its_table_comes_to_its_closing(shop: Shop) -> None:
    life = Life(shop, 0)
    life.pay_in(PRICE + MICROS)
    number = life.rent()
    for _ in range(130):
        life.tell(life.call(number, 60))
    (head,) = life.months()

    async def pieces() -> list[str]:
        async def ask(question: Callable[[Tx], Result]) -> Result:
            return life.ask(question)

        return [piece async for piece in tell_statement(ask, head, CsvStatement())]

    told = asyncio.run(pieces())
    assert len(told) > 6, "it came in one piece"
    rows = list(csv.DictReader(io.StringIO("".join(told), newline="")))
    for section, opening in (("wallet", head.edges.opening), ("owed", head.edges.owed_opening)):
        mine = [row for row in rows if row["section"] == section]
        amounts = [Decimal(row["amount"]) for row in mine if row["type"] == "line"]
        parts = [Decimal(row["part"]) for row in mine if row["type"] == "calls"]
        assert Decimal(mine[0]["balance"]) == opening
        assert Decimal(mine[-1]["balance"]) == opening + sum(amounts)
        assert sum(parts) == sum(Decimal(row["amount"]) for row in mine if row["kind"] == "usage" and row["amount"])
        assert len(amounts) > 1
    assert Decimal(rows[-1]["balance"]) * MICROS == head.edges.owed_closing
    assert {row["phone_number"] for row in rows if row["type"] == "calls"} == {number}


def pay_many(life: Life, count: int) -> None:
    """As many lines of two kinds in few transactions, as time goes on over months and a clock is set back."""
    shop, chance, left = life.shop, life.chance, count
    while left:
        size = min(left, chance.choice([1, 7, 90, 333]))
        shop.now += chance.choice([0, DAY, 9 * DAY, 25 * DAY, -2 * DAY])
        kinds = [chance.choice([TOP_UP, ADJUSTMENT]) for _ in range(size)]
        with shop.database.write() as tx:
            paid = [
                funding(shop.new_id("trf"), kind, life.account_id,
                        chance.randrange(1, MICROS) * (1 if kind == TOP_UP else chance.choice([-1, 1])),
                        reference=None, now=shop.now)
                for kind in kinds
            ]  # fmt: skip
            fund_wallets(tx, paid)
        left -= size


def test_months_of_many_lines_come_to_the_same_from_sums_that_are_kept_and_from_their_lines(shop: Shop) -> None:
    life = Life(shop, 5)
    life.pay_in(1_000 * MICROS)
    pay_many(life, 9 * STRETCH // 2)
    plain = "SELECT kind, credit, amount, created_at FROM transfers WHERE account_id = :account_id ORDER BY entry"
    by_month, month = defaultdict[str, Counter[str]](Counter), ""
    for kind, credit, amount, at in shop.rows(plain, account_id=life.account_id):
        month = max(month, month_of(at).name)
        by_month[month].update({kind: amount if credit == wallet_account(life.account_id) else -amount, f"n {kind}": 1})
    assert len(by_month) > 3

    def come_to() -> dict[str, dict[str, int]]:
        return {
            head.month.name: {
                name: value
                for one in life.ask(lambda tx: total_kinds(tx, head))  # noqa: B023  asked at once
                for name, value in ((one.kind, one.amount), (f"n {one.kind}", one.lines))
            }
            for head in life.months()
            if head.edges.lines
        }

    assert come_to() == by_month
    everything = "SELECT * FROM line_sums ORDER BY stretch, kind"
    kept = shop.rows(everything)
    assert [row[1] for row in kept] == [0, 0, 1, 1, 2, 2, 3, 3]
    for gone in ("stretch = 1", "stretch = 3", "stretch >= 0"):  # as a program writes that does not know of them
        with shop.database.write() as tx:
            tx.execute(text(f"DELETE FROM line_sums WHERE {gone}"))  # noqa: S608  the test's own
        assert come_to() == by_month
    with shop.database.write() as tx:
        tx.execute(text(runpy.run_path(str(MIGRATION))["FILL"]))
    assert shop.rows(everything) == kept


DAMAGE = {
    "amount = amount + 1 WHERE kind = 'top_up'": "of entries 1 to 500 amount is 1117.224039, not 1117.224038",
    "lines = lines - 1 WHERE kind = 'top_up'": "lines is 499, not 500",
    "stretch = 1": "of entries 501 to 1000 the last entry is not there",
    "latest = latest - 1": "the latest posting is earlier than that of a line",
}


def test_a_sum_that_is_kept_and_is_not_what_its_lines_moved_is_named(shop: Shop) -> None:
    life = Life(shop, 6)
    life.pay_in(1_000 * MICROS)
    pay_many(life, STRETCH)
    kept = [dict(zip(line_sums.c.keys(), row, strict=True)) for row in shop.rows("SELECT * FROM line_sums")]
    (check,) = OF_LINE_SUMS
    for damage, says in DAMAGE.items():
        with shop.database.write() as tx:
            tx.execute(text(f"UPDATE line_sums SET {damage}"))  # noqa: S608  the test's own
            (checked,) = check.run(tx)
            tx.execute(line_sums.delete())
            tx.execute(line_sums.insert(), kept)
        (found,) = checked.violations
        assert (found.invariant, found.table, found.row) == ("I2", "line_sums", life.account_id)
        assert says in found.message
