"""Numbers that stand on an account at a carrier already are adopted: rented or offered, with nothing changed there."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.core.adoption import AdoptionError, AdoptionLine, BadAdoption, read_lines
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import InvalidRequest, NotFound, NumberNotOffered, RentalConflict
from numberdesk.core.money import MICROS
from numberdesk.core.periods import add_months, from_datetime, iso_seconds, to_datetime
from numberdesk.core.purchase import Sold
from numberdesk.core.rental import DAY, Rental
from numberdesk.flows.carriers.run_adoption import Adoption, AdoptionReport, Batch, Outcome, owned_numbers
from numberdesk.flows.carriers.undo_adoptions import UndoAdoption, undo_adoptions
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from tests.flows.audits import audited, rented, status
from tests.flows.conftest import NOW, PRICE, QUARANTINE, Shop
from tests.flows.hands import assign, kinds, renew, take_back, told, why

MONTH_BEFORE = add_months(NOW, -1)
MINUTE = 60_000_000
CENT = MICROS // 100
HEADER = "phone_number,account,price,per_minute_price_inbound,currency,renews_at,since,connection\n"


def adopt(shop: Shop, text: str, *, skip_bad: bool = False, dry_run: bool = False) -> AdoptionReport:
    """Adopt what a file says, as the command does."""

    async def owned() -> dict[str, str]:
        client = await shop.carriers.client("acme")
        assert client is not None
        return await owned_numbers(client)

    async def apply(flow: Any, batch: Batch) -> list[Outcome]:
        outcomes: list[Outcome] = shop.writer.apply(flow, batch)
        return outcomes

    adoption = Adoption("acme", shop.tell(owned()), apply, shop.reader, shop.new_id, lambda: why(shop))
    return shop.tell(adoption.run(read_lines(text, shop.now), skip_bad=skip_bad, dry_run=dry_run))


def undo(shop: Shop, e164: str) -> Any:
    return shop.writer.apply(undo_adoptions, UndoAdoption(e164, QUARANTINE, why(shop)))


def untouched(shop: Shop) -> bool:
    """Whether the carrier was told nothing but to show its list."""
    acme = shop.acme
    return (acme.orders, sum(acme.released.values()), acme.switchboard.told, acme.switchboard.forgotten) == (
        [],
        0,
        [],
        [],
    )


def test_three_hundred_numbers_are_adopted_from_a_file_with_mistakes(shop: Shop) -> None:
    shop.connect("acme")
    accounts = [shop.account(PRICE) for _ in range(3)]
    theirs = [f"+1361300{place:04d}" for place in range(300)]
    shop.acme.own([*theirs, "+13613009999"])
    report = audited(shop)
    assert (report.was_here, set(status(shop).values())) == (301, {("orphan", "open")})
    renews_at = iso_seconds(NOW + 10 * DAY)
    lines = [f"{one},{accounts[place % 3]},1.15,0.0085,,{renews_at},,\n" for place, one in enumerate(theirs[:270])]
    lines += [f"{one},sale,2.5,,USD,,,\n" for one in theirs[270:]]
    bad = {
        17: f"{theirs[15]},nobody at all,1.15,,,,,\n",
        42: "+13619990000,sale,1.15,,USD,,,\n",
        99: f"{theirs[97]},{accounts[0]},-1,,,,,\n",
        100: f"{theirs[98]},{accounts[0]},1.15,,EUR,,,\n",
        151: f"{theirs[0]},{accounts[0]},1.15,,,,,\n",
        200: f"{theirs[198]},{accounts[0]},1.15\n",
        201: f"{theirs[199]},{accounts[0]},1.15,,,2020-01-01,,\n",
        202: "what is this,sale,1,,USD,,,\n",
        203: f"{theirs[201]},{accounts[0]},1.15,,,,,con_none\n",
    }
    broken = [bad.get(place, line) for place, line in enumerate(lines, 2)]
    refused = adopt(shop, HEADER + "".join(broken))
    assert ([one.line for one in refused.bad], refused.saved) == (sorted(bad), False)
    assert (shop.count("rentals"), shop.count("interventions")) == (0, 0)
    tried = adopt(shop, HEADER + "".join(lines), dry_run=True)
    assert (tried.rented, tried.offered, tried.bad, shop.count("rentals")) == (270, 30, (), 0)
    first = adopt(shop, HEADER + "".join(broken), skip_bad=True)
    assert (first.rented, first.offered, first.already, first.saved) == (261, 30, 0, True)
    again = adopt(shop, HEADER + "".join(lines))
    assert (again.rented + first.rented, again.offered + first.offered, again.bad) == (270, 30, ())
    assert again.already == first.rented + first.offered
    shop.verified()
    assert untouched(shop)
    assert sum(one.kind != "top_up" for account_id in accounts for one in shop.statement(account_id)) == 0
    assert kinds(shop, accounts[0]) == ["number.assigned"] * 90
    after = audited(shop)
    assert (after.was_here, [one.e164 for one in after.findings]) == (0, ["+13613009999"])
    renew(shop, NOW + 10 * DAY)
    assert [shop.wallet(account_id).posted for account_id in accounts] == [0, 0, 0]
    assert shop.rows("SELECT count(*) FROM rent_charges WHERE state = 'charged'") == [(3,)]
    shop.verified()
    buyer = shop.account(2_500_000)
    assert isinstance(shop.buy(buyer, theirs[270], 2_500_000), Sold)
    shop.verified()
    assert untouched(shop)


def test_an_adoption_is_undone_before_the_first_charge_and_not_after(shop: Shop) -> None:
    shop.connect("acme")
    account_id = shop.account(PRICE)
    shop.acme.own(["+13613000001", "+13613000002"])
    lines = "".join(f"+1361300000{place},{account_id},1.15,,,,,\n" for place in (1, 2))
    assert adopt(shop, HEADER + lines).rented == 2
    ended = undo(shop, "+13613000001")
    assert isinstance(ended, Rental)
    assert told(shop, account_id)[-1][1]["reason"] == "undone"
    assert shop.rows("SELECT state, account_id FROM numbers WHERE e164 = '+13613000001'") == [("quarantined", None)]
    shop.verified()
    renew(shop, add_months(NOW, 1))
    with pytest.raises(RentalConflict, match="charged for it already"):
        undo(shop, "+13613000002")
    assert adopt(shop, HEADER + lines).rented == 1
    bought = rented(shop)
    with pytest.raises(InvalidRequest, match="was not adopted"):
        undo(shop, bought)
    shop.verified()


def test_what_was_adopted_goes_back_to_its_carrier_under_the_name_that_it_has_there(shop: Shop) -> None:
    shop.connect("acme")
    account_id = shop.account()
    shop.acme.own(["+13613000001"])
    adopt(shop, f"{HEADER}+13613000001,{account_id},1.15,,,,,\n")
    take_back(shop, "+13613000001")
    shop.now += 4 * DAY
    shop.tell(shop.give_back())
    assert (shop.acme.released["+13613000001"], list(shop.acme.ours)) == (1, [])
    shop.verified()
    shop.acme.own(["+13613000002"])
    shop.release(account_id, adopted(shop, account_id, "+13613000002"))
    gone = adopt(shop, f"{HEADER}+13613000002,{account_id},1.15,,,,,\n")
    assert "on its way back" in gone.bad[0].reason


def test_a_call_told_of_late_is_charged_by_the_carrier_of_its_rental_though_the_number_is_for_sale_by_now(
    shop: Shop,
) -> None:
    shop.connect("acme")
    e164, account_id = "+13613000001", shop.account(20 * PRICE)
    shop.acme.own([e164])
    audited(shop)
    assert adopt(shop, f"{HEADER}{e164},{account_id},2.5,0.01,,,,\n").rented == 1
    shop.now += MINUTE
    call = CallRecord("acme", "c1", "", Direction.INBOUND, e164, "", shop.now, shop.now, None, 90, "")
    shop.now += MINUTE
    assert undo(shop, e164).released_at == shop.now
    audited(shop)
    assert adopt(shop, f"{HEADER}{e164},sale,2.5,,USD,,,\n").offered == 1
    assert shop.rows("SELECT carrier FROM numbers WHERE e164 = :one", one=e164) == [("pool",)]
    (told_late,) = shop.writer.apply(record_calls, RecordCalls(shop.new_id("bat"), (call,), shop.now))
    assert told_late.outcome.value == "accepted"
    assert shop.rows("SELECT state, account_id, amount FROM calls") == [("charged", account_id, 2 * CENT)]
    shop.verified()


def adopted(shop: Shop, account_id: str, e164: str) -> str:
    assert adopt(shop, f"{HEADER}{e164},{account_id},1.15,,,,,\n").rented == 1
    return e164


@pytest.mark.parametrize(
    ("cells", "anchor", "period"),
    [
        (",,", "2026-03-15T12:00:00", 0),
        (",2026-01-31,", "2026-01-31T00:00:00", 1),
        ("2026-03-31,,", "2026-01-31T00:00:00", 1),
        ("2026-04-10T00:00:00+02:00,,", "2026-03-09T22:00:00", 0),
    ],
)
def test_when_a_rental_began_follows_from_what_the_line_says(cells: str, anchor: str, period: int) -> None:
    now = from_datetime(to_datetime(0).replace(year=2026, month=3, day=15, hour=12))
    (line,) = read_lines(f"{HEADER}+13612738809,First,1.15,,,{cells}\n", now)
    assert isinstance(line, AdoptionLine)
    assert (iso_seconds(line.began.anchor), line.began.period) == (f"{anchor}Z", period)


@pytest.mark.parametrize(
    ("cells", "anchor", "period"),
    [
        ("28,day,2026-03-20,", "2026-02-20T00:00:00", 0),
        ("28,day,,2026-01-31", "2026-01-31T00:00:00", 1),
        ("1,Year,2027-01-31,", "2026-01-31T00:00:00", 0),
        ("12,month,,2024-02-29", "2024-02-29T00:00:00", 2),
        ("3,,2026-05-31,", "2025-08-31T00:00:00", 2),
    ],
)
def test_periods_of_other_lengths_are_counted_from_the_day_that_the_line_says(
    cells: str, anchor: str, period: int
) -> None:
    now = from_datetime(to_datetime(0).replace(year=2026, month=3, day=15, hour=12))
    header = "phone_number,account,price,period_every,period_unit,renews_at,since\n"
    (line,) = read_lines(f"{header}+13612738809,First,1.15,{cells}\n", now)
    assert isinstance(line, AdoptionLine), line
    assert (iso_seconds(line.began.anchor), line.began.period) == (f"{anchor}Z", period)


def test_terms_of_a_line_are_those_of_its_rental_or_its_offer(shop: Shop) -> None:
    shop.connect("acme")
    shop.acme.own(["+13613000001", "+13613000002"])
    account_id = shop.account(20 * PRICE)
    header = "phone_number,account,price,currency,period_every,period_unit,increments,connect_fee,rounding,renews_at\n"
    renews_at = iso_seconds(NOW + 10 * DAY)
    rented = f"+13613000001,{account_id},1.15,,1,year,30/6,0.01,half_up,{renews_at}\n"
    assert adopt(shop, f"{header}{rented}+13613000002,sale,2.5,USD,28,day,6/6,,DOWN,\n").bad == ()
    assert shop.rows("SELECT term, billing FROM orders") == [("12 month", "30/6 10000 half_up")]
    assert shop.rows("SELECT term, billing FROM numbers WHERE e164 = '+13613000002'") == [("28 day", "6/6 - down")]
    renew(shop, NOW + 10 * DAY)
    assert shop.rows("SELECT renews_at FROM rentals") == [(add_months((NOW + 10 * DAY) // 10**6 * 10**6, 12),)]
    events = dict(told(shop, account_id))
    for kind in ("number.assigned", "rental.renewed"):
        assert (events[kind]["period_unit"], events[kind]["period_every"]) == ("month", "12")
    shop.verified()


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("+1361,First,1,,,,,", "phone_number"),
        ("+13612738809,,1,,,,,", "account must be"),
        ("+13612738809,First,0,,,,,", "price must be above 0"),
        ("+13612738809,First,1e99,,,,,", "price"),
        ("+13612738809,First,1,-1,,,,", "per_minute_price_inbound must be"),
        ("+13612738809,First,1,,,2020-01-01,,", "renews_at is not in the future"),
        ("+13612738809,First,1,,,2100-01-01,,", "renews_at is more than a month ahead"),
        ("+13612738809,First,1,,,,2100-01-01,", "since is in the future"),
        ("+13612738809,First,1,,,,yesterday,", "since must be a date"),
        ("+13612738809,First,1,,,2100-01-01,2020-01-01,", "one of them is enough"),
        ("+13612738809,First", "has 2 fields"),
        (f"+13612738809,{'x' * 301},1,,,,,", "more than 300 characters"),
    ],
)
def test_a_line_that_is_wrong_says_why(cells: str, says: str) -> None:
    (line,) = read_lines(f"{HEADER}{cells}\n", NOW)
    assert isinstance(line, BadAdoption)
    assert says in line.reason


@pytest.mark.parametrize("header", ["", "phone_number,account\n", "phone_number,account,price,colour\n", "a,a\n"])
def test_a_file_without_its_columns_is_refused(header: str) -> None:
    with pytest.raises(AdoptionError, match="names columns"):
        read_lines(header, NOW)


def test_a_number_adopted_for_sale_is_the_carrier_accounts_again_until_it_was_sold(shop: Shop) -> None:
    shop.connect("acme")
    theirs = ["+13613000001", "+13613000002"]
    shop.acme.own(theirs)
    audited(shop)
    lines = "".join(f"{one},sale,2.5,,USD,,,\n" for one in theirs)
    adopt(shop, HEADER + lines)
    undone = undo(shop, theirs[0])
    assert (undone.carrier, undone.carrier_reference != "", undone.undone_by) == ("acme", True, "key_1")
    assert shop.rows("SELECT carrier, state FROM numbers WHERE e164 = :one", one=theirs[0]) == [("acme", "quarantined")]
    with pytest.raises(NotFound):
        undo(shop, theirs[0])
    account_id = shop.account(20 * PRICE)
    with pytest.raises(NumberNotOffered):
        assign(shop, account_id, theirs[0])
    assert len(audited(shop).findings) == 1
    assert status(shop)[theirs[0]] == ("orphan", "open")
    assert adopt(shop, HEADER + lines).offered == 1  # the file may come again
    assign(shop, account_id, theirs[1], charge=True)
    with pytest.raises(RentalConflict, match="It was sold since it was adopted"):
        undo(shop, theirs[1])
    shop.release(account_id, theirs[1])
    with pytest.raises(RentalConflict, match="It was sold"):
        undo(shop, theirs[1])
    assert untouched(shop)
    shop.verified()
