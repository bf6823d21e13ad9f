"""Events: their ids follow from what they tell of, their fields are those that are documented."""

from __future__ import annotations

import json

import pytest

from numberdesk.outbox.rental_event_types import NUMBER_RELEASED

PAYLOAD = {
    "phone_number": "+13612738809",
    "id": "rnt_1",
    "order_id": "ord_1",
    "reason": "requested",
    "released_at": "2026-03-20T14:30:00Z",
    "message": "",
}


def test_the_id_of_an_event_follows_from_what_it_tells_of() -> None:
    event = NUMBER_RELEASED.event("rnt_1", "acc_1", PAYLOAD, 7)
    assert (event.id, event.account_id, event.kind, event.created_at) == ("evt_rel_1", "acc_1", "number.released", 7)
    assert json.loads(event.payload) == PAYLOAD


@pytest.mark.parametrize("payload", [{}, {**PAYLOAD, "colour": "red"}], ids=["too few", "too many"])
def test_an_event_with_other_fields_than_those_of_its_type_is_not_made(payload: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"number\.released has the fields phone_number"):
        NUMBER_RELEASED.event("rnt_1", "acc_1", payload, 7)
