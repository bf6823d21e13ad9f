"""Importing inventory: what a file does to an empty catalogue, to a known one, and to numbers in use.

Touches: database, files.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from numberdesk.catalog.import_changes import conflicts_of, decide_listings
from numberdesk.catalog.model import BadLine, ImportCounts, InventoryItem, Stored
from numberdesk.catalog.store import count_inventory, find_superseded, list_inventory
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Prices
from numberdesk.flows.catalog.import_inventory import (
    MOST_PER_CHUNK,
    StagedInventory,
    find_conflicts,
    save_listings,
    stage_inventory,
)
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.infra.db import Database
from numberdesk.infra.writer import Writer
from numberdesk.tables import accounts, numbers, orders, superseded_prices
from testbed.samples import price_rule
from testbed.stock import connected

HEADER = (
    "phone_number,locality,capabilities,monthly_price,per_minute_price_inbound,per_minute_price_outbound,"
    "setup_price,currency\n"
)
DEMO = "+13612738809,Corpus Christi,voice sms,1.15,0.0085,0.0945,,USD\n"
DEMO_PRICES = Prices("USD", 1_150_000, 8_500, 94_500, 0)
NOW = 1_700_000_000_000_000


def stage(content: str, *, carrier: str = "pool", directory: Path | None = None) -> StagedInventory:
    source = io.BytesIO(content.encode())
    return stage_inventory(source, carrier=carrier, progress=lambda _bytes, _lines: None, directory=directory)


def imported(database: Database, content: str, *, carrier: str = "pool", now: int = NOW) -> ImportCounts:
    counts = ImportCounts()
    with stage(content, carrier=carrier) as staged:
        for chunk in staged.chunks():
            counts = counts.plus(Writer(database).apply(save_listings(lambda: now), chunk).counts)
    return counts


def inventory(database: Database) -> dict[str, InventoryItem]:
    with database.read() as tx:
        return {item.listing.e164: item for item in list_inventory(tx, None, None, None, 10_000)}


def rows(database: Database) -> Sequence[Any]:
    with database.read() as tx:
        return tx.execute(select(numbers).order_by(numbers.c.e164)).all()


def superseded(database: Database, e164: str) -> tuple[Prices, ...]:
    with database.read() as tx:
        return tuple(prices for _, prices in find_superseded(tx, {e164: 0}).get(e164, ()))


def test_a_new_number_is_available_at_the_prices_of_the_file(database: Database) -> None:
    assert imported(database, HEADER + DEMO) == ImportCounts(new=1)
    item = inventory(database)["+13612738809"]
    assert item.listing.prices == DEMO_PRICES
    assert (item.carrier, item.state, item.created_at, item.updated_at) == ("pool", NumberState.AVAILABLE, NOW, NOW)
    (row,) = rows(database)
    assert (row.reversed, row.national, row.area_code, row.locality) == (
        "9088372163",
        "3612738809",
        "361",
        "Corpus Christi",
    )
    assert row.memorability == item.listing.memorability > 0


def test_importing_a_file_twice_changes_nothing(database: Database) -> None:
    content = HEADER + DEMO + "+14155550123,,,,,,,\n"
    imported(database, content)
    before = rows(database)
    assert imported(database, content, now=NOW + 1) == ImportCounts(unchanged=2, unpriced=1)
    assert rows(database) == before
    assert superseded(database, "+13612738809") == ()


def test_a_changed_line_changes_its_number_and_no_other(database: Database) -> None:
    imported(database, HEADER + DEMO + "+14155550123,San Francisco,,1,,,,USD\n")
    content = HEADER + DEMO + "+14155550123,Oakland,,1,,,,USD\n"
    assert imported(database, content, now=NOW + 1) == ImportCounts(changed=1, unchanged=1)
    items = inventory(database)
    assert items["+14155550123"].listing.locality == "Oakland"
    assert (items["+14155550123"].created_at, items["+14155550123"].updated_at) == (NOW, NOW + 1)
    assert items["+13612738809"].updated_at == NOW
    assert superseded(database, "+14155550123") == ()


def test_former_prices_are_remembered_when_others_take_their_place(database: Database) -> None:
    imported(database, HEADER + DEMO)
    imported(database, HEADER + DEMO.replace("1.15", "1.25"), now=NOW + 1)
    imported(database, HEADER + DEMO.replace("1.15", "1.35"), now=NOW + 2)
    assert superseded(database, "+13612738809") == (DEMO_PRICES._replace(monthly=1_250_000), DEMO_PRICES)
    assert inventory(database)["+13612738809"].listing.prices == DEMO_PRICES._replace(monthly=1_350_000)


def test_prices_that_change_again_and_again_at_one_instant_are_all_remembered(database: Database) -> None:
    imported(database, HEADER + DEMO)
    for price in ("1.25", "1.35", "1.45"):
        imported(database, HEADER + DEMO.replace("1.15", price), now=NOW + 1)
    former = superseded(database, "+13612738809")
    assert [prices.monthly for prices in former] == [1_350_000, 1_250_000, 1_150_000]


def test_a_number_that_loses_its_price_is_no_longer_offered_at_any(database: Database) -> None:
    imported(database, HEADER + DEMO)
    assert imported(database, HEADER + "+13612738809,,,,,,,\n", now=NOW + 1) == ImportCounts(changed=1, unpriced=1)
    assert inventory(database)["+13612738809"].listing.prices is None
    assert superseded(database, "+13612738809") == (DEMO_PRICES,)


def test_prices_are_superseded_when_their_chunk_is_saved_however_long_ago_the_file_began(database: Database) -> None:
    imported(database, HEADER + DEMO)
    with stage(HEADER + DEMO.replace("1.15", "1.25")) as staged:
        (chunk,) = staged.chunks()
    half_an_hour = 30 * 60 * 1_000_000
    saved = Writer(database).apply(save_listings(lambda: NOW + half_an_hour), chunk)
    assert saved.saved_at == NOW + half_an_hour
    with database.read() as tx:
        assert find_superseded(tx, {"+13612738809": NOW}) == {"+13612738809": ((NOW + half_an_hour, DEMO_PRICES),)}


def test_numbers_without_prices_are_priced_by_the_rules_of_their_carrier(database: Database) -> None:
    rule = price_rule(iso_country="US", price=2_000_000, inbound=1)
    Writer(database).apply(set_price_rules, rule)
    connected(database, "acme")
    Writer(database).apply(set_price_rules, rule._replace(id="prl_2", carrier="acme", price=3_000_000))
    content = "phone_number\n+14155550123\n+16045550123\n"
    assert imported(database, content) == ImportCounts(new=2, unpriced=1)
    items = inventory(database)
    assert items["+14155550123"].listing.prices == Prices("USD", 2_000_000, 1, None, 0)
    assert items["+16045550123"].listing.prices is None
    assert imported(database, content) == ImportCounts(unchanged=2, unpriced=1)


def test_prices_of_the_file_win_over_rules(database: Database) -> None:
    rule = price_rule(price=2_000_000)
    Writer(database).apply(set_price_rules, rule)
    imported(database, HEADER + DEMO)
    assert inventory(database)["+13612738809"].listing.prices == DEMO_PRICES


def _put_in_use(database: Database, e164: str, state: NumberState) -> None:
    """Give a number the state, with the account and order that it needs."""
    held = state in {NumberState.CLAIMED, NumberState.ASSIGNED}
    with database.write() as tx:
        tx.execute(insert(accounts).values(id="acc_1", name="A", currency="USD", state="active", created_at=NOW))
        tx.execute(
            insert(orders).values(
                id="ord_1",
                account_id="acc_1",
                e164=e164,
                carrier="pool",
                state="ordering",
                currency="USD",
                price=1,
                setup=0,
                attempts=0,
                created_at=NOW,
            )
        )
        tx.execute(
            update(numbers)
            .where(numbers.c.e164 == e164)
            .values(
                state=state.value,
                account_id="acc_1" if held else None,
                order_id="ord_1" if held else None,
                quarantined_until=NOW + 5 if state is NumberState.QUARANTINED else None,
            )
        )


@pytest.mark.parametrize("state", [state for state in NumberState if state is not NumberState.AVAILABLE])
def test_a_number_in_use_gets_its_new_offer_and_keeps_its_state_and_holder(
    database: Database, state: NumberState
) -> None:
    imported(database, HEADER + DEMO)
    _put_in_use(database, "+13612738809", state)
    (before,) = rows(database)
    assert imported(database, HEADER + DEMO.replace("1.15", "1.25"), now=NOW + 1) == ImportCounts(changed=1)
    (after,) = rows(database)
    for name in ("state", "account_id", "order_id", "quarantined_until", "carrier", "created_at"):
        assert getattr(after, name) == getattr(before, name)
    assert (after.state, after.price) == (state, 1_250_000)


def test_a_number_of_another_carrier_is_a_conflict_and_left_alone(database: Database) -> None:
    imported(database, HEADER + DEMO, carrier="acme")
    before = rows(database)
    content = HEADER + "+14155550123,,,1,,,,USD\n" + DEMO.replace("1.15", "1.25")
    with stage(content) as staged, database.read() as tx:
        found = [conflict for chunk in staged.chunks() for conflict in find_conflicts(tx, chunk)]
    assert found == [BadLine(3, "phone_number +13612738809 belongs to the carrier acme")]
    assert imported(database, content) == ImportCounts(new=1, conflicts=1)
    assert rows(database)[0] == before[0]


def test_columns_that_a_file_lacks_stay_as_they_are(database: Database) -> None:
    imported(database, HEADER + DEMO)
    content = "phone_number,monthly_price,currency\n+13612738809,1.15,USD\n"
    assert imported(database, content, now=NOW + 1) == ImportCounts(unchanged=1)
    assert imported(database, "phone_number\n+13612738809\n", now=NOW + 1) == ImportCounts(unchanged=1)
    assert imported(database, content.replace("1.15", "1.25"), now=NOW + 2) == ImportCounts(changed=1)
    listing = inventory(database)["+13612738809"].listing
    assert (listing.locality, listing.capabilities) == ("Corpus Christi", 3)
    assert listing.prices == DEMO_PRICES._replace(monthly=1_250_000)
    empty = "phone_number,locality\n+13612738809,\n"
    assert imported(database, empty, now=NOW + 3) == ImportCounts(changed=1)
    assert inventory(database)["+13612738809"].listing.locality == ""


def test_costs_and_what_the_owner_insists_on_stay_where_the_file_is_silent(database: Database) -> None:
    header = "phone_number,iso_country,number_type,region,cost_monthly,cost_setup,cost_currency\n"
    imported(database, f"{header}+441534700700,GB,national,Jersey,1,2,EUR\n")
    before = inventory(database)["+441534700700"].listing
    assert imported(database, "phone_number,locality\n+441534700700,St Helier\n") == ImportCounts(changed=1, unpriced=1)
    assert inventory(database)["+441534700700"].listing == before._replace(locality="St Helier")
    costs = "phone_number,cost_monthly,cost_currency\n+441534700700,3,EUR\n"
    assert imported(database, costs) == ImportCounts(changed=1, unpriced=1)
    after = inventory(database)["+441534700700"].listing
    assert (after.cost_monthly, after.cost_setup, after.cost_currency) == (3_000_000, 2_000_000, "EUR")


def test_amounts_that_a_file_lacks_do_not_change_their_currency(database: Database) -> None:
    imported(database, HEADER + DEMO)
    content = "phone_number,monthly_price,currency\n+13612738809,1.15,EUR\n"
    with stage(content) as staged, database.read() as tx:
        (conflict,) = [bad for chunk in staged.chunks() for bad in find_conflicts(tx, chunk)]
    assert "currency changes from USD to EUR, which needs per_minute_price_inbound" in conflict.reason
    assert imported(database, content) == ImportCounts(conflicts=1)
    assert inventory(database)["+13612738809"].listing.prices == DEMO_PRICES


def test_a_number_that_its_carrier_has_back_can_be_imported_once_it_is_ported_in(database: Database) -> None:
    imported(database, HEADER + DEMO, carrier="acme")
    now_ours = HEADER + DEMO.replace("1.15", "1.25")
    for state, reason in (("available", "acme"), ("quarantined", "until its quarantine is over"), ("assigned", "sold")):
        _in_state(database, state)
        with stage(now_ours) as staged, database.read() as tx:
            (conflict,) = [bad for chunk in staged.chunks() for bad in find_conflicts(tx, chunk)]
        assert reason in conflict.reason
        assert imported(database, now_ours) == ImportCounts(conflicts=1)
    _in_state(database, "withdrawn")
    assert imported(database, now_ours, now=NOW + 1) == ImportCounts(new=1)
    item = inventory(database)["+13612738809"]
    assert (item.carrier, item.state) == ("pool", NumberState.AVAILABLE)
    assert item.listing.prices == DEMO_PRICES._replace(monthly=1_250_000)


def test_a_number_that_is_still_on_its_way_back_to_its_carrier_is_not_taken_over(database: Database) -> None:
    imported(database, HEADER + DEMO, carrier="acme")
    _in_state(database, "withdrawn")
    with stage(HEADER + DEMO) as staged:
        (chunk,) = staged.chunks()
    stored = {"+13612738809": Stored("acme", chunk.listings[0], NumberState.WITHDRAWN)}
    assert decide_listings(chunk, stored, lambda _: None, {"+13612738809"}).counts == ImportCounts(conflicts=1)
    assert decide_listings(chunk, stored, lambda _: None).counts == ImportCounts(new=1)
    (bad,) = conflicts_of(chunk, stored, {"+13612738809"})
    assert "has not confirmed yet" in bad.reason


def _in_state(database: Database, state: str) -> None:
    with database.write() as tx:
        if state == "assigned":
            tx.execute(insert(accounts).values(id="acc_1", name="A", currency="USD", state="active", created_at=NOW))
            order = {"account_id": "acc_1", "e164": "+13612738809", "carrier": "acme", "state": "ordering"}
            amounts = {"currency": "USD", "price": 1, "setup": 0, "attempts": 0, "created_at": NOW}
            tx.execute(insert(orders).values(id="ord_1", **order, **amounts))
        tx.execute(
            update(numbers).values(
                state=state,
                account_id="acc_1" if state == "assigned" else None,
                order_id="ord_1" if state == "assigned" else None,
                quarantined_until=NOW + 5 if state == "quarantined" else None,
            )
        )


def test_bad_lines_are_listed_and_the_good_ones_can_be_saved_without_them(database: Database) -> None:
    content = HEADER + DEMO + "+1,,,,,,,\n+14155550123,,,0,,,,USD\n+14155550124\n+14155550125,,,1,,,,USD\n" + DEMO
    with stage(content) as staged:
        assert [bad.line for bad in staged.bad] == [3, 4, 5, 7]
        assert staged.bad[1].reason == "monthly_price must be greater than zero, not '0'"
        assert staged.bad[3] == BadLine(7, "phone_number +13612738809 is there already, on line 2")
        assert (staged.bad_count, staged.good) == (4, 2)
    assert imported(database, content) == ImportCounts(new=2)


def _block(count: int, *, start: int = 2_000_000) -> str:
    return "phone_number,region\n" + "".join(f"+1361{start + line},TX\n" for line in range(count))


def test_an_interrupted_import_is_finished_by_importing_again(database: Database) -> None:
    content = _block(MOST_PER_CHUNK + 3)
    with stage(content) as staged:
        Writer(database).apply(save_listings(lambda: NOW), next(staged.chunks()))
    assert imported(database, content) == ImportCounts(new=3, unchanged=MOST_PER_CHUNK, unpriced=MOST_PER_CHUNK + 3)


def test_chunks_of_one_batch_each_see_what_those_before_them_saved(database: Database) -> None:
    with stage(HEADER + DEMO) as first, stage(HEADER + DEMO.replace("1.15", "1.25")) as second:
        chunks = [*first.chunks(), *second.chunks(), *second.chunks()]
        with database.write() as tx:
            counts = [saved.counts for saved in save_listings(lambda: NOW)(tx, chunks)]
    assert counts == [ImportCounts(new=1), ImportCounts(changed=1), ImportCounts(unchanged=1)]
    assert superseded(database, "+13612738809") == (DEMO_PRICES,)


def test_a_carrier_without_rules_is_not_priced_by_those_of_another_in_the_batch(database: Database) -> None:
    rule = price_rule(carrier="acme")
    connected(database, "acme")
    Writer(database).apply(set_price_rules, rule)
    with stage("phone_number\n+14155550123\n") as ours, stage("phone_number\n+14155550124\n", carrier="acme") as theirs:
        chunks = [*ours.chunks(), *theirs.chunks()]
        with database.write() as tx:
            saved = save_listings(lambda: NOW)(tx, chunks)
            assert [one.counts for one in saved] == [ImportCounts(new=1, unpriced=1), ImportCounts(new=1)]


def test_the_inventory_is_listed_by_number_carrier_and_state(database: Database) -> None:
    imported(database, HEADER + DEMO + "+14155550123,,,1,,,,USD\n")
    imported(database, "phone_number\n+442079460958\n", carrier="acme")
    with database.write() as tx:
        tx.execute(update(numbers).where(numbers.c.e164 == "+14155550123").values(state="withdrawn"))

    def listed(carrier: str | None, state: NumberState | None, after: str | None, limit: int) -> list[str]:
        with database.read() as tx:
            return [item.listing.e164 for item in list_inventory(tx, carrier, state, after, limit)]

    assert listed(None, None, None, 2) == ["+13612738809", "+14155550123"]
    assert listed(None, None, "+14155550123", 2) == ["+442079460958"]
    assert listed("pool", None, None, 9) == ["+13612738809", "+14155550123"]
    assert listed("pool", NumberState.WITHDRAWN, None, 9) == ["+14155550123"]
    with database.read() as tx:
        assert count_inventory(tx, 9) == {NumberState.AVAILABLE: 2, NumberState.WITHDRAWN: 1}


_LINES = st.dictionaries(
    st.integers(100, 104),
    st.tuples(
        st.sampled_from(["", "Oakland"]),
        st.sampled_from([("", "", ""), ("1", "", "USD"), ("1.5", "", "USD"), ("1", "0.01", "USD"), ("1", "", "EUR")]),
    ),
    min_size=1,
)


Lines = dict[int, tuple[str, tuple[str, str, str]]]


def _file(lines: Lines) -> str:
    texts = [
        f"+14155550{line},{locality},,{price},{rate},,,{currency}\n"
        for line, (locality, (price, rate, currency)) in lines.items()
    ]
    return HEADER + "".join(texts)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINES, min_size=1, max_size=4))
def test_after_any_imports_each_number_is_as_its_last_line_says(database: Database, files: list[Lines]) -> None:
    with database.write() as tx:
        tx.execute(delete(superseded_prices))
        tx.execute(delete(numbers))
    last: Lines = {}
    for place, lines in enumerate(files):
        new = len(lines.keys() - last.keys())
        changed = sum(last.get(number, line) != line for number, line in lines.items())  # a new one has not changed
        last |= lines
        counts = imported(database, _file(lines), now=NOW + place)
        assert (counts.new, counts.changed, counts.unchanged) == (new, changed, len(lines) - new - changed)
        assert counts.unpriced == sum(not price for _, (price, _, _) in lines.values())
    items = inventory(database)
    assert len(items) == len(last)
    for number, (locality, (price, rate, currency)) in last.items():
        listing = items[f"+14155550{number}"].listing
        expected = Prices(currency, int(float(price) * 1e6), 10_000 if rate else None, None) if price else None
        assert (listing.locality, listing.prices) == (locality, expected)
