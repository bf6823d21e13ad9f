"""What a check of an account at Twilio says: whether Twilio knows it, and tells it prices."""

from __future__ import annotations

from typing import Any, Final

import pytest

from numberdesk.carriers.port import Health
from testbed.scripted import Answer, Seen, json_reply, reply, scripted
from tests.carriers.adapters.test_twilio import ACCOUNT, NONE, ask, failure
from tests.carriers.adapters.words import HTML

BALANCE: Final = json_reply(200, {"balance": "0.05", "currency": "USD"})
PRICES: Final = json_reply(
    200, {"price_unit": "USD", "phone_number_prices": [{"number_type": "local", "current_price": "1.15"}]}
)


def check(balance: Answer, numbers: Answer, prices: Answer = PRICES) -> tuple[Health, list[Seen]]:
    def script(seen: Seen) -> Answer:
        if seen.path.startswith("/v1/"):
            return prices
        return balance if seen.path.endswith("/Balance.json") else numbers

    with scripted(script) as server:
        return ask(server.url, lambda twilio: twilio.check()), server.seen


@pytest.mark.parametrize(
    ("balance", "numbers", "ok", "said", "facts"),
    [
        (BALANCE, NONE, True, "knows", ("0.05", "USD")),
        (json_reply(200, {"balance": None}), NONE, True, "knows", ("", "")),
        (json_reply(200, {"balance": "\x00" * 9000}), NONE, True, "knows", ("", "")),
        (failure(404, 20404), NONE, True, "no balance of its own", ()),
        (failure(404, 20404), failure(404, 20404), False, "check account_sid", ()),
        (failure(401, 20003), NONE, False, "auth token", ()),
        (failure(404, 20404), failure(403, 20005), False, "suspended", ()),
        (reply(200, HTML), NONE, False, "cannot be asked", ()),
        (reply(503), NONE, False, "cannot be asked: failing: HTTP 503", ()),
    ],
)  # fmt: skip
def test_a_check_says_what_is_wrong(
    balance: Answer, numbers: Answer, ok: Any, said: str, facts: dict[str, str]
) -> None:
    health, seen = check(balance, numbers)
    assert health.ok == ok
    assert dict(health.facts) == dict(zip(("balance", "currency"), facts, strict=False))
    assert said in health.message
    assert seen[0].path == f"/2010-04-01/Accounts/{ACCOUNT}/Balance.json"


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (failure(401, 20003), "the API key must be allowed to read them: credentials: prices: HTTP 401: {"),
        (failure(403, 20403), "the API key must be allowed to read them: credentials: prices: HTTP 403: {"),
        (failure(400, 20001), "no cost is known: refused: prices: HTTP 400: {"),
        (reply(503), "no cost is known: failing: prices: HTTP 503"),
        (reply(200, HTML), "no cost is known: unreadable: prices: HTTP 200 with a body"),
        (reply(404), "no cost is known: refused: prices: there are none for US"),
        (json_reply(200, {"price_unit": None, "phone_number_prices": []}), "there are none for US"),
        (json_reply(200, {"price_unit": "USD", "phone_number_prices": [{"number_type": "local"}]}), "none of them can"),
    ],
)
def test_a_check_says_that_prices_cannot_be_read(prices: Answer, said: str) -> None:
    health, seen = check(BALANCE, NONE, prices)
    assert not health.ok
    assert health.message.startswith("Twilio knows the account, but does not tell its prices")
    assert said in health.message
    assert health.facts == {"balance": "0.05", "currency": "USD"}
    assert sorted(one.path for one in seen[1:]) == ["/v1/PhoneNumbers/Countries/US", "/v1/Voice/Countries/US"]
