"""Purchases through a service while something happens beneath it, with a webhook for each account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.webhooks.model import WebhookEndpoint
from numberdesk.webhooks.sender import seal_secret
from numberdesk.wiring import build
from testbed.books import Books
from testbed.customers import Customers
from testbed.egress import ALLOWED
from testbed.scripted import Scripted
from testbed.service import SERVE, Service

SETTINGS: Final = {"credentials_key": new_key(), "egress_allow": ALLOWED}
_MOST_ROUNDS: Final = 2000
_DELIVERED_SECONDS: Final = 120.0

Happening = Callable[[Service], None]
"""What happens once, amid purchases, to what is beneath a service or to the service itself."""


def with_webhooks(books: Books, receiver: Scripted) -> None:
    """Each account has its events sent to the receiver."""
    services = build(load_settings(database_url=books.url, **SETTINGS))
    try:
        for account_id in books.stock.account_ids:
            webhook_id, now = services.new_id("whk"), services.now()
            sealed = seal_secret(services.vault, webhook_id, "whsec_AAAA")
            made = WebhookEndpoint(webhook_id, account_id, 0, receiver.url, "", "", sealed, now, now)
            services.writer.apply(create_webhooks, NewWebhook(made))
    finally:
        services.close()


def delivered(receiver: Scripted) -> dict[str, str]:
    """The number that each event which arrived is about, by its id."""
    sent = ((seen.headers["webhook-id"], seen.json) for seen in list(receiver.seen))
    return {one: told["data"]["phone_number"] for one, told in sent if told["type"] == "number.purchased"}


def buy_amid(books: Books, receiver: Scripted, happenings: Sequence[Happening]) -> None:
    """Have all that is wished for bought while things happen; then nothing may be lost or doubled."""
    with_webhooks(books, receiver)
    customers, running = Customers(books.wishes), [_service(books)]
    told_before: list[int] = []
    with ThreadPoolExecutor(1) as hands:  # one thing at a time; and what a thread has started ends with it
        happened: list[Future[None]] = []

        def once(happening: Happening) -> Callable[[], None]:
            def happen() -> None:
                told_before.append(len(customers.told))
                happened.append(hands.submit(lambda: happening(running[-1])))

            return happen

        with ExitStack() as events:
            for place, happening in enumerate(happenings, 1):
                share = len(books.wishes) * place // (len(happenings) + 2)
                events.enter_context(customers.once_told(share, once(happening)))
            _ask_until_told(books, customers, running)
        for each in happened:
            each.result()
        assert (len(happened), customers.open) == (len(happenings), [])
        assert max(told_before) < len(books.wishes), "nothing happened amid purchases"
        with running[-1] as service:
            customers.ask(service.port, books.wishes)
            _await_deliveries(books, receiver)
            assert service.stop() == 0
        books.audit(customers)
    assert sorted(delivered(receiver).values()) == sorted(books.stock.e164s), "a delivery was lost"


def _service(books: Books) -> Service:
    return Service(books.url, *SERVE, "--workers", "2", **SETTINGS)


def _ask_until_told(books: Books, customers: Customers, running: list[Service]) -> None:
    for _ in range(_MOST_ROUNDS):
        if running[-1].process.poll() is not None:  # it was killed: another one takes over
            running.append(_service(books))
        customers.ask(running[-1].port)
        if not customers.open:
            return


def _await_deliveries(books: Books, receiver: Scripted) -> None:
    end = time.monotonic() + _DELIVERED_SECONDS
    while len(delivered(receiver)) < len(books.stock.e164s) and time.monotonic() < end:
        time.sleep(0.5)
