"""Emergency address and caller name: set until the carrier has them, looked at, taken off before a release."""

from __future__ import annotations

from typing import Any, Final

import pytest
from sqlalchemy import text

from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.carriers.port import CarrierAccount
from numberdesk.core.compliance import EMERGENCY_ADDRESS_ID, ComplianceProfile, ProfileState
from numberdesk.core.connecting import FIRST_LOOK, LOOKS, NOT_TAKEN
from numberdesk.core.connection import Unsupported
from numberdesk.core.errors import InvalidRequest, NotFound, RentalConflict
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.number_settings import NOTHING, OF_POOL, SettingsNotKept, SettingsState, WantedSettings
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.compliance.register_profiles import register_profiles
from numberdesk.flows.settings.apply_settings import apply_settings, look_at_settings
from numberdesk.flows.settings.want_settings import SetSettings, find_number_settings, want_settings
from numberdesk.verify.books import verify
from numberdesk.views.settings import number_settings_view
from testbed.stock import store_accounts
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import transfer

ADDRESS: Final = "AD0123456789abcdef0123456789abcdef"
WANTED: Final = WantedSettings(ADDRESS, "VOICE AGENCY")


def rented(shop: Shop, *, carrier: str = "acme") -> tuple[str, str]:
    """An account and a number that it rents."""
    account_id, e164 = shop.account(10 * PRICE), shop.number(carrier=carrier)
    shop.tell(shop.purchase(shop.placement(), shop.wants(account_id, e164)))
    return account_id, e164


def wish(shop: Shop, account_id: str, e164: str, **given: Any) -> Any:
    """What an operator wants, unless it is said otherwise."""
    values = {"emergency_address": ADDRESS, "caller_name": "VOICE AGENCY", "by_operator": True, **given}
    return shop.writer.apply(want_settings, SetSettings(account_id, e164, shop.now, **values))


def work(shop: Shop) -> None:
    """What the worker does now."""
    shop.tell(shop.work_off(apply_settings(shop.writer, shop.reader, shop.carriers, lambda: shop.now)))


def look(shop: Shop) -> None:
    shop.tell(look_at_settings(shop.writer, shop.reader, shop.carriers, lambda: shop.now))


def row_of(shop: Shop, account_id: str, e164: str) -> Any:
    with shop.database.read() as tx:
        found = find_number_settings(tx, account_id, e164, None)
    assert found is not None
    return found.row


def events(shop: Shop) -> list[str]:
    return [kind for (kind,) in shop.rows("SELECT kind FROM events WHERE kind LIKE 'number.settings%' ORDER BY 1")]


def test_what_is_wanted_is_told_to_the_carrier_once_and_the_account_when_it_is_set(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    assert wish(shop, account_id, e164).row.state is SettingsState.PENDING
    work(shop)
    row = row_of(shop, account_id, e164)
    assert (row.state, row.message, events(shop)) == (SettingsState.ACTIVE, "set", ["number.settings_set"])
    assert wish(shop, account_id, e164).row == row  # the same again
    work(shop)
    assert shop.acme.set_ups == [(e164, WANTED)]
    wish(shop, account_id, e164, emergency_address="", caller_name=None)
    work(shop)
    wish(shop, account_id, e164, emergency_address=None, caller_name="")
    work(shop)
    assert [wanted for _, wanted in shop.acme.set_ups[1:]] == [WantedSettings("", "VOICE AGENCY"), NOTHING]
    assert row_of(shop, account_id, e164).state is SettingsState.NONE
    shop.verified()


def test_a_carrier_that_fails_is_told_again_and_its_words_are_for_the_operator(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    shop.acme.settles.extend([SettingsNotKept("provisioning at host 10.0.0.1")] * 4)
    wish(shop, account_id, e164)
    for state in (SettingsState.PENDING, SettingsState.PENDING, SettingsState.FAILED, SettingsState.FAILED):
        work(shop)
        with shop.database.read() as tx:
            found = find_number_settings(tx, account_id, e164, None)
        assert found is not None
        assert found.row is not None
        assert found.row.state is state
        assert number_settings_view(found).message == NOT_TAKEN
        assert "10.0.0.1" in number_settings_view(found, to_operator=True).message
        shop.now = found.row.next_at or 0
    work(shop)
    assert row_of(shop, account_id, e164).state is SettingsState.ACTIVE
    assert events(shop) == ["number.settings_failed", "number.settings_set"]


def test_what_a_carrier_cannot_do_is_said_with_the_reason_and_the_pool_has_nobody_to_tell(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    shop.acme.settles.append(Unsupported("no such thing here"))
    wish(shop, account_id, e164)
    work(shop)
    row = row_of(shop, account_id, e164)
    assert (row.state, row.message, row.next_at) == (SettingsState.UNSUPPORTED, "no such thing here", None)
    assert events(shop) == ["number.settings_failed"]
    own = shop.number()
    shop.buy(account_id, own)
    row = wish(shop, account_id, own).row
    assert (row.state, row.message) == (SettingsState.UNSUPPORTED, OF_POOL)
    work(shop)
    assert len(shop.acme.set_ups) == 1


def test_a_change_while_the_carrier_is_told_is_told_next_and_the_older_answer_is_not_taken_for_it(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    due = apply_settings(shop.writer, shop.reader, shop.carriers, lambda: shop.now)

    async def changed_meanwhile() -> None:
        taken = row_of(shop, account_id, e164)
        told = await due.act(taken)
        wish(shop, account_id, e164, caller_name="OTHER")
        await due.note(taken, told)

    shop.tell(changed_meanwhile())
    assert (row_of(shop, account_id, e164).state, events(shop)) == (SettingsState.PENDING, [])
    work(shop)
    assert shop.acme.settings_of[e164] == WantedSettings(ADDRESS, "OTHER")
    assert row_of(shop, account_id, e164).state is SettingsState.ACTIVE


def test_drift_is_seen_and_put_back_when_the_same_is_set_again(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    work(shop)
    shop.acme.settings_of[e164] = NOTHING
    look(shop)
    assert row_of(shop, account_id, e164).state is SettingsState.ACTIVE  # it is not time yet
    shop.now += FIRST_LOOK
    look(shop)
    assert row_of(shop, account_id, e164).state is SettingsState.DRIFTED
    wish(shop, account_id, e164)
    work(shop)
    assert (row_of(shop, account_id, e164).state, shop.acme.settings_of[e164]) == (SettingsState.ACTIVE, WANTED)
    shop.acme.settings_of[e164] = NOTHING
    shop.now += FIRST_LOOK
    look(shop)
    shop.acme.settings_of[e164] = WANTED  # somebody put it back there
    shop.now += LOOKS
    look(shop)
    assert row_of(shop, account_id, e164).state is SettingsState.ACTIVE


def test_settings_that_somebody_changed_are_a_finding_that_is_put_back_or_kept(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    work(shop)
    shop.acme.settings_of[e164] = NOTHING
    shop.now += FIRST_LOOK
    look(shop)
    (finding,) = findings(shop)
    assert (finding.kind, finding.state) == (FindingKind.SETTINGS_DRIFTED, FindingState.OPEN)
    assert finding.message.startswith(f"it should have emergency address {ADDRESS}, caller name VOICE AGENCY; ")
    decide(shop, e164, FindingResolution.PUT_BACK)
    assert findings(shop)[0].message.endswith("; it is being put back")
    work(shop)
    assert (shop.acme.settings_of[e164], findings(shop)[0].state) == (WANTED, FindingState.ENDED)
    shop.acme.settings_of[e164] = NOTHING
    shop.now += FIRST_LOOK
    look(shop)
    decide(shop, e164, FindingResolution.KEEP)
    shop.now += LOOKS
    look(shop)
    assert (findings(shop)[0].state, row_of(shop, account_id, e164).state) == ("kept", SettingsState.DRIFTED)
    shop.release(account_id, e164)
    assert findings(shop)[0].state is FindingState.ENDED
    shop.verified()


def test_a_finding_ends_with_its_rental_while_settings_are_still_being_put_back(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    work(shop)
    shop.acme.settings_of[e164] = NOTHING
    shop.now += FIRST_LOOK
    look(shop)
    decide(shop, e164, FindingResolution.PUT_BACK)
    assert (row_of(shop, account_id, e164).state, findings(shop)[0].state) == ("pending", FindingState.OPEN)
    shop.release(account_id, e164)
    assert findings(shop)[0].state is FindingState.ENDED
    shop.verified()


def findings(shop: Shop) -> list[Finding]:
    with shop.database.read() as tx:
        return list_findings(tx, "acme", ended=True, limit=9)


def decide(shop: Shop, e164: str, resolution: FindingResolution) -> None:
    shop.writer.apply(resolve_findings, ResolveFinding("acme", e164, None, resolution, "1", shop.now))


def test_an_address_is_taken_off_before_a_release_which_waits_for_that_and_what_was_wanted_is_forgotten(
    shop: Shop,
) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    work(shop)
    shop.acme.settles.append(SettingsNotKept("deprovisioning"))
    shop.release(account_id, e164)
    row = row_of(shop, account_id, e164)
    assert (row.wanted, row.state, row.may_have) == (NOTHING, SettingsState.NONE, 1)
    shop.tell(shop.give_back())
    waits = shop.rows("SELECT confirmed_at, message, next_at FROM carrier_releases")
    assert [(at, "could not be taken off: deprovisioning" in said) for at, said, _ in waits] == [(None, True)]
    assert shop.acme.released[e164] == 0
    shop.now = waits[0][2]
    shop.tell(shop.give_back())
    assert shop.acme.set_ups[-2:] == [(e164, NOTHING)] * 2
    assert (shop.acme.released[e164], row_of(shop, account_id, e164).may_have) == (1, 0)
    dump = str([shop.rows(f"SELECT * FROM {table}") for table in ("number_settings", "events")])  # noqa: S608  ours
    assert ADDRESS not in dump
    assert "VOICE AGENCY" not in dump
    shop.verified()


def test_a_number_that_its_carrier_lost_goes_back_although_nothing_can_be_taken_off_it(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    work(shop)
    del shop.acme.ours[e164]
    shop.acme.settles.append(SettingsNotKept("no such number on the account", no_number=True))
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    assert shop.rows("SELECT 1 FROM carrier_releases WHERE confirmed_at IS NULL") == []
    assert row_of(shop, account_id, e164).may_have == 0
    shop.verified()


def test_whoever_has_a_number_next_has_nothing_of_what_was_set_for_the_one_before(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    other = shop.account(10 * PRICE)
    wish(shop, account_id, e164)
    work(shop)
    transfer(shop, other, e164)
    row = row_of(shop, other, e164)
    assert (row.state, row.wanted, row_of(shop, account_id, e164).state) == (
        SettingsState.PENDING,
        NOTHING,
        SettingsState.NONE,
    )
    work(shop)
    assert shop.acme.set_ups == [(e164, WANTED), (e164, NOTHING)]
    assert row_of(shop, other, e164).state is SettingsState.NONE
    shop.now += FIRST_LOOK
    look(shop)
    work(shop)
    assert len(shop.acme.set_ups) == 2
    shop.verified()


def test_no_number_is_moved_while_its_carrier_is_told_of_the_settings_of_the_account_before(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    with shop.database.write() as tx:
        tx.execute(text("UPDATE number_settings SET leased_until = :until"), {"until": shop.now + 1})
    with pytest.raises(RentalConflict, match="being told of its settings"):
        transfer(shop, shop.account(10 * PRICE), e164)
    shop.now += 1
    other = shop.account(10 * PRICE)
    transfer(shop, other, e164)
    work(shop)
    assert shop.acme.set_ups == [(e164, NOTHING)]


def test_verify_names_what_is_kept_of_a_rental_that_has_ended(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    wish(shop, account_id, e164)
    shop.release(account_id, e164)
    shop.tell(shop.give_back())
    shop.verified()
    with shop.database.write() as tx:
        tx.execute(text("UPDATE number_settings SET caller_name = 'SOMEBODY'"))
    with shop.database.read() as tx:
        (broken,) = verify(tx, lambda *_: None).violations
    assert (broken.invariant, broken.table, e164 in broken.message) == ("I17", "number_settings", True)


def test_a_customer_gives_an_address_that_is_registered_for_it_and_a_name_that_can_be_shown(shop: Shop) -> None:
    account_id, e164 = rented(shop)
    twilio = CarrierAccount("acme", "twilio", CarrierState.ACTIVE, {}, "", shop.now, shop.now)
    shop.writer.apply(store_accounts, twilio)
    other = shop.account()
    for owner, address in ((account_id, ADDRESS), (other, "AD-others")):
        papers = {EMERGENCY_ADDRESS_ID: address}
        profile = ComplianceProfile(
            shop.new_id("cmp"), owner, "acme", "US", "", papers, ProfileState.APPROVED, None, "", shop.now, shop.now
        )
        shop.writer.apply(register_profiles, profile)
    wrong = (
        ({"emergency_address": "AD-others"}, "emergency_address"),
        ({"emergency_address": "a b"}, "emergency_address"),
        ({"emergency_address": "x" * 65}, "emergency_address"),
        ({"caller_name": "SIXTEEN LETTERS!"}, "caller_name"),
        ({"caller_name": "ABCDEFGHIJKLMNOP"}, "caller_name"),
        ({"caller_name": "Zo\u00eb"}, "caller_name"),
        ({"caller_name": " A"}, "caller_name"),
    )
    for given, field in wrong:
        with pytest.raises(InvalidRequest) as refused:
            wish(shop, account_id, e164, **{"emergency_address": None, "by_operator": False, **given})
        assert refused.value.details["field"] == field
    assert wish(shop, account_id, e164, by_operator=False).row.wanted == WANTED
    for account, number in ((other, e164), (account_id, "+13619999999")):
        with pytest.raises(NotFound):
            wish(shop, account, number)
    shop.release(account_id, e164)
    with pytest.raises(NotFound):
        wish(shop, account_id, e164)
