"""Accounts with money and numbers to buy, put into a running service."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, new_key
from numberdesk.carriers.port import CarrierAccount
from numberdesk.carriers.store import find_carriers_named, insert_carriers
from numberdesk.catalog.model import ListingChunk
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.infra.db import Database, Tx
from numberdesk.wiring import Services
from testbed.samples import listing_of

_SERIALS = itertools.count(2_000_000)


class Stock(NamedTuple):
    """`balance` is what each account was given, in micros; `keys` are the accounts' API keys, in their order."""

    account_ids: list[str]
    keys: list[str]
    e164s: list[str]
    balance: int


def stocked(services: Services, *, accounts: int, numbers: int, balance: int = 1_000_000_000) -> Stock:
    """Open accounts and list numbers."""
    account_ids: list[str] = []
    keys = []
    for _ in range(accounts):
        now = services.now()
        account_id = services.new_id("acc")
        new = new_account(account_id, f"Customer {account_id}", "USD", 0, now)
        account = services.writer.apply(create_accounts, new)
        paid = funding(services.new_id("trf"), TOP_UP, account.id, balance, reference=None, now=now)
        services.writer.apply(fund_wallets, paid)
        account_ids.append(account.id)
        keys.append(_key(services, account.id))
    listings = tuple(listing_of(f"+1361{next(_SERIALS)}") for _ in range(numbers))
    services.writer.apply(services.save_listings, ListingChunk("pool", listings, tuple(range(numbers))))
    return Stock(account_ids, keys, [one.e164 for one in listings], balance)


def store_accounts(tx: Tx, accounts: Sequence[CarrierAccount]) -> Sequence[CarrierAccount]:
    """Accounts at carriers that nobody will ask, unless they are there: without what a person would have to set up."""
    there = find_carriers_named(tx, [account.name for account in accounts])
    insert_carriers(tx, [account for account in accounts if account.name not in there])
    return accounts


def connected(database: Database, carrier: str) -> None:
    """Connect an account at a carrier that nobody will ask."""
    account = CarrierAccount(carrier, "twilio", CarrierState.ACTIVE, {}, "", 1, 1)
    with database.write() as tx:
        store_accounts(tx, [account])


def _key(services: Services, account_id: str) -> str:
    secret = new_key(services.random_bytes(RANDOM_BYTES))
    record = new_key_record(
        services.new_id("key"),
        secret,
        account_id=account_id,
        name="",
        scopes=CUSTOMER_SCOPES,
        expires_at=None,
        now=services.now(),
    )
    services.writer.apply(issue_keys, NewKey(record))
    return secret
