"""Statements of months of an account's own time zone, which changes from the next month on and moves nothing before."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import random
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MICROS
from numberdesk.core.periods import iso_seconds
from numberdesk.core.statement import Month, ZoneChange, month_of, parse_month
from numberdesk.flows.accounts.change_accounts import account_change, change_accounts
from numberdesk.flows.accounts.describe_accounts import describe_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.statements.read_statements import (
    StatementHead,
    find_statement,
    list_statements,
    read_page,
    total_kinds,
)
from numberdesk.flows.statements.tell_statement import StatementForm, tell_statement
from numberdesk.infra.db import Tx
from numberdesk.infra.time_zones import zone_names
from numberdesk.views.statement_csv import CsvStatement
from numberdesk.views.statement_page import HtmlStatement
from tests.flows.conftest import NOW, Shop

Result = TypeVar("Result")
HOUR = 3_600_000_000
DAY = 24 * HOUR
ZONES = ("Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kolkata", "UTC")
EDGE = month_of(NOW).ends_at
SET_BACK = 2 * DAY


class Books:
    """An account whose wallet has a line whenever one is asked for."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.account_id = shop, shop.account()

    def post_at(self, now: int) -> None:
        paid = funding(self.shop.new_id("trf"), TOP_UP, self.account_id, MICROS, reference=None, now=now)
        self.shop.writer.apply(fund_wallets, paid)

    def set_zone(self, zone: str, now: int) -> ZoneChange | None:
        return self.shop.writer.apply(change_accounts, account_change(self.account_id, now, time_zone=zone)).zone

    def ask(self, question: Callable[[Tx], Result]) -> Result:
        return self.shop.reader.read_now(question)

    def months(self, now: int) -> list[StatementHead]:
        """All statements, the oldest first."""
        return self.ask(lambda tx: list_statements(tx, self.account_id, now, before=None, limit=99))[::-1]

    def lines(self, head: StatementHead) -> list[tuple[str, int]]:
        found = self.ask(lambda tx: read_page(tx, head, None, 999))
        return [(line.transfer.id, line.transfer.created_at) for line in found]

    def closed(self, now: int) -> list[tuple[Month, object, list[tuple[str, int]]]]:
        """What is said of each month that is over."""
        return [(head.month, head.edges, self.lines(head)) for head in self.months(now) if not head.is_open]

    def told(self, head: StatementHead, form: StatementForm) -> str:
        async def ask(question: Callable[[Tx], Result]) -> Result:
            return self.ask(question)

        async def pieces() -> str:
            return "".join([piece async for piece in tell_statement(ask, head, form)])

        return asyncio.run(pieces())


def test_each_line_is_in_one_statement_and_none_of_a_month_that_is_over_changes_whatever_zones_are_set(
    shop: Shop,
) -> None:
    for seed in range(2):
        chance, books, now = random.Random(seed), Books(shop), NOW
        over: list[Any] = []
        for _ in range(12):
            if chance.random() < 0.5:  # about the edges of months, where zones differ
                now = max(now, month_of(now).ends_at + chance.randrange(-14, 15) * HOUR)
            else:
                now += chance.randrange(9 * DAY)
            if chance.random() < 0.7:
                books.set_zone(chance.choice(ZONES), now)
            books.post_at(now - chance.choice([0, SET_BACK]))  # a clock that was set back
            assert books.closed(now - SET_BACK)[: len(over)] == over
            over = books.closed(now - SET_BACK)
        assert len(shop.rows("SELECT * FROM time_zone_changes WHERE account_id = :a", a=books.account_id)) > 2
        lines = "SELECT id, created_at FROM transfers WHERE account_id = :a ORDER BY entry"
        posted = shop.rows(lines, a=books.account_id)
        heads = books.months(now)
        assert [line for head in heads for line in books.lines(head)] == posted
        for before, after in itertools.pairwise(heads):
            assert (before.month.ends_at, before.edges.closing) == (after.month.begins_at, after.edges.opening)
        assert heads[-1].edges.closing == shop.wallet(books.account_id).posted
        for head in heads:
            assert sum(one.amount for one in books.ask(lambda tx: total_kinds(tx, head))) == (  # noqa: B023  at once
                head.edges.closing - head.edges.opening
            )


def test_a_zone_is_that_of_the_next_month_whose_end_is_midnight_there(shop: Shop) -> None:
    books = Books(shop)
    following = month_of(EDGE)
    assert books.set_zone("Pacific/Pago_Pago", NOW) == ZoneChange(following.name, "Pacific/Pago_Pago")
    books.set_zone("Australia/Brisbane", NOW + 1)  # instead of the one before
    for at in (EDGE - 1, EDGE, following.ends_at - 11 * HOUR, following.ends_at - 10 * HOUR, following.ends_at):
        books.post_at(at)
    going_on, first, second = books.months(following.ends_at + DAY)
    assert [head.month.zone.name for head in (going_on, first, second)] == ["UTC", *["Australia/Brisbane"] * 2]
    assert (going_on.month.ends_at, first.month.begins_at) == (EDGE, EDGE)
    assert first.month.ends_at == second.month.begins_at == following.ends_at - 10 * HOUR
    assert [len(books.lines(head)) for head in (going_on, first, second)] == [1, 2, 2]
    named = parse_month(following.name)
    assert named is not None
    assert books.ask(lambda tx: find_statement(tx, books.account_id, named, NOW)) is None
    assert books.ask(lambda tx: find_statement(tx, books.account_id, named, EDGE)) == first._replace(made_at=EDGE)


def test_a_clock_that_was_set_back_sets_no_zone_for_a_month_that_has_lines(shop: Shop) -> None:
    books = Books(shop)
    books.post_at(EDGE + DAY)
    set_back = books.set_zone("Europe/Berlin", EDGE - DAY)
    assert set_back == ZoneChange(month_of(month_of(EDGE).ends_at).name, "Europe/Berlin")


def test_the_account_says_its_zone_and_from_when(shop: Shop) -> None:
    books = Books(shop)
    assert books.set_zone("UTC", NOW) is None
    change = books.set_zone("Europe/Berlin", NOW)
    described = books.ask(lambda tx: describe_account(tx, books.account_id))
    assert described is not None
    assert described.zone == change == ZoneChange(month_of(EDGE).name, "Europe/Berlin")
    assert books.set_zone("UTC", EDGE - 1) is None
    assert shop.count("time_zone_changes") == 0


def test_two_zones_of_one_batch_are_set_one_after_the_other(shop: Shop) -> None:
    books, other = Books(shop), Books(shop)
    with shop.database.write() as tx:
        change_accounts(
            tx,
            [
                account_change(books.account_id, NOW, time_zone="Asia/Tokyo"),
                account_change(other.account_id, NOW, time_zone="Asia/Kolkata"),
                account_change(books.account_id, EDGE, time_zone="Europe/Berlin"),
            ],
        )
    kept = "SELECT from_month, time_zone FROM time_zone_changes WHERE account_id = :a ORDER BY from_month"
    first, second = month_of(EDGE), month_of(month_of(EDGE).ends_at)
    assert shop.rows(kept, a=books.account_id) == [(first.name, "Asia/Tokyo"), (second.name, "Europe/Berlin")]
    assert shop.rows(kept, a=other.account_id) == [(first.name, "Asia/Kolkata")]


def test_what_is_no_zone_is_refused_by_its_field() -> None:
    for name in ("Berlin", "europe/berlin", "+02:00", "", "../../etc/passwd", "Factory", "Europe", "UTC\0"):
        assert name not in zone_names()
        with pytest.raises(InvalidRequest, match="time_zone must be the name of a time zone, like Europe/Berlin"):
            account_change("acc_1", NOW, time_zone=name)


def test_the_database_refuses_a_month_that_is_none(shop: Shop) -> None:
    books = Books(shop)
    row = {"a": books.account_id, "m": "March", "z": "UTC"}
    with pytest.raises(IntegrityError, match="month_and_zone"), shop.database.write() as tx:
        tx.execute(text("INSERT INTO time_zone_changes (account_id, from_month, time_zone) VALUES (:a, :m, :z)"), row)


def test_a_statement_names_its_zone_and_edges_and_its_days_are_those_of_the_zone(shop: Shop) -> None:
    books = Books(shop)
    books.set_zone("Asia/Tokyo", NOW)
    second = month_of(month_of(EDGE).ends_at)
    books.post_at(second.begins_at - 9 * HOUR)  # midnight in Tokyo, where the month begins, and the day before in UTC
    head = books.months(second.begins_at)[-1]
    assert head.month.name == second.name
    rows = list(csv.DictReader(io.StringIO(books.told(head, CsvStatement()), newline="")))
    assert {row["time_zone"] for row in rows} == {"Asia/Tokyo"}
    assert [(row["type"], row["at"], row["day"]) for row in rows[:2]] == [
        (kind, iso_seconds(second.begins_at - 9 * HOUR), f"{second.name}-01") for kind in ("opening", "line")
    ]
    page = books.told(head, HtmlStatement())
    edges = f"{iso_seconds(second.begins_at - 9 * HOUR)} to {iso_seconds(second.ends_at - 9 * HOUR)}"
    assert f"Asia/Tokyo ({edges}; periods and days of calls are of UTC), still open" in page
    assert f'<td data-name="Date">{second.name}-01</td><td data-name="What" class="what">Top-up</td>' in page
    utc = books.months(EDGE - 1)[-1]
    assert f"{iso_seconds(EDGE - 1)[:10]} UTC, still open" in books.told(utc, HtmlStatement())
