"""What there is to read about carriers over HTTP, and what there is not."""

from __future__ import annotations

import pytest

from numberdesk.carriers.registry import KINDS
from tests.api.conftest import Shop


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_things_at_carriers_that_are_not_there_are_404_and_customers_may_see_none(shop: Shop) -> None:
    http, customer = shop.operator().http, shop.customer().http
    finding = {"carrier": "nobody", "phone_number": "+13612738809"}
    for method, path, body, status in (
        ("GET", "/admin/carriers/", None, 200),
        ("GET", "/admin/carrier-kinds/", None, 200),
        ("GET", "/admin/audits/", None, 200),
        ("GET", "/admin/findings/", None, 200),
        ("GET", "/admin/releases/", None, 200),
        ("GET", "/admin/exchange-rates/", None, 200),
        ("GET", "/admin/carriers/nobody/", None, 404),
        ("PATCH", "/admin/carriers/nobody/", {"status": "disabled"}, 404),
        ("POST", "/admin/carriers/nobody/check/", None, 404),
        ("POST", "/admin/carriers/nobody/audit/", None, 404),
        ("POST", "/admin/findings/keep/", finding, 404),
        ("POST", "/admin/findings/release/", finding, 404),
        ("DELETE", "/admin/exchange-rates/NOK/SEK/", None, 404),
    ):
        assert http.request(method, path, json=body).status_code == status, path
        assert customer.request(method, path, json=body).status_code == 403, path


def test_every_kind_of_carrier_is_listed_with_its_secrets_marked(shop: Shop) -> None:
    listed = shop.operator().http.get("/admin/carrier-kinds/").json()["data"]
    secrets = {kind["kind"]: [field["name"] for field in kind["fields"] if field["secret"]] for kind in listed}
    assert secrets.keys() == KINDS.keys()
    assert all(secrets.values())
    assert secrets["twilio"] == ["auth_token", "api_key_secret"]
