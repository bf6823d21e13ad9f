"""What there is when a simulation begins: accounts with money and keys, numbers, rules, and carriers.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from numberdesk.accounts.model import CUSTOMER_SCOPES, OPERATOR_SCOPES, RANDOM_BYTES, new_key
from numberdesk.catalog.model import ListingChunk
from numberdesk.core.purchase import POOL
from numberdesk.flows.accounts.create_accounts import NewAccount, create_accounts, new_operator_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, Funding, fund_wallets
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from simulation.carriers import account_at
from simulation.customers import POOLED, Account
from simulation.desk import connect_carriers, listing, rule_for
from simulation.operators import PREFIXES, PRICES
from simulation.process import Process
from simulation.told import Acknowledged
from simulation.world import EPOCH, World

_FUNDS: Final = (0, 1_200_000, 2_500_000, 20_000_000, 20_000_000, 20_000_000)


class Shop:
    """Opened once. `accounts` has the operator's last, `keys` the ids of all secrets, `stock` the pool's numbers."""

    def __init__(self, world: World, told: Acknowledged, carriers: Iterable[str]) -> None:
        self.accounts: list[Account] = []
        self.keys: dict[str, str] = {}
        self.stock: dict[str, bool] = {}
        self.carrier_secrets: list[str] = []
        self._world = world
        self._told = told
        self._carriers = list(carriers)

    async def open(self, process: Process) -> None:
        """Accounts and carriers in one batch; then keys, money, numbers and rules in another."""
        world, plan, submit = self._world, self._world.plan, process.recorder.submit
        for place in range(plan.accounts + 1):
            currency = "EUR" if plan.other_currency and place == 1 else "USD"
            secret = new_key(world.chance.randbytes(RANDOM_BYTES))
            self.accounts.append(Account(world.new_id("acc", EPOCH), [secret], currency))
        *customers, operator = self.accounts
        made = [NewAccount(one.id, f"Customer {one.id}", one.currency, plan.credit_limit, EPOCH) for one in customers]
        made.append(new_operator_account(operator.id, "Operators", EPOCH))
        self.carrier_secrets = [f"carrier-secret-{world.chance.getrandbits(64):016x}" for _ in self._carriers]
        connected = [
            account_at(name, secret) for name, secret in zip(self._carriers, self.carrier_secrets, strict=True)
        ]
        await asyncio.gather(
            *(submit(create_accounts, new) for new in made), *(submit(connect_carriers, one) for one in connected)
        )
        await asyncio.gather(*self._fill(process))

    def _fill(self, process: Process) -> list[Coroutine[Any, Any, Any]]:
        world, submit = self._world, process.recorder.submit
        first: list[Coroutine[Any, Any, Any]] = [self._first_key(submit, account) for account in self.accounts]
        for account in self.accounts[:-1]:
            amount = world.one_of(_FUNDS)
            if amount:
                transfer_id = world.new_id("trf", EPOCH)
                self._told.movements[transfer_id] = account.id, amount
                first.append(
                    submit(fund_wallets, Funding(transfer_id, TOP_UP, account.id, amount, "manual", None, EPOCH))
                )
        for carrier in (POOL, *self._carriers):
            rule = rule_for(world.new_id("prl", EPOCH), PREFIXES[0], 1_000_000, EPOCH, carrier=carrier)
            first.append(submit(set_price_rules, rule))
        listings = tuple(
            listing(f"{POOLED}{place:04d}", None if world.happens(0.25) else world.one_of(PRICES))
            for place in range(world.plan.numbers)
        )
        self.stock |= {one.e164: one.price_source == "rule" for one in listings}
        chunk = ListingChunk(POOL, listings, tuple(range(1, len(listings) + 1)))
        first.append(submit(process.services.save_listings, chunk))
        return first

    async def _first_key(self, submit: Any, account: Account) -> None:
        key_id = self._world.new_id("key", EPOCH)
        scopes = OPERATOR_SCOPES if account is self.accounts[-1] else CUSTOMER_SCOPES
        record = new_key_record(
            key_id, account.secrets[0], account_id=account.id, name="first", scopes=scopes, expires_at=None, now=EPOCH
        )
        self.keys[account.secrets[0]] = key_id
        await submit(issue_keys, NewKey(record))
