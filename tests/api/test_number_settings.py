"""Emergency address and caller name over HTTP."""

from __future__ import annotations

from typing import Final

from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "what the engines do differently is tested at the flows"


def test_settings_are_noted_shown_and_nobody_elses(shop: Shop) -> None:
    customer, other, number = shop.customer(), shop.customer(), shop.number()
    rental = customer.buy(number).json()["data"]
    path = f"/phone-numbers/{number}/settings/"
    found = customer.http.get(path).json()["data"]
    assert (found["status"], found["caller_name"], found["emergency_address"]) == ("none", "", "")
    noted = customer.http.post(path, json={"callerName": "VOICE AGENCY"}).json()["data"]
    assert (noted["status"], noted["caller_name"], "no carrier" in noted["message"]) == (
        "unsupported",
        "VOICE AGENCY",
        True,
    )
    assert customer.http.get(f"/phone-numbers/{rental['id']}/settings/").json()["data"] == noted
    wrong = {"caller_name": "x" * 16, "emergency_address": "AD0123", "caller": "x"}
    for field, value in wrong.items():
        answer = customer.http.post(path, json={field: value})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)
    assert [other.http.get(path).status_code, other.http.post(path, json={}).status_code] == [404, 404]
    assert customer.http.post(path, json={"caller_name": ""}).json()["data"]["status"] == "none"
