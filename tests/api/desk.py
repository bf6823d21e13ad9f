"""A running service whose clock the test sets, and histories of requests whose answers a model predicts."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import urlencode

from hypothesis.stateful import RuleBasedStateMachine

from numberdesk.accounts.model import OPERATOR_SCOPES, RANDOM_BYTES, new_key
from numberdesk.api.app import build_app
from numberdesk.core.invariants import VerifyReport
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.catalog.reprice import Reprice
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.http_server.server import Limits, bind, make_server
from numberdesk.infra import log
from numberdesk.infra.settings import load_settings
from numberdesk.ledger.store import find_wallet
from numberdesk.verify.books import verify
from numberdesk.wiring import HOUR, Parts, Services, build
from tests.api.expected import Answer, Expected, refused
from tests.api.model import FIELDS, Account, Key, Model, Prices, iso

Predict = Callable[[], Expected]

SECOND: Final = 1_000_000
START: Final = 1_769_868_000
"""2026-01-31T14:00:00Z: a month later there is no 31st."""

ABSENT_NUMBER: Final = "+13614440000"
ABSENT_ID: Final = "ord_00000000000000000000000000000000"
_COLUMNS: Final = (
    "phone_number,region,monthly_price,per_minute_price_inbound,per_minute_price_outbound,setup_price,currency"
)
_SERIAL: Final = itertools.count(220_000)
_OF_ONE_ANSWER: Final = ("date", "x-request-id", "content-length")
"""Headers that differ between any two answers; the length follows from the body, which is compared."""


@dataclass
class Desk:
    """The service, the operator's key, and the instant that the service takes for now, in seconds."""

    services: Services
    connection: http.client.HTTPConnection
    clock: list[int]
    operator: str
    broken: int = 0
    """How many rows the histories before left broken, so that the next ones do not take them for theirs."""

    def ask(self, key: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with a key; a body that is no text goes as JSON. Numbers come back as they were written."""
        kind, text = ("text/csv", body) if isinstance(body, str) else ("application/json", json.dumps(body))
        sent = {"X-Api-Key": key, **({} if body is None else {"Content-Type": kind}), **headers}
        self.connection.request(method, f"/api/v1{path}", None if body is None else text.encode(), sent)
        answer = self.connection.getresponse()
        content = answer.read()
        shown = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, shown, content, json.loads(content, parse_float=Decimal, parse_int=Decimal))

    def clean_up(self) -> None:
        """One round of the worker."""
        now, retention = self.clock[0] * SECOND, self.services.settings.key_retention_hours * HOUR
        while self.services.writer.apply(clean_up, Cleanup(now, retention)).left:
            pass
        while self.services.writer.apply(self.services.reprice, Reprice()).left:
            pass

    def posted(self, account_ids: list[str]) -> list[Decimal]:
        """What the books have posted in wallets."""
        wallets = self.services.reader.read_now(lambda tx: [find_wallet(tx, account_id) for account_id in account_ids])
        return [Decimal(wallet.posted).scaleb(-6) for wallet in wallets if wallet is not None]

    def audit(self) -> VerifyReport:
        """What the audit finds in the books."""
        return self.services.reader.read_now(lambda tx: verify(tx, lambda _what, _done, _of: None))


@contextmanager
def running_desk(database_url: str) -> Iterator[Desk]:
    """Run the service until the end of the `with`."""
    log.configure("error")
    clock = [0]
    services = build(load_settings(database_url=database_url), Parts(now=lambda: clock[0] * SECOND))
    services.writer.start()
    sock = bind("127.0.0.1", 0)
    server = make_server(
        cast("Any", build_app(services)), new_id=lambda: services.new_id("req"), limits=Limits(receive_seconds=30)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", sock.getsockname()[1], timeout=30)) as connection:
            yield Desk(services, connection, clock, _operator(services))
    finally:
        server.should_exit = True
        thread.join()
        sock.close()
        services.close()


def _operator(services: Services) -> str:
    """The first operator's key, which is made beside the API."""
    now = services.now()
    account = services.writer.apply(create_accounts, new_operator_account(services.new_id("acc"), "Operators", now))
    secret = new_key(services.random_bytes(RANDOM_BYTES))
    record = new_key_record(
        services.new_id("key"), secret, account_id=account.id, name="", scopes=OPERATOR_SCOPES, expires_at=None, now=now
    )
    services.writer.apply(issue_keys, NewKey(record))
    return secret


def compare(expected: Expected, answer: Answer) -> None:
    """Fail unless an answer is the one expected; then let the model take it in."""
    said = answer.content.decode()
    assert answer.status == expected.status, said
    assert answer.headers["content-type"] == "application/json"
    if expected.content is not None:
        assert said == expected.content.decode()
    elif expected.code is None:
        assert (answer.body["success"], set(answer.body) - {"page"}) == (True, {"success", "message", "data"}), said
        assert known_of(answer.data, expected.data) == expected.data
    else:
        assert set(answer.body) == {"success", "message", "error", "request_id"}
        assert answer.body["error"] == {"code": expected.code, "details": expected.details}
        assert answer.body["request_id"] == answer.headers["x-request-id"]
    expected.then(answer)


def known_of(data: Any, expected: Any) -> Any:
    """What the model knows of data: of objects the fields that it names, of lists all items."""
    if isinstance(expected, list) and isinstance(data, list) and len(data) == len(expected):
        return [known_of(one, other) for one, other in zip(data, expected, strict=True)]
    if isinstance(expected, dict) and isinstance(data, dict):
        return {name: value for name, value in data.items() if name in expected}
    return data


def appearance(answer: Answer) -> tuple[Any, ...]:
    """All of an answer by which one could tell it from another of its kind."""
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_ONE_ANSWER}
    body = {name: value for name, value in answer.body.items() if name != "request_id"}
    return answer.status, headers, body


def foreseen(expected: Expected) -> Predict:
    """An answer that is known before it is asked for."""
    return lambda: expected


class History(RuleBasedStateMachine):
    """A history with its model: how things are asked, whoever asks. Its numbers and accounts are its own."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.before = desk.broken
        self.national = f"361{next(_SERIAL):06d}"
        self.model = Model(START)
        self.desk.clock[0] = START
        self.in_step = True
        """Whether all answers so far were the model's."""

    def ask(self, key: Key, scope: str, method: str, path: str, predict: Predict, *body: Any, **headers: str) -> Answer:
        """Send a request and compare the answer with the model's, which comes into play if the key may ask it."""
        self.in_step = False
        answer = self.desk.ask(key.text, method, path, *body, **headers)
        valid = key.valid_at(self.model.now)
        assert valid or key.remembered or answer.status == 401, "a key that is not valid was let in"
        if answer.status == 401 and not valid:
            expected = refused(401, "invalid_api_key")
        elif scope not in key.scopes:
            expected = refused(403, "forbidden", scope=scope)
        else:
            expected = predict()
        compare(expected, answer)
        # Making a key looks at the asking one anew, which shows nothing of what is remembered for other requests.
        key.remembered = answer.status != 401 or (key.remembered and (method, path) == ("POST", "/api-keys/"))
        self.in_step = True
        return answer

    def ask_for(self, key: Key, scope: str, method: str, path: str, named: str, predict: Predict, *body: Any) -> None:
        """Ask for a thing, and where there is nothing for one that never was: the answers look the same."""
        answer = self.ask(key, scope, method, path.format(named), predict, *body)
        if answer.status == 404:
            absent = ABSENT_NUMBER if named.startswith("+") else ABSENT_ID
            other = self.desk.ask(key.text, method, path.format(absent), *body)
            assert other.status == 401 or appearance(other) == appearance(answer)

    def ask_for_all(
        self, key: Key, scope: str, path: str, expected: list[Any], size: int, filters: dict[str, str] | None = None
    ) -> None:
        """Walk all pages of a list."""
        token = ""
        for start in itertools.count(0, size):
            query = urlencode({"page_size": size, "page_token": token, **(filters or {})})
            page = Expected(data=expected[start : start + size])
            answer = self.ask(key, scope, "GET", f"{path}?{query}", foreseen(page))
            if answer.status != 200:
                return
            token = answer.body["page"]["next"]
            assert (token is None) == (start + size >= len(expected))
            if token is None:
                return

    def operate(self, method: str, path: str, expected: Expected, *body: Any) -> Answer:
        """Ask as the operator."""
        self.in_step = False
        answer = self.desk.ask(self.desk.operator, method, path, *body)
        compare(expected, answer)
        self.in_step = True
        return answer

    def ask_to_buy(self, key: Key, sent: tuple[Any, ...], text: str | None) -> None:
        """Send a purchase; amounts go as text."""
        body = {name: None if value is None else str(value) for name, value in zip(FIELDS, sent, strict=True)}
        headers = {} if text is None else {"Idempotency-Key": text}
        predict = lambda: self.model.buy(key.account, sent, text)  # noqa: E731  asked when the key may
        self.ask(key, "numbers:buy", "POST", "/phone-numbers/buy/", predict, body, **headers)

    def fund(self, account: Account, kind: str, amount: Decimal, reference: str | None) -> None:
        """Top a wallet up, or correct it."""
        path = {"top_up": "top-ups", "adjustment": "adjustments"}[kind]
        expected = self.model.fund(account, kind, amount, reference)
        body = {"amount": str(amount), "reference": reference}
        self.operate("POST", f"/admin/accounts/{account.id}/{path}/", expected, body)

    def list_numbers(self, offers: dict[int, Prices | None]) -> None:
        """List numbers by a file, or list them again."""
        lines = [_COLUMNS]
        for place, prices in offers.items():
            self.model.list_number(self.e164(place), prices)
            cells = ("", "", "", "", "") if prices is None else (*prices[1:], prices.currency)
            lines.append(",".join("" if cell is None else str(cell) for cell in (self.e164(place), "TX", *cells)))
        self.operate("POST", "/admin/inventory/import/", Expected(data={"imported": True}), "\n".join(lines))

    def create_account(self, currency: str, limit: str) -> None:
        """Open an account."""
        name = self.desk.services.new_id("acc")  # histories share the books, where each name may be had once
        body = {"name": name, "currency": currency, "credit_limit": limit}
        made = self.operate("POST", "/admin/accounts/", Expected(data={"status": "active"}), body)
        self.model.accounts.append(Account(made.data["id"], currency, Decimal(limit)))

    def create_key(self, account: Account, scopes: tuple[str, ...]) -> Key:
        """Make a key as the operator."""
        expected = self.model.new_key(account, None, scopes, None)
        self.operate("POST", f"/admin/accounts/{account.id}/keys/", expected, {"name": "made", "scopes": scopes})
        return self.model.keys[-1]

    def create_key_with(self, key: Key, scopes: tuple[str, ...], until: int | None) -> None:
        """Make a key with another of the same account."""
        body = {"name": "made", "scopes": scopes, "expires_at": None if until is None else iso(until)}
        predict = lambda: self.model.new_key(key.account, key, scopes, until)  # noqa: E731
        self.ask(key, "keys:manage", "POST", "/api-keys/", predict, body)

    def e164(self, place: int) -> str:
        """A number of this history."""
        return f"+1{self.national}{place}"
