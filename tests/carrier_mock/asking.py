"""Clients of the simulated carriers' APIs, over a socket or straight into the mock, where time is the test's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import httpx

from carrier_mock.carriers import Carriers
from carrier_mock.changes import Change
from carrier_mock.exchange import Plan, Request, parse_target
from carrier_mock.faults import Delivery
from carrier_mock.generate import generate
from carrier_mock.inventory import Found
from carrier_mock.settings import Settings

SID: Final = "AC" + "a" * 32
OTHER_SID: Final = "AC" + "b" * 32
KEY: Final = "KEY_of_a_test"
PASSWORD: Final = "secret"
SECOND: Final = 1_000_000
START: Final = 1_774_016_400_000_000
STOCK: Final = generate(1, 400)


class Twilio:
    """An account at Twilio. Methods give httpx's answers."""

    def __init__(self, client: httpx.Client, sid: str = SID, password: str = PASSWORD) -> None:
        self.client = client
        self._auth = (sid, password)
        self.base = f"/2010-04-01/Accounts/{sid}"

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, path, auth=self._auth, **more)

    def search(self, kind: str = "Local", country: str = "US", **filters: Any) -> httpx.Response:
        return self.ask("GET", f"{self.base}/AvailablePhoneNumbers/{country}/{kind}.json", params=filters)

    def found(self, kind: str = "Local", country: str = "US", **filters: Any) -> list[str]:
        answer = self.search(kind, country, **filters)
        assert answer.status_code == 200, answer.text
        return [each["phone_number"] for each in answer.json()["available_phone_numbers"]]

    def buy(self, number: str, name: str = "", **more: str) -> httpx.Response:
        form = {"PhoneNumber": number, **({"FriendlyName": name} if name else {}), **more}
        return self.ask("POST", f"{self.base}/IncomingPhoneNumbers.json", data=form)

    def owned(self, **filters: Any) -> httpx.Response:
        return self.ask("GET", f"{self.base}/IncomingPhoneNumbers.json", params=filters)

    def numbers(self, **filters: Any) -> list[str]:
        return [each["phone_number"] for each in self.owned(**filters).json()["incoming_phone_numbers"]]

    def one(self, sid: str, method: str = "GET") -> httpx.Response:
        return self.ask(method, f"{self.base}/IncomingPhoneNumbers/{sid}.json")


class Telnyx:
    """An account at Telnyx. Methods give httpx's answers."""

    def __init__(self, client: httpx.Client, key: str = KEY) -> None:
        self.client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, f"/v2{path}", headers=self._headers, **more)

    def search(self, country: str | None = "US", **filters: Any) -> httpx.Response:
        """Two underscores in the name of a filter stand for a part of it: phone_number__contains."""
        given = {"country_code": country, **filters}
        return self.ask("GET", "/available_phone_numbers", params=nested(given))

    def found(self, country: str = "US", **filters: Any) -> list[str]:
        answer = self.search(country, **filters)
        assert answer.status_code == 200, answer.text
        return [each["phone_number"] for each in answer.json()["data"]]

    def order(self, *numbers: str, reference: str | None = None, **more: Any) -> httpx.Response:
        content: dict[str, Any] = {"phone_numbers": [{"phone_number": each, **more} for each in numbers]}
        if reference is not None:
            content["customer_reference"] = reference
        return self.ask("POST", "/number_orders", json=content)

    def ordered(self, number: str, reference: str | None = None) -> httpx.Response:
        """Search for a number, as has to be, and order it."""
        assert number in self.found(phone_number__starts_with=number[2:])
        return self.order(number, reference=reference)

    def owned(self, **filters: Any) -> httpx.Response:
        return self.ask("GET", "/phone_numbers", params=nested(filters))

    def numbers(self, **filters: Any) -> list[str]:
        return [each["phone_number"] for each in self.owned(**filters).json()["data"]]

    def orders(self, **filters: Any) -> list[dict[str, Any]]:
        return list(self.ask("GET", "/number_orders", params=nested(filters)).json()["data"])


def nested(filters: dict[str, Any]) -> dict[str, Any]:
    """Filters as Telnyx writes them; `page_number` and `page_size` are no filters."""
    pages = {"page_number": "page[number]", "page_size": "page[size]"}
    return {
        pages.get(name) or f"filter[{name.replace('__', '][')}]": value
        for name, value in filters.items()
        if value is not None
    }


class Inside(httpx.BaseTransport):
    """Asks a mock without a socket, at the time `now`. `plans` keeps what it wanted to send and how."""

    def __init__(self, carriers: Carriers) -> None:
        self.carriers = carriers
        self.now = START
        self.plans: list[Plan] = []
        self._tokens = (f"{number:032x}" for number in itertools.count(0xA1))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, query = parse_target(request.url.raw_path.decode())
        headers = {name.lower(): value for name, value in request.headers.items()}
        plan = self.carriers.handle(
            Request(request.method, path, query, headers, request.read()), self.now, next(self._tokens)
        )
        self.plans.append(plan)
        if plan.delivery is not Delivery.WHOLE:
            raise httpx.ReadError(plan.delivery.value, request=request)
        return httpx.Response(plan.answer.status, headers=list(plan.answer.headers), content=plan.answer.body)


class Bench:
    """A mock without a socket, an account at each carrier, and its control endpoint."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        numbers: Callable[[], Iterable[Found]] = lambda: STOCK,
        changes: Iterable[Change] = (),
        record: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self.inside = Inside(Carriers(numbers, settings or Settings(), changes=changes, record=record))
        self.client = httpx.Client(transport=self.inside, base_url="http://mock")
        self.twilio = Twilio(self.client)
        self.telnyx = Telnyx(self.client)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.inside.now += round(seconds * SECOND)

    def control(self, method: str, path: str, content: Any = None) -> Any:
        answer = self.client.request(method, f"/control{path}", json=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def set(self, **settings: Any) -> None:
        self.control("PATCH", "/settings", settings)

    def arm(self, fault: str, **more: Any) -> None:
        self.control("POST", "/faults", {"fault": fault, **more})


def pages(twilio: Twilio, **filters: Any) -> Iterator[list[str]]:
    """The pages of Twilio's list of owned numbers, as its next_page_uri leads from one to the next."""
    body = twilio.owned(**filters).json()
    while True:
        yield [each["phone_number"] for each in body["incoming_phone_numbers"]]
        if body["next_page_uri"] is None:
            return
        body = twilio.ask("GET", body["next_page_uri"]).json()
