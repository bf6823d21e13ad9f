"""Which profile an order is sent with, and when its account is told that it ends."""

from __future__ import annotations

from typing import Any, Final

import pytest

from numberdesk.core.compliance import NOTICE, ComplianceProfile, ProfileState, ended, profile_for, tell_at

NOW: Final = 1_750_000_000_000_000


def profile(name: str, **changes: Any) -> ComplianceProfile:
    values = {
        "id": name, "account_id": "acc_1", "carrier": "acme", "iso_country": "DE", "number_type": "local",
        "papers": {"bundle_sid": "BU1"}, "state": ProfileState.APPROVED, "valid_until": None, "said": "",
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return ComplianceProfile(**{**values, **changes})


LATER: Final = profile("cmp_later", valid_until=NOW + 2)
FOR_ALL_TYPES: Final = profile("cmp_all", number_type="")
FOR_EVER: Final = profile("cmp_ever")


@pytest.mark.parametrize(
    ("there", "best"),
    [
        ([], None),
        ([profile("cmp_over", valid_until=NOW)], None),
        ([profile("cmp_fr", iso_country="FR"), profile("cmp_beta", carrier="beta")], None),
        ([profile("cmp_mobile", number_type="mobile")], None),
        ([profile("cmp_gone", removed_at=NOW)], None),
        *(([profile("cmp_1", state=state)], None) for state in ProfileState if state is not ProfileState.APPROVED),
        ([FOR_ALL_TYPES], "cmp_all"),
        ([FOR_ALL_TYPES, LATER], "cmp_later"),
        ([LATER, profile("cmp_soon", valid_until=NOW + 1)], "cmp_later"),
        ([FOR_EVER, LATER], "cmp_ever"),
        ([profile("cmp_1"), profile("cmp_2")], "cmp_2"),
    ],
)
def test_the_narrowest_that_is_good_longest_is_taken_and_none_that_does_not_fit(
    there: list[ComplianceProfile], best: str | None
) -> None:
    found = profile_for(there, "acme", "DE", "local", NOW)
    assert (None if found is None else found.id) == best
    assert found == profile_for(there[::-1], "acme", "DE", "local", NOW)


def test_only_an_approved_profile_that_ends_is_told_of_and_then_once_more_at_its_end() -> None:
    assert tell_at(LATER) == NOW + 2 - NOTICE
    assert [tell_at(one) for one in (FOR_EVER, LATER._replace(removed_at=NOW))] == [None, None]
    assert tell_at(LATER._replace(state=ProfileState.REJECTED)) is None
    soon = ended(LATER, NOW + 1)
    assert (soon.state, soon.tell_at, soon.updated_at) == (ProfileState.APPROVED, NOW + 2, NOW)
    over = ended(soon, NOW + 2)
    assert (over.state, over.tell_at, over.updated_at) == (ProfileState.EXPIRED, None, NOW + 2)
