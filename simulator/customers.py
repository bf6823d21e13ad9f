"""Programs of customers: they buy, try again, hang up, change their mind, and remember what they were told.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.api.billing import balance, order
from numberdesk.api.purchases import buy
from numberdesk.api.rentals import label_number, release_number
from numberdesk.core.money import format_micros
from simulator.desk import offers
from simulator.model import Books
from simulator.network import Network, NoAnswerError, Reply, Request
from simulator.told import Told
from simulator.world import World

_MOST_TRIES: Final = 4
_UNKNOWN: Final = "+13619999999"


class Quote(NamedTuple):
    """What an offer said: number, monthly price, rates."""

    e164: str
    price: int
    inbound: int | None
    outbound: int | None


@dataclass
class Account:
    """What all programs of one account know. `secrets` work as far as they know, the last one first.

    `revoked` has those that are being revoked, with the time at which that was acknowledged.
    """

    id: str
    secrets: list[str]
    rented: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    revoked: dict[str, float | None] = field(default_factory=dict)


class Customer:
    """One program of an account. `through`: it did all it wanted and waits for the calm."""

    def __init__(
        self, world: World, network: Network, told: Told, books: Books, account: Account, everybody: list[Account]
    ) -> None:
        self._world = world
        self._network = network
        self._told = told
        self._books = books
        self._account = account
        self._everybody = everybody
        self._quotes: list[Quote] = []
        self._answered: list[tuple[Request, Reply]] = []
        self.through = False

    async def run(self) -> None:
        """Do what comes to mind, then, once faults have stopped, ask everything again that was answered."""
        whims: tuple[Callable[[], Awaitable[None]], ...] = (
            self._buy_offered, self._buy_offered, self._buy_offered, self._buy_offered, self._buy_offered,
            self._buy_remembered, self._buy_remembered, self._buy_remembered, self._buy_unknown, self._ask_again,
            self._change_the_body, self._release, self._release, self._release, self._label, self._look,
        )  # fmt: skip
        for _ in range(self._world.plan.intents):
            await self._pause()
            if self._world.calm:
                break
            await self._world.one_of(whims)()
        self.through = True
        await self._world.calmed.wait()
        for request, reply in self._answered:
            await self._same_again(request, reply)

    async def _pause(self) -> None:
        """Mostly a moment. Months pass for everybody at once, when the storm lets them."""
        await asyncio.sleep(self._world.between(0.001, 0.05 if self._world.happens(0.85) else 3))

    async def _buy_offered(self) -> None:
        reply = await self._until_answered(self._request(offers, {}))
        if reply is None or reply.code:
            return
        quotes = [Quote(*row) for row in reply.data]
        self._quotes += quotes
        if not quotes:
            return
        await asyncio.sleep(self._world.between(0.001, 1))
        # Many take the first offer, so that they meet.
        chosen = quotes[0] if self._world.happens(0.5) else self._world.one_of(quotes)
        request = self._buying(chosen, keyed=self._world.happens(0.7))
        buys = [request]
        if self._world.happens(0.3):
            buys.append(request if self._world.happens(0.3) else self._buying(quotes[-1], keyed=True))
        await asyncio.gather(*(self._buy(one) for one in buys))

    async def _buy_remembered(self) -> None:
        if self._quotes:
            await self._buy(self._buying(self._world.one_of(self._quotes), keyed=self._world.happens(0.5)))

    async def _buy_unknown(self) -> None:
        await self._buy(self._buying(Quote(_UNKNOWN, 1_000_000, None, None), keyed=self._world.happens(0.5)))

    async def _ask_again(self) -> None:
        if self._answered:
            await self._same_again(*self._world.one_of(self._answered))

    async def _change_the_body(self) -> None:
        """An old key with other content: refused, and nothing else happens."""
        if not self._answered:
            return
        request, _ = self._world.one_of(self._answered)
        body = {**request.body, "price": f"{request.body['price']}1"}
        await self._until_answered(request._replace(body=body, secret=self._account.secrets[-1]))

    async def _release(self) -> None:
        """Give back a number of the account, or try with one that it gave back or never had."""
        others = [e164 for account in self._everybody for e164 in account.rented]
        choices = self._account.rented if self._account.rented and self._world.happens(0.85) else others
        if not choices:
            return
        e164 = self._world.one_of(choices)
        reply = await self._until_answered(self._request(release_number, {"number": e164}))
        if reply is not None and not reply.code:
            self._told.released(self._account.id, e164)

    async def _label(self) -> None:
        if self._account.rented:
            body = {"friendly_name": f"name {self._world.chance.randrange(100)}"}
            path = {"number": self._world.one_of(self._account.rented)}
            await self._until_answered(self._request(label_number, path, body))

    async def _look(self) -> None:
        """Another account's order looks as if it were not there (I14)."""
        await self._until_answered(self._request(balance, {}))
        others = [order for account in self._everybody if account is not self._account for order in account.orders]
        if not others:
            return
        found = await self._until_answered(self._request(order, {"order_id": self._world.one_of(others)}))
        absent = await self._until_answered(self._request(order, {"order_id": "ord_" + "0" * 32}))
        if found is None or absent is None or "invalid_api_key" in (found.code, absent.code):
            return
        if found.code != "not_found" or len(found.body) != len(absent.body):
            raise self._world.broken("I14", f"another account's order is {found}, an absent one {absent}")
        self._world.reached("others_order_absent")

    def _request(self, handler: object, path: dict[str, str], body: object = None) -> Request:
        return Request(handler, self._account.secrets[-1], path, body)  # type: ignore[arg-type]  # a handler of any door

    def _buying(self, quote: Quote, *, keyed: bool) -> Request:
        body = {"phone_number": quote.e164, "price": format_micros(quote.price)}
        if quote.inbound is not None and self._world.happens(0.5):
            body["per_minute_price_inbound"] = format_micros(quote.inbound)
        key = f"key-{self._world.chance.getrandbits(48):012x}".encode()
        return self._request(buy, {}, body)._replace(headers={b"idempotency-key": key} if keyed else {})

    async def _buy(self, request: Request) -> None:
        reply = await self._until_answered(request)
        if reply is None:
            return
        if request.headers and reply.code not in ("idempotency_conflict", "invalid_api_key"):
            self._answered.append((request, reply))
        self._heard(request, reply)

    def _heard(self, request: Request, reply: Reply) -> None:
        """Remember a purchase. It must be in the books from this moment on."""
        if reply.code:
            return
        data, account = reply.data, self._account
        if data["order_id"] not in account.orders:
            account.orders.append(data["order_id"])
            account.rented.append(data["phone_number"])
        self._told.bought(account.id, request.body["phone_number"], data["order_id"])

    async def _same_again(self, request: Request, reply: Reply) -> None:
        """The same request gets the same bytes (I9), as long as its answer is kept."""
        again = await self._until_answered(request._replace(secret=self._account.secrets[-1]))
        if again is None or again.code == "invalid_api_key" or self._forgotten(request):
            return
        if again.body != reply.body:
            raise self._world.broken("I9", f"{request} was answered {reply.body!r} and then {again.body!r}")
        self._world.reached("asked_again_same_bytes")

    def _forgotten(self, request: Request) -> bool:
        return (self._account.id, request.headers[b"idempotency-key"].decode()) in self._books.forgotten

    async def _until_answered(self, request: Request) -> Reply | None:
        """Try until there is an answer. Before faults have stopped a client may give up, and then never knows."""
        tries, crashed = 0, False
        while self._world.calm or tries < _MOST_TRIES:
            tries += 1
            known = set(self._books.orders) if crashed else set()
            sent = self._world.loop.time()
            try:
                reply = await self._network.ask(request)
            except NoAnswerError as error:
                crashed = crashed or error.crashed
                if not self._world.calm and self._world.happens(0.1):
                    break
            else:
                self._check_key(request, reply, sent)
                if reply.final:
                    self._notice(request, reply, known)
                    return reply
            await asyncio.sleep(self._world.between(0.01, 2))
        self._world.reached("gave_up")
        return None

    def _notice(self, request: Request, reply: Reply, known: set[str]) -> None:
        if request.handler is buy and not reply.code and reply.data["order_id"] in known:
            self._world.reached("replayed_after_a_crash")

    def _check_key(self, request: Request, reply: Reply, sent: float) -> None:
        """A revoked key stops working within a second, any other works."""
        revoked, refused = self._account.revoked, reply.code == "invalid_api_key"
        if refused:
            self._world.reached("refused_invalid_api_key")
        if refused and request.secret not in revoked:
            raise self._world.broken("keys", "a key that nobody revoked was refused")
        since = revoked.get(request.secret)
        if not refused and since is not None and sent > since + 1:
            raise self._world.broken("keys", f"a key revoked at {since} was good for a request sent at {sent}")
