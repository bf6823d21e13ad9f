"""What a carrier has set for a number goes the way of the number: nobody speaks by the name of who had it before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from numberdesk.core.errors import RentalConflict
from numberdesk.core.number_settings import NOTHING, SettingsState, WantedSettings
from numberdesk.flows.settings.apply_settings import apply_settings
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import DELAY, restore, take_back, transfer
from tests.flows.switching import connection, converge
from tests.flows.test_adopt_numbers import HEADER, adopt, undo
from tests.flows.test_number_settings import ADDRESS, WANTED, rented, row_of, wish, work

THEIRS = WantedSettings("", "SECOND")


def test_the_name_of_the_old_account_is_taken_off_a_moved_number_and_the_new_ones_is_set(shop: Shop) -> None:
    old, e164 = rented(shop)
    new = shop.account(PRICE)
    wish(shop, old, e164)
    work(shop)
    transfer(shop, new, e164)
    assert row_of(shop, new, e164).state is SettingsState.PENDING
    shop.verified()
    work(shop)
    assert shop.acme.settings_of[e164] == NOTHING
    assert (row_of(shop, new, e164).wanted, row_of(shop, old, e164).wanted) == (NOTHING, NOTHING)
    assert (row_of(shop, old, e164).may_have, row_of(shop, old, e164).look_at) == (0, None)
    wish(shop, new, e164, emergency_address="", caller_name="SECOND")
    work(shop)
    assert (shop.acme.settings_of[e164], row_of(shop, new, e164).state) == (THEIRS, SettingsState.ACTIVE)
    shop.verified()


def test_a_name_that_is_wanted_right_after_the_transfer_is_all_that_is_set(shop: Shop) -> None:
    old, e164 = rented(shop)
    new = shop.account(PRICE)
    wish(shop, old, e164)
    transfer(shop, new, e164)  # before the carrier was ever told
    wish(shop, new, e164, emergency_address="", caller_name="SECOND")
    work(shop)
    assert shop.acme.set_ups == [(e164, THEIRS)]
    shop.verified()


def test_a_number_is_not_moved_while_its_carrier_is_being_told_of_its_name(shop: Shop) -> None:
    old, e164 = rented(shop)
    new = shop.account(PRICE)
    wish(shop, old, e164)
    due = apply_settings(shop.writer, shop.reader, shop.carriers, lambda: shop.now)

    async def told() -> None:
        taken = row_of(shop, old, e164)
        answer = await due.act(taken)
        with pytest.raises(RentalConflict) as refused:
            transfer(shop, new, e164)
        assert refused.value.details == {"reason": "settings"}
        await due.note(taken, answer)

    with shop.database.write() as tx:
        tx.execute(text("UPDATE number_settings SET leased_until = :then"), {"then": shop.now + 1})
    shop.tell(told())
    transfer(shop, new, e164)
    work(shop)
    assert shop.acme.settings_of[e164] == NOTHING


@pytest.mark.parametrize("worked", [work, lambda _: None], ids=["set before", "never told"])
def test_a_restored_number_has_its_address_and_name_as_before_and_gives_them_back_with_itself(
    shop: Shop, worked: Callable[[Shop], None]
) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    worked(shop)
    take_back(shop, e164)
    shop.verified()
    restore(shop, e164)
    work(shop)
    assert (shop.acme.settings_of[e164], row_of(shop, account_id, e164).state) == (WANTED, SettingsState.ACTIVE)
    shop.verified()
    take_back(shop, e164)
    shop.now += DELAY
    shop.tell(shop.give_back())
    assert (shop.acme.settings_of[e164], shop.acme.released[e164]) == (NOTHING, 1)
    assert ADDRESS not in str(shop.rows("SELECT * FROM number_settings"))
    shop.verified()


def test_an_adoption_that_is_undone_leaves_nothing_of_its_customer_at_the_carrier(shop: Shop) -> None:
    shop.connect("acme")
    first, second, e164 = shop.account(), shop.account(), "+13613000001"
    shop.acme.own([e164])
    assert adopt(shop, f"{HEADER}{e164},{first},1.15,,,,,{connection(shop, first)}\n").rented == 1
    wish(shop, first, e164)
    converge(shop)
    work(shop)
    assert shop.acme.settings_of[e164] == WANTED
    undo(shop, e164)
    shop.verified()
    converge(shop)
    work(shop)
    assert shop.acme.settings_of[e164] == NOTHING
    assert shop.rows("SELECT state, applied_connection_id FROM rental_connections") == [("none", None)]
    shop.verified()
    assert adopt(shop, f"{HEADER}{e164},{second},1.15,,,,,\n").rented == 1
    assert shop.rows("SELECT count(*) FROM rental_connections") == [(1,)]
    shop.verified()


def test_a_number_that_is_adopted_for_another_before_its_carrier_has_forgotten_the_first_goes_nowhere(
    shop: Shop,
) -> None:
    shop.connect("acme")
    first, second, e164 = shop.account(), shop.account(), "+13613000001"
    shop.acme.own([e164])
    adopt(shop, f"{HEADER}{e164},{first},1.15,,,,,{connection(shop, first)}\n")
    wish(shop, first, e164)
    converge(shop)
    work(shop)
    undo(shop, e164)
    assert adopt(shop, f"{HEADER}{e164},{second},1.15,,,,,\n").rented == 1
    converge(shop)
    work(shop)
    assert shop.acme.settings_of[e164] == NOTHING
    query = "SELECT account_id, state, applied_connection_id FROM rental_connections ORDER BY account_id"
    assert shop.rows(query) == [(first, "none", None), (second, "none", None)]
    shop.verified()
