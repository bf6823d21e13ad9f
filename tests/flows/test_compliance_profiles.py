"""Papers: what is sold with them is not held for or ordered without, and they go with the order."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from numberdesk.carriers.port import CarrierAccount
from numberdesk.catalog.model import FROM_RULE
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.core.compliance import NOTICE, ComplianceProfile, ProfileState
from numberdesk.core.errors import DocumentsRequired, InvalidRequest, NotFound, RentalConflict
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.core.rental import DAY
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.flows.compliance.register_profiles import (
    MOST_PROFILES,
    ProfileChange,
    change_registered,
    register_profiles,
)
from numberdesk.flows.compliance.tell_expiry import TellExpiry, tell_expiry
from testbed.fake_carriers import Does
from testbed.samples import listing_of
from testbed.stock import store_accounts
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop
from tests.flows.hands import restore, take_back, transfer

BUNDLE: Final = {"bundle_sid": "BU0123456789abcdef0123456789abcdef"}


def register(shop: Shop, account_id: str, /, **changes: Any) -> Any:
    """A profile that fits what `german` offers, but for the changes."""
    shop.connect("acme")
    values = {
        "id": shop.new_id("cmp"), "account_id": account_id, "carrier": "acme", "iso_country": "DE",
        "number_type": "local", "papers": BUNDLE, "state": ProfileState.APPROVED, "valid_until": None, "said": "",
        "created_at": shop.now, "updated_at": shop.now,
    }  # fmt: skip
    return shop.writer.apply(register_profiles, ComplianceProfile(**{**values, **changes}))


def change(shop: Shop, profile: ComplianceProfile, **changes: Any) -> Any:
    return shop.writer.apply(change_registered, ProfileChange(profile.id, shop.now, **changes))


def german(shop: Shop, *requires: str) -> str:
    """A number that asks for papers."""
    e164 = f"+4930{next(shop._serials):07}"
    shop.connect("acme")
    listing = listing_of(e164, iso_country="DE", area_code="30", national=e164[3:], price_source=FROM_RULE)
    shown = RemoteOffer("acme", listing, shop.now, shop.now + QUOTE_LIFETIME, requires or ("documents",))
    shop.writer.apply(keep_offers, Shown((shown,)))
    return e164


def error_of(decision: Any) -> Any:
    assert isinstance(decision, Refusal)
    return decision.error


def test_a_number_that_asks_for_papers_is_refused_before_anything_is_held_and_sold_once_they_are_there(
    shop: Shop,
) -> None:
    account_id, e164 = shop.account(10 * PRICE), german(shop, "local_address")
    first = shop.buy(account_id, e164, key="k")
    assert error_of(first) == DocumentsRequired(details={"field": "phone_number", "requires": ["local_address"]})
    assert (shop.wallet(account_id).held, shop.count("orders"), shop.acme.orders) == (0, 0, [])
    profile = register(shop, account_id)
    assert error_of(shop.buy(account_id, e164, key="k")) == error_of(first)  # what was answered stays so under its key
    buy = shop.wants(account_id, e164)
    shop.tell(shop.purchase(shop.placement(), buy))
    assert shop.rows("SELECT state, profile_id FROM orders") == [("completed", profile.id)]
    assert (shop.acme.orders, shop.acme.papers) == ([(e164, buy.order_id)], [BUNDLE])
    shop.verified()


def test_a_number_under_papers_goes_only_to_an_account_that_has_its_own_and_back_to_who_had_it_under_the_same(
    shop: Shop,
) -> None:
    first, second, e164 = shop.account(10 * PRICE), shop.account(), german(shop)
    mine = register(shop, first)
    shop.tell(shop.purchase(shop.placement(), shop.wants(first, e164)))
    take_back(shop, e164)
    restore(shop, e164)
    register(shop, second, number_type="mobile")
    with pytest.raises(RentalConflict) as refused:
        transfer(shop, second, e164)
    assert refused.value.details == {"reason": "papers"}
    theirs = register(shop, second)
    transfer(shop, second, e164)
    found = shop.rows("SELECT origin, profile_id FROM orders ORDER BY id")
    assert found == [("purchase", mine.id), ("restoration", mine.id), ("transfer", theirs.id)]
    shop.verified()


def test_a_profile_that_does_not_fit_is_as_good_as_none(shop: Shop) -> None:
    e164, other = german(shop), shop.account()
    shop.connect("beta")
    wrong: dict[str, dict[str, Any]] = {
        "another account's": {"account_id": other}, "of another country": {"iso_country": "FR"},
        "of another type": {"number_type": "mobile"}, "of another carrier": {"carrier": "beta"},
        "expired": {"valid_until": shop.now + 1}, "rejected": {"state": ProfileState.REJECTED},
        "in review": {"state": ProfileState.IN_REVIEW}, "removed": {},
    }  # fmt: skip
    for name, changes in wrong.items():
        account_id = shop.account(10 * PRICE)
        profile = register(shop, account_id, **changes)
        if name == "removed":
            change(shop, profile, remove=True)
        assert isinstance(error_of(shop.buy(account_id, e164, now=shop.now + 1)), DocumentsRequired), name
        assert shop.wallet(account_id).held == 0
    buyer = shop.account(10 * PRICE)
    register(shop, buyer, number_type="")
    assert isinstance(shop.buy(buyer, e164), Sold)


def test_papers_go_with_an_order_that_does_not_ask_for_any_and_the_narrower_ones_go_first(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), shop.number(carrier="acme")
    for number_type, sid in (("", "AD1"), ("local", "AD2"), ("mobile", "AD3")):
        register(shop, account_id, iso_country="US", number_type=number_type, papers={"address_sid": sid})
    shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
    assert shop.acme.papers == [{"address_sid": "AD2"}]


def test_an_order_that_is_open_goes_on_with_papers_that_were_removed_meanwhile(shop: Shop) -> None:
    account_id, e164 = shop.account(10 * PRICE), german(shop)
    profile = register(shop, account_id)
    shop.acme.script(e164, Does.NOT_SENT)
    shop.acme.order_seconds = 2
    buy, placement = shop.wants(account_id, e164), shop.placement()

    async def removed_meanwhile() -> None:
        bought = asyncio.ensure_future(shop.purchase(placement, buy))
        await asyncio.sleep(1)
        change(shop, profile, remove=True)
        await bought

    shop.tell(removed_meanwhile())
    assert shop.acme.papers == [BUNDLE]
    assert isinstance(error_of(shop.buy(account_id, german(shop))), DocumentsRequired)
    shop.verified()


def test_an_account_is_told_a_month_before_a_profile_ends_and_at_its_end(shop: Shop) -> None:
    account_id, began = shop.account(), shop.now
    profile = register(shop, account_id, valid_until=began + 40 * DAY)
    register(shop, account_id)

    def told_at(instant: int) -> list[Any]:
        with shop.database.write() as tx:
            tell_expiry(tx, [TellExpiry(instant, instant)])
        return shop.rows("SELECT kind FROM events WHERE kind LIKE 'compliance%' ORDER BY created_at")

    assert told_at(began + 40 * DAY - NOTICE - 1) == []
    soon = [("compliance_profile.expiring",)]
    assert told_at(began + 40 * DAY - NOTICE) == soon
    assert told_at(began + 40 * DAY - 1) == soon
    ended = [*soon, ("compliance_profile.expired",)]
    assert told_at(began + 40 * DAY) == ended
    assert told_at(began + 41 * DAY) == ended
    assert change(shop, profile, said="as is").state is ProfileState.EXPIRED
    anew = change(shop, profile, state=ProfileState.APPROVED, valid_until=began + 400 * DAY)
    assert (anew.state, anew.tell_at) == (ProfileState.APPROVED, began + 400 * DAY - NOTICE)
    assert told_at(began + 399 * DAY) == [*ended, *soon]
    shop.verified()


@pytest.mark.parametrize("put_off", [{"valid_until": 400}, {"unlimited": True}])
def test_a_profile_that_has_ended_is_good_again_once_its_end_is_put_off(shop: Shop, put_off: dict[str, Any]) -> None:
    account_id, e164, began = shop.account(10 * PRICE), german(shop), shop.now
    profile = register(shop, account_id, valid_until=began + 40 * DAY)
    with shop.database.write() as tx:
        tell_expiry(tx, [TellExpiry(began + 40 * DAY, began + 40 * DAY)])
    if "valid_until" in put_off:
        assert change(shop, profile, valid_until=began).state is ProfileState.EXPIRED
        put_off = {"valid_until": began + put_off["valid_until"] * DAY}
    assert change(shop, profile, **put_off).state is ProfileState.APPROVED
    assert isinstance(shop.buy(account_id, e164), Sold)
    shop.verified()


def test_a_profile_that_says_nothing_is_refused_and_the_field_is_named(shop: Shop) -> None:
    voice = CarrierAccount("voice", "vonage", CarrierState.ACTIVE, {}, "", shop.now, shop.now)
    shop.writer.apply(store_accounts, voice)
    account_id = shop.account()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"carrier": "nobody"}, "carrier"),
        ({"carrier": "voice"}, "carrier"),
        ({"iso_country": "XX"}, "iso_country"),
        ({"papers": {}}, "papers"),
        ({"papers": {"requirement_group_id": "1"}}, "papers"),
        ({"papers": {"bundle_sid": "BU1&AddressSid=AD1"}}, "papers"),
        ({"papers": {"bundle_sid": "B" * 101}}, "papers"),
        ({"valid_until": 1}, "valid_until"),
        ({"said": "x" * 301}, "said"),
        ({"said": "a\nb"}, "said"),
    ]
    for changes, field in wrong:
        with pytest.raises(InvalidRequest) as refused:
            register(shop, account_id, **changes)
        assert refused.value.details["field"] == field
    with pytest.raises(NotFound):
        register(shop, "acc_x")
    assert shop.count("compliance_profiles") == 0


def test_an_account_has_so_many_profiles_and_what_is_removed_cannot_be_changed(shop: Shop) -> None:
    account_id = shop.account()
    profiles = [register(shop, account_id) for _ in range(MOST_PROFILES)]
    with pytest.raises(InvalidRequest, match="which is the most"):
        register(shop, account_id)
    change(shop, profiles[0], remove=True)
    with pytest.raises(NotFound):
        change(shop, profiles[0], said="again")
    register(shop, account_id)
