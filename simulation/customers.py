"""Programs of customers: they buy, try again, hang up, change their mind, and remember what they were told.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.api.routes.available_numbers import OffersQuery, available_numbers
from numberdesk.api.routes.billing import balance, order
from numberdesk.api.routes.purchases import buy
from numberdesk.api.routes.rentals import ReleaseQuery, label_number, release_number
from numberdesk.core.money import format_micros, parse_micros
from simulation.books import Books
from simulation.desk import offers
from simulation.network import Network, NoAnswerError, Reply, Request
from simulation.told import Acknowledged
from simulation.world import World

_MOST_TRIES: Final = 4
_UNKNOWN: Final = "+13619999999"

POOLED: Final = "+1361200"
"""How the pool's numbers begin."""


class Quote(NamedTuple):
    """What an offer said: number, monthly price, rates, setup price."""

    e164: str
    price: int
    inbound: int | None
    outbound: int | None
    setup: int


@dataclass
class Account:
    """What all programs of one account know. `secrets` work as far as they know, the last one first.

    `revoked` has those that are being revoked, with the time at which that was acknowledged, `rentals` the
    latest known rental of each number.
    """

    id: str
    secrets: list[str]
    currency: str = "USD"
    rented: list[str] = field(default_factory=list)
    rentals: dict[str, str] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    revoked: dict[str, float | None] = field(default_factory=dict)


class Customer:
    """One program of an account. `through`: it did all it wanted and waits for the calm."""

    def __init__(
        self,
        world: World,
        network: Network,
        told: Acknowledged,
        books: Books,
        account: Account,
        everybody: list[Account],
    ) -> None:
        self._world = world
        self._network = network
        self._told = told
        self._books = books
        self._account = account
        self._everybody = everybody
        self._quotes: list[Quote] = []
        self._answered: list[tuple[Request, Reply]] = []
        self._given_back: list[tuple[Request, Reply]] = []
        self._pending: list[tuple[Request, str]] = []
        self.through = False

    async def run(self) -> None:
        """Do what comes to mind, then, once there is no work left, ask everything again that was answered."""
        whims: tuple[Callable[[], Awaitable[None]], ...] = (
            self._buy_offered, self._buy_offered, self._buy_offered, self._buy_offered, self._buy_offered,
            self._buy_remembered, self._buy_remembered, self._buy_remembered, self._buy_unknown, self._ask_again,
            self._change_the_body, self._change_the_body, self._release, self._release, self._release,
            self._release_again, self._label, self._look,
        )  # fmt: skip
        if self._world.plan.carriers:
            whims = (
                self._buy_searched, self._buy_searched, self._buy_searched, self._buy_searched, self._buy_searched,
                self._buy_searched, self._buy_searched, self._buy_offered, self._buy_remembered, self._buy_remembered,
                self._buy_unknown, self._ask_again, self._change_the_body, self._change_the_body, self._ask_for_pending,
                self._ask_for_pending, self._ask_for_pending, self._release, self._release, self._release,
                self._release_again, self._label, self._look, self._look_at_order,
            )  # fmt: skip
        for _ in range(self._world.plan.intents):
            await self._pause()
            if self._world.late:
                break
            await self._world.one_of(whims)()
        self.through = True
        await self._world.rested.wait()
        for request, reply in self._answered:
            await self._same_again(request, reply)
        for request, _ in self._pending:
            await self._settled_again(request)
        for request, reply in self._given_back:
            await self._same_release_again(request, reply)

    async def _pause(self) -> None:
        """Mostly a moment. Months pass for everybody at once, when the storm lets them."""
        await asyncio.sleep(self._world.between(0.001, 0.05 if self._world.happens(0.85) else 3))

    async def _buy_offered(self) -> None:
        reply = await self._until_answered(self._request(offers, {}))
        if reply is None or reply.code:
            return
        await self._buy_one_of([Quote(*row) for row in reply.data])

    async def _buy_searched(self) -> None:
        """What a search shows, carriers' numbers among it: mostly those."""
        search = self._request(available_numbers, {"iso_country": "US"})
        reply = await self._until_answered(search._replace(query=OffersQuery(page_size=20)))
        if reply is None or reply.code:
            return
        quotes = [
            Quote(
                offer["phone_number"],
                parse_micros(offer["price"]),
                _micros(offer["per_minute_price_inbound"]),
                _micros(offer["per_minute_price_outbound"]),
                parse_micros(offer["setup_price"]),
            )
            for offer in reply.data
        ]
        remote = [quote for quote in quotes if not quote.e164.startswith(POOLED)]
        more = self._world.chance.choice((0, 1, 2))
        await self._buy_one_of(remote if remote and self._world.happens(0.8) else quotes, more=more)

    async def _buy_one_of(self, quotes: list[Quote], *, more: int = 0) -> None:
        self._quotes += quotes
        if not quotes:
            return
        await asyncio.sleep(self._world.between(0.001, 1))
        # Many take the first offer, so that they meet.
        chosen = quotes[0] if self._world.happens(0.5) else self._world.one_of(quotes)
        request = self._buying(chosen, keyed=self._world.happens(0.7))
        buys = [request]
        if self._world.happens(0.3):
            buys.append(request if self._world.happens(0.5) else self._buying(quotes[-1], keyed=True))
        buys += [self._buying(self._world.one_of(quotes), keyed=self._world.happens(0.3)) for _ in range(more)]
        await asyncio.gather(*(self._buy(one) for one in buys))

    async def _buy_remembered(self) -> None:
        if self._quotes:
            await self._buy(self._buying(self._world.one_of(self._quotes), keyed=self._world.happens(0.5)))

    async def _buy_unknown(self) -> None:
        await self._buy(self._buying(Quote(_UNKNOWN, 1_000_000, None, None, 0), keyed=self._world.happens(0.5)))

    async def _ask_again(self) -> None:
        if self._answered:
            await self._same_again(*self._world.one_of(self._answered))

    async def _ask_for_pending(self) -> None:
        """The same buy again waits for its order, or begins anew when that came to nothing."""
        if self._pending:
            request, _ = self._world.one_of(self._pending)
            await self._buy(request._replace(secret=self._account.secrets[-1]))

    async def _look_at_order(self) -> None:
        """An order that is told as ended has ended so."""
        if not self._account.orders:
            return
        order_id = self._world.one_of(self._account.orders)
        reply = await self._until_answered(self._request(order, {"order_id": order_id}))
        if reply is None or reply.code:
            return
        told, books = reply.data["status"], self._books.orders[order_id].state
        if told not in ("pending", books):
            raise self._world.broken("acknowledged", f"{order_id} was told as {told} and is {books}")

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
        choices = self._account.rented if self._account.rented and self._world.happens(0.8) else others
        if not choices:
            return
        await self._release_number(self._world.one_of(choices))

    async def _release_number(self, e164: str) -> None:
        """By its digits, by its rental, or under a key: what names one rental may come again at any time."""
        request = self._request(release_number, {"number": e164})._replace(query=ReleaseQuery())
        rental_id = self._account.rentals.get(e164)
        if rental_id is not None and self._world.happens(0.3):
            request = request._replace(path={"number": rental_id})
        elif self._world.happens(0.3):
            key = f"back-{self._world.chance.getrandbits(48):012x}".encode()
            request = request._replace(headers={b"idempotency-key": key})
        reply = await self._until_answered(request)
        if reply is None or reply.code:
            return
        self._told.released(self._account.id, e164)
        if request.headers or request.path["number"] == rental_id:
            self._given_back.append((request, reply))

    async def _release_again(self) -> None:
        """A release that named its rental comes again, late: it is answered as it was, and ends nothing else."""
        if self._given_back:
            await self._same_release_again(*self._world.one_of(self._given_back))

    async def _same_release_again(self, request: Request, reply: Reply) -> None:
        again = await self._until_answered(request._replace(secret=self._account.secrets[-1]))
        if again is None or again.code == "invalid_api_key" or self._key_forgotten(request):
            return
        if again.body != reply.body:
            raise self._world.broken("release", f"{request} was answered {reply.body!r} and then {again.body!r}")
        self._world.reached("release_again_ends_nothing")

    def _key_forgotten(self, request: Request) -> bool:
        key = request.headers.get(b"idempotency-key", b"").decode()
        return bool(key) and (self._account.id, "release", key) in self._books.forgotten_requests

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
        if found.code != "not_found" or _anonymous(found) != _anonymous(absent):
            raise self._world.broken("I14", f"another account's order is {found}, an absent one {absent}")
        self._world.reached("others_order_absent")

    def _request(self, handler: object, path: dict[str, str], body: object = None) -> Request:
        return Request(handler, self._account.secrets[-1], path, body)  # type: ignore[arg-type]  # a handler of any door

    def _buying(self, quote: Quote, *, keyed: bool) -> Request:
        body = {"phone_number": quote.e164, "price": format_micros(quote.price)}
        if self._world.happens(0.5):
            body["per_minute_price_inbound"] = format_micros(quote.inbound or 0)
        if self._world.happens(0.5):
            body["setup_price"] = format_micros(quote.setup)
        key = f"key-{self._world.chance.getrandbits(48):012x}".encode()
        return self._request(buy, {}, body)._replace(headers={b"idempotency-key": key} if keyed else {})

    async def _buy(self, request: Request) -> None:
        reply = await self._until_answered(request)
        if reply is None:
            return
        if reply.is_pending:
            self._world.reached("answered_202")
            self._pending.append((request, reply.data["order_id"]))
        elif request.headers and reply.is_final and reply.code not in ("idempotency_conflict", "invalid_api_key"):
            self._answered.append((request, reply))
        self._heard(request, reply)
        gives_back = self._world.plan.gives_back * (0.3 if request.body["phone_number"].startswith(POOLED) else 1.0)
        if not reply.code and not reply.is_pending and self._world.happens(gives_back):
            await self._release_number(request.body["phone_number"])

    def _heard(self, request: Request, reply: Reply) -> None:
        """Remember what was told. It must be in the books from this moment on."""
        account = self._account
        if reply.code:
            self._told.failed(reply.request_id)
            return
        data, e164 = reply.data, request.body["phone_number"]
        if data["order_id"] not in account.orders:
            account.orders.append(data["order_id"])
        if reply.is_pending:
            self._told.pending(account.id, e164, data["order_id"])
            return
        if data["phone_number"] not in account.rented:
            account.rented.append(data["phone_number"])
        if data["released_at"] is None:
            account.rentals[data["phone_number"]] = data["id"]
        self._told.bought(account.id, e164, data["order_id"])

    async def _same_again(self, request: Request, reply: Reply) -> None:
        """The same request gets the same bytes (I9), as long as its answer is kept."""
        ended_before = not reply.code and self._has_ended(reply)
        again = await self._until_answered(request._replace(secret=self._account.secrets[-1]))
        if again is None or again.code == "invalid_api_key" or self._forgotten(request):
            return
        if _as_bought(again) != _as_bought(reply):
            raise self._world.broken("I9", f"{request} was answered {reply.body!r} and then {again.body!r}")
        self._check_end(again, ended_before=ended_before)
        self._world.reached("asked_again_same_bytes")

    async def _settled_again(self, request: Request) -> None:
        """What was pending has ended, or is for a person: either way the same request gets the same answer twice."""
        name = (self._account.id, request.headers.get(b"idempotency-key", b"").decode())
        if name not in self._books.answers:
            return
        request = request._replace(secret=self._account.secrets[-1])
        first, second = await self._until_answered(request), await self._until_answered(request)
        if first is None or second is None or "invalid_api_key" in (first.code, second.code):
            return
        if _as_bought(first) != _as_bought(second) and name not in self._books.forgotten:
            raise self._world.broken("I9", f"{request} was answered {first.body!r} and then {second.body!r}")
        self._heard(request, second)
        self._world.reached("pending_answered_at_last")

    def _has_ended(self, reply: Reply) -> bool:
        return self._books.rentals[reply.data["id"]].released_at is not None

    def _check_end(self, again: Reply, *, ended_before: bool) -> None:
        """A purchase that is answered again says whether its rental had ended at some instant while it was asked."""
        if again.code:
            return
        told = again.data["released_at"] is not None
        if not ended_before <= told <= self._has_ended(again):
            rental = self._books.rentals[again.data["id"]]
            raise self._world.broken("I9", f"{again.body!r} is told of {rental}")
        if told:
            self._world.reached("told_that_its_rental_ended")

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
                if reply.is_decided:
                    self._notice(request, reply, known)
                    return reply
            await asyncio.sleep(self._world.between(0.01, 2))
        self._world.reached("gave_up")
        return None

    def _notice(self, request: Request, reply: Reply, known: set[str]) -> None:
        if request.handler is buy and not reply.code and not reply.is_pending and reply.data["order_id"] in known:
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


def _micros(rate: object) -> int | None:
    return None if rate is None else parse_micros(rate)


def _as_bought(reply: Reply) -> object:
    """An answer to a purchase, but for what it says of the rental's end: that comes later."""
    if reply.code:
        return reply.body
    return {name: value for name, value in reply.data.items() if name not in ("status", "released_at")}


def _anonymous(reply: Reply) -> bytes:
    """An answer without what tells it apart from any other."""
    return reply.body.replace(reply.request_id.encode(), b"")
