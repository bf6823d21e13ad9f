"""Receivers of webhooks that a test plays, and a shop whose events are numbered and sent in a time of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Sold
from numberdesk.flows.accounts.create_accounts import NewAccount, create_accounts, new_operator_account
from numberdesk.flows.webhooks.change_webhooks import WebhookChange, change_webhooks
from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.flows.webhooks.deliver_events import deliver_events
from numberdesk.flows.webhooks.sequence_events import SequenceEvents, SequenceReport, sequence_events
from numberdesk.infra.due_work import DueWorker
from numberdesk.infra.vault import Vault, new_key
from numberdesk.webhooks.delivery_store import list_deliveries
from numberdesk.webhooks.model import Attempt, Delivery, DeliveryStatus, WebhookEndpoint
from numberdesk.webhooks.sender import WebhookMessage, seal_secret
from numberdesk.webhooks.store import find_endpoints
from tests.flows.conftest import PRICE, Shop

VAULT = Vault(new_key())
OK = Attempt(204)
DOWN = Attempt(None, message="no connection in time")


class Arrived(NamedTuple):
    """A message that was sent: to which endpoint, which event, when, and the JSON of its body."""

    endpoint_id: str
    event_id: str
    at: int
    body: dict[str, Any]


class Receivers:
    """Answers for every endpoint: by `answers`, else with success. `hanging` ones answer after 15 seconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.arrived: list[Arrived] = []
        self.answers: dict[str, Attempt] = {}
        self.hanging: set[str] = set()
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self._now = now

    async def send(self, endpoint: WebhookEndpoint, message: WebhookMessage, *, seconds: float = 15) -> Attempt:
        """Take a message."""
        self.arrived.append(Arrived(endpoint.id, message.id, self._now(), msgspec.json.decode(message.body)))
        self.at_once[endpoint.id] += 1
        self.most_at_once |= self.at_once
        try:
            if endpoint.id in self.hanging:
                await asyncio.sleep(seconds)
                return Attempt(None, message=f"no whole answer within {seconds:g} s")
            await asyncio.sleep(0)
            return self.answers.get(endpoint.id, OK)
        finally:
            self.at_once[endpoint.id] -= 1


class Telling:
    """The events of a shop, numbered and sent to receivers."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.receivers = Receivers(lambda: shop.now)
        self.sequence = sequence_events(shop.new_id)
        self.points: list[str] = []

    def endpoint(self, account_id: str, *kinds: str, all_accounts: bool = False) -> str:
        """Set a webhook up."""
        webhook_id, now = self.shop.new_id("whk"), self.shop.now
        sealed = seal_secret(VAULT, webhook_id, "whsec_AAAA")
        made = WebhookEndpoint(
            webhook_id, account_id, int(all_accounts), "https://example.com/", "", " ".join(kinds), sealed, now, now
        )
        self.shop.writer.apply(create_webhooks, NewWebhook(made))
        return webhook_id

    def operators(self) -> str:
        """An account of operators."""
        account_id = self.shop.new_id("acc")
        made: NewAccount = new_operator_account(account_id, f"Operators {account_id}", self.shop.now)
        assert made.kind is AccountKind.OPERATOR
        return self.shop.writer.apply(create_accounts, made).id

    def bought(self, account_id: str, count: int = 1) -> list[str]:
        """Have an account buy numbers: each is an event."""
        self.shop.top_up(account_id, PRICE * count)
        numbers = self.shop.numbers(count)
        for number in numbers:
            assert isinstance(self.shop.buy(account_id, number), Sold)
        self.leave_credits_out()
        return numbers

    def leave_credits_out(self) -> None:
        """Leave events of top-ups out, as books do that were upgraded after them: the tests count what is bought."""
        with self.shop.database.write() as tx:
            tx.execute(text("DELETE FROM events WHERE kind = 'account.credited' AND number IS NULL"))
            tx.execute(text("DELETE FROM event_kinds"))
            tx.execute(text("INSERT INTO event_kinds VALUES ('account.credited', :now)"), {"now": self.shop.now})

    def number(self, limit: int = 500) -> SequenceReport:
        """One round of the sequencer."""
        self.leave_credits_out()
        return self.shop.writer.apply(self.sequence, SequenceEvents(self.shop.now, limit))

    def worker(self) -> DueWorker[Any, Any]:
        """Who sends."""
        shop = self.shop
        work = deliver_events(
            shop.writer, shop.reader, self.receivers, lambda: shop.now, new_id=shop.new_id, random_bytes=bytes
        )
        return DueWorker(work, shop.writer, shop.reader, now=lambda: shop.now, failpoint=self.points.append)

    def send_due(self) -> None:
        """What the worker does with deliveries that are due now."""
        worker = self.worker()

        async def all_of_it() -> None:
            while await worker.run_once():
                pass

        self.shop.tell(all_of_it())

    def send_until(self, instant: int) -> None:
        """What the worker does until an instant."""
        while (due := self.next_due()) is not None and due <= instant:
            self.shop.now = max(self.shop.now, due)
            self.send_due()
        self.shop.now = max(self.shop.now, instant)

    def next_due(self) -> int | None:
        """When the next delivery is due."""
        turn = "CASE WHEN leased_until > next_at THEN leased_until ELSE next_at END"
        found: int | None = self.shop.rows(f"SELECT min({turn}) FROM webhook_deliveries")[0][0]  # noqa: S608  own
        return found

    def deliveries(self, endpoint_id: str, status: DeliveryStatus | None = None) -> list[Delivery]:
        """What was sent to an endpoint, newest first."""
        with self.shop.database.read() as tx:
            return list_deliveries(tx, endpoint_id, status, before_id=None, limit=1000)

    def found(self, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint as it stands."""
        with self.shop.database.read() as tx:
            return find_endpoints(tx, [endpoint_id])[endpoint_id]

    def change(self, endpoint_id: str, **changes: Any) -> WebhookEndpoint:
        """Change an endpoint as its owner would."""
        account_id = self.found(endpoint_id).account_id
        command = WebhookChange(endpoint_id, account_id, self.shop.now)._replace(**changes)
        changed = self.shop.writer.apply(change_webhooks, command)
        assert isinstance(changed, WebhookEndpoint)
        return changed


def later(shop: Shop, *, days: float = 0, seconds: float = 0) -> int:
    """An instant after now."""
    return shop.now + round((days * 86_400 + seconds) * MICROSECONDS)
