"""Price rules in the database: setting, replacing and removing them, and the repricing that follows.

Touches: database, files.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from sqlalchemy import insert, select

from numberdesk.catalog.rule_store import list_price_rules
from numberdesk.catalog.rules import PriceRule
from numberdesk.catalog.store import find_superseded, list_inventory
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.prices import Prices
from numberdesk.flows.catalog.import_inventory import save_listings, stage_inventory
from numberdesk.flows.catalog.reprice import SUPERSEDED_KEPT, Reprice, Repriced, reprice
from numberdesk.flows.catalog.set_price_rules import new_price_rule, remove_price_rules, set_price_rules
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.writer import Writer
from numberdesk.tables import repricings, superseded_prices
from testbed.samples import price_rule
from testbed.stock import connected

ENGINES_TAKE_TURNS = "a price follows from its rule, alike on both engines"

NOW = 1_700_000_000_000_000
RULE = price_rule(price=1_000_000, inbound=8_500, created_at=NOW)
FILE = """phone_number,monthly_price,currency,cost_monthly
+13612738809,,USD,0.5
+14155550100,,USD,0.6
+14155550101,9,USD,0.6
+14155550102,,USD,0.7
+16045550123,,USD,
"""
BY_RULE = ("+13612738809", "+14155550100", "+14155550102", "+16045550123")


@pytest.fixture
def database(database: Database) -> Database:
    """With a few numbers in it, most without a price."""
    bring_in(database, FILE)
    return database


def bring_in(database: Database, content: str, *, carrier: str = "pool") -> None:
    source = io.BytesIO(content.encode())
    with stage_inventory(source, carrier=carrier, progress=lambda _bytes, _lines: None) as staged:
        assert staged.bad == []
        for chunk in staged.chunks():
            Writer(database).apply(save_listings(lambda: NOW), chunk)


def set_rule(database: Database, rule: PriceRule) -> PriceRule:
    made = Writer(database).apply(set_price_rules, rule)
    assert isinstance(made, PriceRule)
    return made


def step(database: Database, *, now: int = NOW, limit: int = 1000) -> Repriced:
    return Writer(database).apply(reprice(lambda: now), Reprice(limit))


def reprice_all(database: Database, *, now: int = NOW, limit: int = 1000) -> int:
    """Step until nothing is left; return how many steps it took."""
    steps = 1
    while step(database, now=now, limit=limit).left:
        steps += 1
        assert steps < 100
    return steps


def prices(database: Database) -> dict[str, Prices | None]:
    with database.read() as tx:
        return {item.listing.e164: item.listing.prices for item in list_inventory(tx, None, None, None, 100)}


def monthly(database: Database) -> dict[str, int | None]:
    return {e164: found and found.monthly for e164, found in prices(database).items()}


def superseded(database: Database, e164: str) -> tuple[Prices, ...]:
    with database.read() as tx:
        return tuple(prices for _, prices in find_superseded(tx, {e164: 0}).get(e164, ()))


def pending(database: Database) -> dict[str, str]:
    with database.read() as tx:
        return {row.carrier: row.after_e164 for row in tx.execute(select(repricings))}


def rules(database: Database, carrier: str | None = None) -> list[PriceRule]:
    with database.read() as tx:
        return list_price_rules(tx, carrier, limit=100)


def test_a_rule_prices_the_numbers_that_came_without_prices(database: Database) -> None:
    assert set_rule(database, RULE) == RULE
    assert pending(database) == {"pool": ""}
    assert step(database) == Repriced(changed=4, unpriced=0, forgotten=0, left=False, repriced_at=NOW)
    assert pending(database) == {}
    ruled = Prices("USD", 1_000_000, 8_500, None, 0)
    assert prices(database) == {
        **dict.fromkeys(BY_RULE, ruled),
        "+14155550101": Prices("USD", 9_000_000, None, None, 0),
    }
    assert superseded(database, "+13612738809") == ()


def test_a_changed_rule_supersedes_the_prices_that_it_changes(database: Database) -> None:
    set_rule(database, RULE)
    reprice_all(database)
    set_rule(database, RULE._replace(price=2_000_000, prefix="1415", id="prl_2"))
    assert step(database, now=NOW + 7).changed == 2
    assert monthly(database) == {
        "+13612738809": 1_000_000,
        "+14155550100": 2_000_000,
        "+14155550101": 9_000_000,
        "+14155550102": 2_000_000,
        "+16045550123": 1_000_000,
    }
    assert superseded(database, "+14155550102") == (Prices("USD", 1_000_000, 8_500, None, 0),)
    assert superseded(database, "+13612738809") == superseded(database, "+14155550101") == ()


def test_cost_plus_leaves_numbers_without_a_cost_without_a_price(database: Database) -> None:
    set_rule(database, RULE._replace(price=None, margin_percent=500_000, setup=0, round_to=100_000))
    assert step(database) == Repriced(changed=3, unpriced=1, forgotten=0, left=False, repriced_at=NOW)
    assert monthly(database) == {
        "+13612738809": 800_000,
        "+14155550100": 900_000,
        "+14155550101": 9_000_000,
        "+14155550102": 1_100_000,
        "+16045550123": None,
    }


def test_a_number_that_no_rule_prices_any_more_is_not_offered_and_its_price_is_remembered(database: Database) -> None:
    rule = set_rule(database, RULE._replace(setup=5))
    reprice_all(database)
    assert Writer(database).apply(remove_price_rules, RULE.id) == rule
    assert pending(database) == {"pool": ""}
    assert step(database, now=NOW + 1) == Repriced(changed=4, unpriced=4, forgotten=0, left=False, repriced_at=NOW + 1)
    assert monthly(database) == {**dict.fromkeys(BY_RULE), "+14155550101": 9_000_000}
    with database.read() as tx:
        (gone, *_) = list_inventory(tx, "pool", None, None, 1)
    assert (gone.listing.currency, gone.listing.inbound, gone.listing.setup) == (None, None, 0)
    assert superseded(database, "+13612738809") == (Prices("USD", 1_000_000, 8_500, None, 5),)
    assert rules(database) == []


def test_prices_are_superseded_at_the_instant_of_the_transaction_that_changes_them(database: Database) -> None:
    set_rule(database, RULE)
    reprice_all(database)
    set_rule(database, RULE._replace(price=2_000_000))
    clock = iter([NOW + 100, NOW + 200])
    flow = reprice(lambda: next(clock))
    assert [Writer(database).apply(flow, Reprice(3)).repriced_at for _ in range(2)] == [NOW + 100, NOW + 200]
    with database.read() as tx:
        found = {e164: former[0][0] for e164, former in find_superseded(tx, dict.fromkeys(BY_RULE, 0)).items()}
    assert set(found.values()) == {NOW + 100, NOW + 200}


def test_a_rule_for_the_same_numbers_takes_the_place_of_the_one_before(database: Database) -> None:
    set_rule(database, RULE)
    changed = RULE._replace(id="prl_9", price=None, margin_percent=1, currency="EUR", created_at=NOW + 9)
    assert set_rule(database, changed) == changed._replace(id="prl_1", created_at=NOW)
    assert rules(database) == [changed._replace(id="prl_1", created_at=NOW)]


def test_rules_that_differ_in_one_match_stand_side_by_side(database: Database) -> None:
    different = [
        RULE,
        RULE._replace(id="prl_2", prefix="1"),
        RULE._replace(id="prl_3", number_type="local"),
        RULE._replace(id="prl_4", iso_country="US"),
        RULE._replace(id="prl_5", carrier="acme"),
    ]
    connected(database, "acme")
    with database.write() as tx:
        assert set_price_rules(tx, different) == different
    assert rules(database) == different
    assert rules(database, "acme") == different[4:]
    assert pending(database) == {"pool": ""}


def test_of_rules_for_the_same_numbers_in_one_batch_the_last_one_stays(database: Database) -> None:
    with database.write() as tx:
        outcomes = set_price_rules(tx, [RULE, RULE._replace(id="prl_2", price=2)])
    assert outcomes == [RULE, RULE._replace(price=2)]
    assert rules(database) == [RULE._replace(price=2)]


def test_rules_are_listed_in_pages(database: Database) -> None:
    for place in range(3):
        set_rule(database, RULE._replace(id=f"prl_{place}", prefix=str(place + 1)))
    with database.read() as tx:
        assert [rule.id for rule in list_price_rules(tx, limit=2)] == ["prl_0", "prl_1"]
        assert [rule.id for rule in list_price_rules(tx, after_id="prl_1", limit=2)] == ["prl_2"]


def test_removing_a_rule_that_is_not_there_is_not_found_and_begins_nothing(database: Database) -> None:
    set_rule(database, RULE)
    reprice_all(database)
    with database.write() as tx:
        assert remove_price_rules(tx, ["prl_7"]) == [NotFound()]
    assert pending(database) == {}
    with database.write() as tx:
        assert remove_price_rules(tx, ["prl_1", "prl_1"]) == [RULE, NotFound()]


def test_a_rule_for_a_country_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^iso_country "):
        new_price_rule(RULE._replace(iso_country="UK"))
    with pytest.raises(InvalidRequest, match=r"^prefix "):
        new_price_rule(RULE._replace(prefix="+1"))
    assert new_price_rule(RULE._replace(iso_country="GB")) == RULE._replace(iso_country="GB")


def test_a_step_looks_at_no_more_numbers_than_its_limit(database: Database) -> None:
    set_rule(database, RULE)
    assert step(database, limit=2) == Repriced(changed=2, unpriced=0, forgotten=0, left=True, repriced_at=NOW)
    assert pending(database) == {"pool": "+14155550100"}
    assert step(database, limit=2) == Repriced(changed=1, unpriced=0, forgotten=0, left=True, repriced_at=NOW)
    assert step(database, limit=2) == Repriced(changed=1, unpriced=0, forgotten=0, left=False, repriced_at=NOW)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_steps_of_any_size_end_at_the_same_prices(database: Database, limit: int) -> None:
    set_rule(database, RULE._replace(prefix="1415"))
    reprice_all(database, limit=limit)
    assert monthly(database) == {
        "+13612738809": None,
        "+14155550100": 1_000_000,
        "+14155550101": 9_000_000,
        "+14155550102": 1_000_000,
        "+16045550123": None,
    }


class Killed(Exception):
    """The process ends before the commit."""


def killed_before_commit(database: Database, flow: Callable[[Tx], object]) -> None:
    with database.write() as tx:
        flow(tx)
        raise Killed


@pytest.mark.parametrize("steps_before", range(6))
def test_a_crash_in_any_step_loses_and_repeats_nothing(database: Database, steps_before: int) -> None:
    set_rule(database, RULE)
    reprice_all(database)
    set_rule(database, RULE._replace(price=2_000_000))
    for _ in range(steps_before):
        step(database, now=NOW + 1, limit=1)
    before = (monthly(database), pending(database))
    with pytest.raises(Killed):
        killed_before_commit(database, lambda tx: reprice(lambda: NOW + 2)(tx, [Reprice(1)]))
    assert (monthly(database), pending(database)) == before
    reprice_all(database, now=NOW + 3, limit=1)
    assert monthly(database) == {**dict.fromkeys(BY_RULE, 2_000_000), "+14155550101": 9_000_000}
    for e164 in BY_RULE:
        assert superseded(database, e164) == (Prices("USD", 1_000_000, 8_500, None, 0),)
    assert pending(database) == {}


def test_a_crash_while_setting_a_rule_leaves_neither_rule_nor_repricing(database: Database) -> None:
    with pytest.raises(Killed):
        killed_before_commit(database, lambda tx: set_price_rules(tx, [RULE]))
    assert rules(database) == []
    assert pending(database) == {}


def test_a_rule_changed_in_the_middle_of_a_repricing_begins_it_again(database: Database) -> None:
    set_rule(database, RULE)
    step(database, limit=3)
    set_rule(database, RULE._replace(price=3_000_000))
    assert pending(database) == {"pool": ""}
    reprice_all(database, limit=3)
    assert monthly(database) == {**dict.fromkeys(BY_RULE, 3_000_000), "+14155550101": 9_000_000}


def test_several_steps_of_one_batch_go_on_where_the_one_before_stopped(database: Database) -> None:
    set_rule(database, RULE)
    with database.write() as tx:
        outcomes = reprice(lambda: NOW)(tx, [Reprice(2)] * 4)
    assert [outcome.changed for outcome in outcomes] == [2, 1, 1, 0]
    assert [outcome.left for outcome in outcomes] == [True, True, False, False]


def test_repricing_one_carrier_leaves_the_numbers_of_others_alone(database: Database) -> None:
    connected(database, "acme")
    set_rule(database, RULE._replace(id="prl_2", carrier="acme", price=5_000_000))
    bring_in(database, "phone_number\n+14155550199\n", carrier="acme")
    set_rule(database, RULE)
    reprice_all(database, limit=2)
    assert monthly(database) == {
        **dict.fromkeys(BY_RULE, 1_000_000),
        "+14155550101": 9_000_000,
        "+14155550199": 5_000_000,
    }


def test_a_rule_for_a_carrier_that_is_not_connected_is_refused(database: Database) -> None:
    with database.write() as tx:
        refused, stored = set_price_rules(tx, [RULE._replace(id="prl_2", carrier="acme"), RULE])
    assert (refused, stored) == (InvalidRequest("carrier", "must be pool or one that is connected"), RULE)
    assert rules(database) == [RULE]


def test_a_repricing_that_changes_no_price_writes_none(database: Database) -> None:
    set_rule(database, RULE)
    reprice_all(database)
    set_rule(database, RULE)
    assert step(database, now=NOW + 5) == Repriced(changed=0, unpriced=0, forgotten=0, left=False, repriced_at=NOW + 5)
    assert superseded(database, "+13612738809") == ()


def test_with_nothing_to_do_a_step_does_nothing(database: Database) -> None:
    assert step(database) == Repriced(changed=0, unpriced=0, forgotten=0, left=False, repriced_at=NOW)


def test_prices_superseded_more_than_a_day_ago_are_forgotten_a_bounded_number_at_a_time(database: Database) -> None:
    instants = [NOW - 3, NOW - 2, NOW - 1, NOW]
    with database.write() as tx:
        tx.execute(
            insert(superseded_prices),
            [
                {"e164": e164, "superseded_at": instant, "currency": "USD", "price": 1, "setup": 0}
                for instant in instants
                for e164 in BY_RULE[:2]
            ],
        )
    assert step(database, now=NOW + SUPERSEDED_KEPT, limit=4) == Repriced(
        0, 0, 4, left=True, repriced_at=NOW + SUPERSEDED_KEPT
    )
    assert step(database, now=NOW + SUPERSEDED_KEPT, limit=4) == Repriced(
        0, 0, 2, left=False, repriced_at=NOW + SUPERSEDED_KEPT
    )
    with database.read() as tx:
        assert [row.superseded_at for row in tx.execute(select(superseded_prices))] == [NOW, NOW]
