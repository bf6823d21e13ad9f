"""The operator: tops wallets up, corrects, suspends, revokes, imports, prices, and meets a defect now and then.

Touches: clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from numberdesk.api.admin import adjust, create_account_key, revoke_any_key, set_standing, top_up
from numberdesk.core.money import format_micros
from simulator.customers import Account
from simulator.desk import import_numbers, listing, meet_defect, price_rule, remove_rule, set_rule
from simulator.network import Network, NoAnswerError, Reply, Request
from simulator.told import Told
from simulator.world import World

PREFIXES: Final = ("1361", "136120", "1361200")
PRICES: Final = (1_150_000, 1_500_000, 2_000_000)
_MOST_TRIES: Final = 4


class Operator:
    """Runs errands. `stock` are the numbers for sale and whether rules price them, `keys` the ids of secrets."""

    def __init__(
        self,
        world: World,
        network: Network,
        told: Told,
        accounts: list[Account],
        *,
        secret: str,
        stock: dict[str, bool],
        keys: dict[str, str],
    ) -> None:
        self._world = world
        self._network = network
        self._told = told
        self._accounts = accounts
        self._secret = secret
        self._stock = stock
        self._keys = keys
        self._rules: list[str] = []
        self._references: list[tuple[str, str, int]] = []

    async def run(self) -> None:
        """Run errands; at the end everybody may buy again."""
        errands: tuple[Callable[[], Awaitable[None]], ...] = (
            self._top_up, self._top_up, self._top_up_again, self._top_up_loosely, self._adjust, self._suspend,
            self._change_a_key, self._import, self._import, self._import, self._set_rule, self._set_rule,
            self._remove_rule, self._meet_defect, self._meet_defect,
        )  # fmt: skip
        for _ in range(self._world.plan.errands):
            await asyncio.sleep(self._world.between(0.005, 0.5))
            if self._world.calm:
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
            await self._pay(account_id, reference, amount + self._world.chance.choice((0, 0, 1_000_000)))

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
        self._told.maybe_moved(account_id, amount)

    async def _suspend(self) -> None:
        account = self._world.one_of(self._accounts)
        await self._certainly(self._standing(account, "suspended"))
        await asyncio.sleep(self._world.between(0.05, 5))
        await self._certainly(self._standing(account, "active"))

    def _standing(self, account: Account, status: Any) -> Request:
        return Request(set_standing, self._secret, {"account_id": account.id}, {"status": status})

    async def _change_a_key(self) -> None:
        """Revoke a key that a customer uses; the customer gets another one a while later."""
        account = self._world.one_of(self._accounts)
        secret = account.secrets[-1]
        account.revoked[secret] = None
        await self._certainly(Request(revoke_any_key, self._secret, {"key_id": self._keys[secret]}))
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
            new = f"+1361200{len(self._stock):04d}"
            self._stock[new] = self._world.happens(0.3)
            chosen.append(new)
        rows = tuple(
            listing(
                e164,
                None if self._stock[e164] else self._world.one_of(PRICES),
                setup=self._world.chance.choice((0, 0, 250_000)),
            )
            for e164 in sorted(chosen)
        )
        if rows:
            await self._certainly(Request(import_numbers, self._secret, {}, rows))

    async def _set_rule(self) -> None:
        now = self._world.now()
        rule_id = self._world.new_id("prl", now)
        self._rules.append(rule_id)
        rule = price_rule(rule_id, self._world.one_of(PREFIXES), self._world.one_of(PRICES), now)
        await self._certainly(Request(set_rule, self._secret, {}, rule))

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
                if reply.final:
                    return reply
            await asyncio.sleep(self._world.between(0.01, 1))
