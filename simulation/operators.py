"""The operator: tops wallets up, corrects, suspends, revokes, imports, prices, and meets a defect now and then.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from numberdesk.api.routes.admin_accounts import adjust, change_account, create_account_key, revoke_any_key, top_up
from numberdesk.api.routes.api_keys import RevokeQuery
from numberdesk.core.findings import FindingKind
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.money import format_micros
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder
from simulation.books import Books
from simulation.company import Company
from simulation.customers import POOLED, Account
from simulation.desk import (
    adopt,
    import_numbers,
    listing,
    meet_defect,
    remove_rule,
    resolve,
    resolve_finding,
    rule_for,
    set_carrier,
    set_rule,
)
from simulation.network import Network, NoAnswerError, Reply, Request
from simulation.told import Acknowledged
from simulation.world import World

PREFIXES: Final = ("1361", "136120", "1361200")
PRICES: Final = (1_150_000, 1_500_000, 2_000_000)
_RATES: Final = (8_500, 8_500, None)
_MOST_TRIES: Final = 4


class Operator:
    """Runs errands. `stock` are the pool's numbers and whether rules price them, `keys` the ids of secrets.

    What is to be resolved is looked up in the books as they should be.
    """

    def __init__(
        self,
        world: World,
        network: Network,
        told: Acknowledged,
        accounts: list[Account],
        *,
        secret: str,
        stock: dict[str, bool],
        keys: dict[str, str],
        books: Books,
        companies: Mapping[str, Company],
    ) -> None:
        self._world = world
        self._network = network
        self._told = told
        self._accounts = accounts
        self._secret = secret
        self._stock = stock
        self._keys = keys
        self._books = books
        self._companies = companies
        self._rules: list[str] = []
        self._references: list[tuple[str, str, int]] = []

    async def run(self) -> None:
        """Run errands; at the end everybody may buy again."""
        errands: tuple[Callable[[], Awaitable[None]], ...] = (
            self._top_up, self._top_up, self._top_up_again, self._top_up_again, self._top_up_loosely, self._adjust,
            self._suspend, self._change_a_key, self._import, self._import, self._import, self._set_rule, self._set_rule,
            self._remove_rule, self._meet_defect, self._meet_defect,
        )  # fmt: skip
        if self._companies:
            errands += (
                self._set_carrier_rule, self._set_carrier_rule, self._set_carrier_rule, self._disable_a_carrier,
                self._judge_an_order, self._judge_a_finding,
            )  # fmt: skip
        if self._world.plan.meddles:
            errands = (self._judge_an_order, self._judge_an_order, self._judge_an_order, *errands[-5:])
        for _ in range(self._world.plan.errands):
            await asyncio.sleep(self._world.between(0.005, 0.5))
            if self._world.late:
                return
            await self._world.one_of(errands)()

    async def _top_up(self) -> None:
        account, amount = self._world.one_of(self._accounts), self._world.chance.randint(1, 4) * 1_000_000
        reference = f"invoice-{self._world.chance.getrandbits(40):010x}"
        self._references.append((account.id, reference, amount))
        await self._pay(account.id, reference, amount)

    async def _top_up_again(self) -> None:
        """The same invoice once more, or with another amount."""
        if self._references:
            account_id, reference, amount = self._world.one_of(self._references)
            await self._pay(account_id, reference, amount + self._world.chance.choice((0, 1_000_000)))

    async def _pay(self, account_id: str, reference: str, amount: int) -> None:
        """With a reference it is safe to try until there is an answer, so the operator always does."""
        body = {"amount": format_micros(amount), "reference": reference}
        reply = await self._certainly(Request(top_up, self._secret, {"account_id": account_id}, body))
        if not reply.code:
            self._told.moved(account_id, reply.data["id"], amount)

    async def _top_up_loosely(self) -> None:
        """Without a reference nobody may try again."""
        await self._once(top_up, self._world.one_of(self._accounts).id, 500_000 + self._world.chance.randrange(1000))

    async def _adjust(self) -> None:
        amount = self._world.chance.choice((-3_000_000, -700_000, -700_000, 300_000))
        await self._once(adjust, self._world.one_of(self._accounts).id, amount)

    async def _once(self, handler: Any, account_id: str, amount: int) -> None:
        request = Request(handler, self._secret, {"account_id": account_id}, {"amount": format_micros(amount)})
        try:
            reply = await self._network.ask(request)
        except NoAnswerError:
            # Two may have been made when a proxy sent it twice, and so after an answer, too.
            self._told.maybe_moved(account_id, amount)
            self._told.maybe_moved(account_id, amount)
            return
        if not reply.code:
            self._told.moved(account_id, reply.data["id"], amount)
        else:
            self._told.maybe_moved(account_id, amount)  # it may not be known whether the commit was made
        self._told.maybe_moved(account_id, amount)

    async def _suspend(self) -> None:
        account = self._world.one_of(self._accounts)
        await self._certainly(self._standing(account, "suspended"))
        await asyncio.sleep(self._world.between(0.05, 5))
        await self._certainly(self._standing(account, "active"))

    def _standing(self, account: Account, status: Any) -> Request:
        return Request(change_account, self._secret, {"account_id": account.id}, {"status": status})

    async def _change_a_key(self) -> None:
        """Revoke a key that a customer uses; the customer gets another one a while later."""
        account = self._world.one_of(self._accounts)
        secret = account.secrets[-1]
        account.revoked[secret] = None
        await self._certainly(
            Request(revoke_any_key, self._secret, {"key_id": self._keys[secret]}, query=RevokeQuery())
        )
        account.revoked[secret] = self._world.loop.time()
        await asyncio.sleep(self._world.between(0.5, 4))
        body = {"name": "another"}
        reply = await self._certainly(Request(create_account_key, self._secret, {"account_id": account.id}, body))
        self._keys[reply.data["key"]] = reply.data["id"]
        account.secrets.append(reply.data["key"])

    async def _import(self) -> None:
        """New prices for some numbers, now and then a new number."""
        chosen = [e164 for e164 in self._stock if self._world.happens(0.7)]
        if self._world.happens(0.2):
            new = f"{POOLED}{len(self._stock):04d}"
            self._stock[new] = self._world.happens(0.3)
            chosen.append(new)
        theirs = [
            e164 for e164 in sorted(self._books.numbers) if not e164.startswith(POOLED) and self._world.happens(0.1)
        ]
        rows = tuple(
            listing(
                e164,
                None if self._stock.get(e164) else self._world.one_of(PRICES),
                setup=self._world.chance.choice((0, 0, 250_000)),
                currency=self._currency(),
                inbound=self._world.one_of(_RATES),
            )
            for e164 in sorted([*chosen, *theirs])
        )
        if rows:
            await self._certainly(Request(import_numbers, self._secret, {}, rows))

    async def _set_rule(self) -> None:
        now = self._world.now()
        rule_id = self._world.new_id("prl", now)
        self._rules.append(rule_id)
        rule = rule_for(
            rule_id,
            self._world.one_of(PREFIXES),
            self._world.one_of(PRICES),
            now,
            setup=self._world.chance.choice((0, 0, 250_000)),
            inbound=self._world.one_of(_RATES),
        )
        await self._certainly(Request(set_rule, self._secret, {}, rule))

    async def _set_carrier_rule(self) -> None:
        """Carriers' numbers cost otherwise from the next search on; what was shown before stays good for a while."""
        now = self._world.now()
        rule = rule_for(
            self._world.new_id("prl", now),
            PREFIXES[0],
            self._world.one_of(PRICES),
            now,
            carrier=self._world.one_of(list(self._companies)),
            currency=self._currency(),
            setup=self._world.chance.choice((0, 0, 250_000)),
            inbound=self._world.one_of(_RATES),
        )
        await self._certainly(Request(set_rule, self._secret, {}, rule))

    def _currency(self) -> str:
        return "EUR" if self._world.plan.other_currency and self._world.happens(0.3) else "USD"

    async def _disable_a_carrier(self) -> None:
        name = self._world.one_of(list(self._companies))
        for state in (CarrierState.DISABLED, CarrierState.ACTIVE):
            await self._certainly(Request(set_carrier, self._secret, {}, (name, state)))
            await asyncio.sleep(self._world.between(0.05, 3))

    async def _judge_an_order(self) -> None:
        """Mostly one that waits for a person; and some that nobody would resolve yet."""
        orders = [
            carrier_order for carrier_order in self._books.carrier_orders.values() if carrier_order.settled_at is None
        ]
        parked = [carrier_order for carrier_order in orders if carrier_order.parked_at is not None]
        if orders and (parked or self._world.plan.meddles or self._world.happens(0.3)):
            await self.resolve(self._world.one_of(parked or orders).order_id)

    async def resolve(self, order_id: str) -> None:
        """Decide about an open order: give it up, look anew, or take what is there."""
        carrier_order, now = self._books.carrier_orders[order_id], self._world.now()
        if self._may_be_adopted(order_id) and self._world.happens(0.5):
            self._world.reached("resolved_adopt")
            self._world.adopted.add(order_id)
            await self._certainly(Request(adopt, self._secret, {}, order_id))
            return
        resolution = self._world.one_of((*OrderResolution, OrderResolution.VOID))
        command = ResolveOrder(order_id, resolution, self._companies[carrier_order.carrier].window, now)
        await self._certainly(Request(resolve, self._secret, {}, command))

    def _may_be_adopted(self, order_id: str) -> bool:
        """A person takes a number that is on our account for nobody else, and not on its way back."""
        carrier_order = self._books.carrier_orders[order_id]
        held = self._companies[carrier_order.carrier].has(carrier_order.e164)
        going = [
            one for one in self._books.releases.values() if one.e164 == carrier_order.e164 and one.confirmed_at is None
        ]
        return held is not None and not going

    async def _judge_a_finding(self) -> None:
        """An orphan goes back, or stays because somebody wants it."""
        orphans = [key for key, row in self._books.findings.items() if key[2] == "orphan" and row[0] == "open"]
        if orphans:
            carrier, e164, _ = self._world.one_of(orphans)
            keep = self._world.happens(0.2)
            await self.resolve_finding(carrier, e164, FindingResolution.KEEP if keep else FindingResolution.RELEASE)

    async def resolve_finding(self, carrier: str, e164: str, resolution: FindingResolution) -> None:
        """Decide about an orphan."""
        serial, now = f"{self._world.chance.getrandbits(80):020x}", self._world.now()
        command = ResolveFinding(carrier, e164, FindingKind.ORPHAN, resolution, serial, now)
        await self._certainly(Request(resolve_finding, self._secret, {}, command))

    async def _remove_rule(self) -> None:
        if self._rules:
            await self._certainly(Request(remove_rule, self._secret, {}, self._world.one_of(self._rules)))

    async def _meet_defect(self) -> None:
        await self._certainly(Request(meet_defect, self._secret, {}))

    async def _certainly(self, request: Request) -> Reply:
        """Try until there is an answer."""
        while True:
            try:
                reply = await self._network.ask(request)
            except NoAnswerError:
                pass
            else:
                if reply.is_decided:
                    return reply
            await asyncio.sleep(self._world.between(0.01, 1))
