"""Faults planted on purpose, each a part of the product done wrong: the simulation must find every one of them.

`python -m tests.simulation.planted` finds them all anew and prints the table for docs/simulation.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from numberdesk.accounts.model import Caller
from numberdesk.api.auth import Authenticator
from numberdesk.api.endpoint import ApiRequest, ApiResponse
from numberdesk.api.routes.admin_accounts import create_account_key, top_up
from numberdesk.api.routes.billing import order
from numberdesk.api.routes.rentals import release_number
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Refusal, Replayed, Sold
from numberdesk.core.rent import RentTerms
from numberdesk.flows.accounts.fund_wallets import Funding, fund_wallets
from numberdesk.flows.accounts.issue_keys import revoke
from numberdesk.flows.agree_on_time import agree_on_time
from numberdesk.flows.catalog.import_inventory import save_listings
from numberdesk.flows.catalog.reprice import reprice
from numberdesk.flows.cleanup import clean_up
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.rentals.label_numbers import label_numbers
from numberdesk.flows.rentals.release_numbers import release_numbers
from numberdesk.infra.db import StorageFailedError, Tx
from numberdesk.infra.writer import Writer
from simulation.desk import DefectiveError
from simulation.product import Flow, Product
from simulation.runs import Kind
from simulation.storage import FailingDatabase
from tests.simulation.planted_carriers import OF_CARRIERS
from tests.simulation.planted_tools import after_releasing, charge, print_found, then

DAY: Final = 86_400_000_000


class ForgivingDatabase(FailingDatabase):
    """Takes a commit that failed for one that was made."""

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        with contextlib.ExitStack() as stack:
            tx = stack.enter_context(super().write())
            yield tx
            with contextlib.suppress(StorageFailedError):
                stack.close()


class UnsyncedDatabase(FailingDatabase):
    """Answers before the log is on the disk: when the power fails, the last commits are gone."""

    def _lose_power(self, before: int) -> None:
        super()._lose_power(max(0, before - 10_000))


class HalfwayDatabase(FailingDatabase):
    """Commits what a batch did until one of its flows raised."""

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        raised: DefectiveError | None = None
        with super().write() as tx:
            try:
                yield tx
            except DefectiveError as error:
                raised = error
        if raised is not None:
            raise raised


class SilentWriter(Writer):
    """Applies top-ups and answers them never."""

    async def submit(self, flow: Any, command: Any) -> Any:
        outcome = await super().submit(flow, command)
        if isinstance(command, Funding) and command.reference is not None:
            await asyncio.get_running_loop().create_future()
        return outcome


def after_buying(damage: Callable[[Tx, Any, Any], None]) -> Callable[[int, int], Flow]:
    """The purchase flow, with something done after it for each buy and its decision."""

    def build(quote_lifetime: int, wanted_for: int) -> Flow:
        flow = open_orders(quote_lifetime, wanted_for)

        def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
            decisions = flow(tx, buys)
            for buy, decision in zip(buys, decisions, strict=True):
                damage(tx, buy, decision)
            return decisions

        return apply

    return build


def forget_answer(tx: Tx, buy: Any, _decision: Any) -> None:
    tx.run("DELETE FROM idempotency_records WHERE account_id = ? AND key = ?", [buy.account_id, buy.idempotency_key])


def charge_again(tx: Tx, buy: Any, decision: Any) -> None:
    if isinstance(decision, Replayed):
        charge(tx, decision.order, f"trf_{buy.request_id}", buy.now)


def charge_twice(tx: Tx, buy: Any, decision: Any) -> None:
    if isinstance(decision, Sold) and decision.charges and decision.order.prices.setup:
        charge(tx, decision.order, f"trf_{buy.request_id}", buy.now)


def keep_number(tx: Tx, buy: Any, decision: Any) -> None:
    if isinstance(decision, Refusal) and decision.error.code == "insufficient_balance":
        tx.run("UPDATE numbers SET state = 'withdrawn' WHERE e164 = ? AND state = 'available'", [buy.e164])


def lose_event(tx: Tx, _buy: Any, decision: Any) -> None:
    if isinstance(decision, Sold) and decision.order.prices.setup:
        tx.run("DELETE FROM events WHERE id = ?", [decision.order.id.replace("ord_", "evt_")])


def charge_without_wallet(tx: Tx, buy: Any, decision: Any) -> None:
    if isinstance(decision, Sold) and len(decision.charges) > 1:
        tx.run(
            "UPDATE wallets SET posted = posted + ? WHERE account_id = ?", [decision.order.prices.setup, buy.account_id]
        )


def wallets_in_memory(quote_lifetime: int, wanted_for: int) -> Flow:
    """Each process remembers balances instead of reading them in the transaction."""
    flow, memory = open_orders(quote_lifetime, wanted_for), dict[str, int]()

    def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
        before = dict(tx.fetch("SELECT account_id, posted FROM wallets", []))
        decisions = flow(tx, buys)
        after = dict(tx.fetch("SELECT account_id, posted FROM wallets", []))
        for account_id in {buy.account_id for buy in buys}:
            remembered = memory.get(account_id, before[account_id])
            memory[account_id] = max(0, remembered + after[account_id] - before[account_id])
            tx.run("UPDATE wallets SET posted = ? WHERE account_id = ?", [memory[account_id], account_id])
        return decisions

    return apply


def told_with_another_time(quote_lifetime: int, wanted_for: int) -> Flow:
    """A replay tells the time at which it was asked for, not that of the purchase."""
    flow = open_orders(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
        return [
            decision._replace(order=decision.order._replace(completed_at=buy.now))
            if isinstance(decision, Replayed)
            else decision
            for buy, decision in zip(buys, flow(tx, buys), strict=True)
        ]

    return apply


def suspended_may_buy(quote_lifetime: int, wanted_for: int) -> Flow:
    flow = open_orders(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
        suspended = tx.fetch("SELECT id FROM accounts WHERE state = 'suspended'", [])
        tx.run("UPDATE accounts SET state = 'active'", [])
        decisions = flow(tx, buys)
        for (account_id,) in suspended:
            tx.run("UPDATE accounts SET state = 'suspended' WHERE id = ?", [account_id])
        return decisions

    return apply


def first_body_wins(quote_lifetime: int, wanted_for: int) -> Flow:
    """A key that comes with another body is taken for a replay."""
    flow = open_orders(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
        query = "SELECT e164, monthly, inbound, outbound FROM idempotency_records WHERE account_id = ? AND key = ?"
        bodies = [tx.fetch(query, [buy.account_id, buy.idempotency_key]) for buy in buys]
        return flow(
            tx,
            [
                buy._replace(e164=body[0][0], confirmed=Confirmation(*body[0][1:])) if body else buy
                for buy, body in zip(buys, bodies, strict=True)
            ],
        )

    return apply


def anybody_may_release(quarantine: int, usual: RentTerms) -> Flow:
    flow = release_numbers(quarantine, usual)

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        query = "SELECT account_id FROM rentals WHERE e164 = ? AND released_at IS NULL"
        owners = [tx.fetch(query, [command.e164]) for command in commands]
        return flow(
            tx,
            [
                command._replace(account_id=owner[0][0]) if owner else command
                for command, owner in zip(commands, owners, strict=True)
            ],
        )

    return apply


def believe_the_time_of_day(tx: Tx, readings: Sequence[Any]) -> Sequence[Any]:
    """Agree on whatever the time of day is."""
    return agree_on_time(tx, [reading._replace(expected=reading.now) for reading in readings])


def tidy_early(*, quarantine: int = 0, retention: int = 1) -> Flow:
    """Quarantines end `quarantine` microseconds early, and answers are kept `retention` times shorter."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        changed = [
            command._replace(
                now=command.now + quarantine, key_retention=command.key_retention // retention + quarantine
            )
            for command in commands
        ]
        return clean_up(tx, changed)

    return apply


def without_references(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    return fund_wallets(tx, [command._replace(reference=None) for command in commands])


def balance_of_the_first(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    """Of several movements of one wallet in a batch only the last reaches the balance."""
    before = dict(tx.fetch("SELECT account_id, posted FROM wallets", []))
    outcomes = fund_wallets(tx, commands)
    for command in commands:
        tx.run(
            "UPDATE wallets SET posted = ? WHERE account_id = ? AND ? > 0",
            [before.get(command.account_id, 0) + command.amount, command.account_id, command.amount],
        )
    return outcomes


def label_all_of_them(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    outcomes = label_numbers(tx, commands)
    for command in commands:
        tx.run(
            "UPDATE rentals SET friendly_name = ? WHERE account_id = ?",
            [command.labels.friendly_name or "", command.account_id],
        )
    return outcomes


def revoke_nothing(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    outcomes = revoke(tx, commands)
    tx.run("UPDATE api_keys SET revoked_at = NULL", [])
    return outcomes


class ForgetfulAuthenticator(Authenticator):
    """Remembers every key that was ever good, and asks no more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ever: dict[bytes | None, Caller] = {}

    async def caller(self, sent: bytes | None) -> Caller:
        if sent not in self._ever:
            self._ever[sent] = await super().caller(sent)
        return self._ever[sent]


def note_other_price(tx: Tx, _buy: Any, decision: Any) -> None:
    if isinstance(decision, Sold) and decision.charges:
        tx.run("UPDATE orders SET price = price + 10000 WHERE id = ?", [decision.order.id])


async def show_any_order(ask: ApiRequest) -> ApiResponse:
    """Another account's order is as good as one's own."""
    query = "SELECT account_id FROM orders WHERE id = ?"
    owner = await ask.services.reader.read(lambda tx: tx.fetch(query, [ask.path["order_id"]]), for_account=None)
    if owner:
        ask.caller = ask.caller._replace(account_id=owner[0][0])
    answer = await order(ask)
    assert isinstance(answer, ApiResponse)
    return answer


async def name_key_by_itself(ask: ApiRequest) -> ApiResponse:
    """The secret of a key is kept with it."""
    answer = await create_account_key(ask)
    assert isinstance(answer, ApiResponse)

    def keep(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        for key_id, secret in commands:
            tx.run("UPDATE api_keys SET name = ? WHERE id = ?", [secret, key_id])
        return commands

    await ask.services.writer.submit(keep, (answer.data.id, answer.data.key))
    return answer


async def promise_release(_ask: ApiRequest) -> ApiResponse:
    """A release is answered, and never done."""
    return ApiResponse(None)


async def top_up_loosely(ask: ApiRequest) -> ApiResponse:
    """The reference of a top-up is lost on the way."""
    ask.body = type(ask.body)(ask.body.amount)
    answer = await top_up(ask)
    assert isinstance(answer, ApiResponse)
    return answer


PLANTED: Final[dict[str, Product]] = {
    "a commit that failed is acknowledged": Product(database=ForgivingDatabase),
    "the log is not synced at a commit": Product(database=UnsyncedDatabase),
    "what a failed batch did is committed": Product(database=HalfwayDatabase),
    "the answer is not stored under its key": Product(open_orders=after_buying(forget_answer)),
    "a replay is charged again": Product(open_orders=after_buying(charge_again)),
    "a purchase is charged twice, under an id of its own": Product(open_orders=after_buying(charge_twice)),
    "a refused purchase keeps the number": Product(open_orders=after_buying(keep_number)),
    "the event of a purchase is missing": Product(open_orders=after_buying(lose_event)),
    "the setup price does not leave the wallet": Product(open_orders=after_buying(charge_without_wallet)),
    "a replay tells another time": Product(open_orders=told_with_another_time),
    "each process keeps balances in its memory": Product(open_orders=wallets_in_memory),
    "a suspended account may buy": Product(open_orders=suspended_may_buy),
    "a key with another body is a replay": Product(open_orders=first_body_wins),
    "a superseded price is honoured for ever": Product(
        open_orders=lambda _, wanted_for: open_orders(4000 * DAY, wanted_for)
    ),
    "a release does not end the rental": Product(
        release_numbers=after_releasing(
            "UPDATE rentals SET state = 'active', released_at = NULL, next_at = renews_at WHERE e164 = ?"
        )
    ),
    "anybody may release a number": Product(release_numbers=anybody_may_release),
    "a released number does not rest": Product(
        release_numbers=after_releasing(
            "UPDATE numbers SET state = 'available', quarantined_until = NULL WHERE e164 = ? AND state = 'quarantined'"
        )
    ),
    "a quarantine ends a day early": Product(instead={clean_up: tidy_early(quarantine=DAY)}),
    "the time of day alone ends what cannot be undone": Product(instead={agree_on_time: believe_the_time_of_day}),
    "answers are forgotten early": Product(instead={clean_up: tidy_early(retention=24)}),
    "a reference does not stop a second top-up": Product(instead={fund_wallets: without_references}),
    "of two top-ups in a batch one is lost": Product(instead={fund_wallets: balance_of_the_first}),
    "former prices are not kept": Product(
        save_listings=lambda now: then(save_listings(now), "DELETE FROM superseded_prices")
    ),
    "pricing anew stops after one step": Product(reprice=lambda now: then(reprice(now), "DELETE FROM repricings")),
    "a label reaches all numbers of the account": Product(instead={label_numbers: label_all_of_them}),
    "a revoked key still works": Product(instead={revoke: revoke_nothing}),
    "a top-up is made and never answered": Product(writer=SilentWriter),
    "an order is noted at another price than was charged": Product(open_orders=after_buying(note_other_price)),
    "another account's order is shown": Product(handlers={order: show_any_order}),
    "the secret of a key is kept": Product(handlers={create_account_key: name_key_by_itself}),
    "a key is looked up once and believed for ever": Product(authenticator=ForgetfulAuthenticator),
    "a release is answered and not done": Product(handlers={release_number: promise_release}),
    "the reference of a top-up is lost": Product(handlers={top_up: top_up_loosely}),
    **OF_CARRIERS,
}
"""Each fault in words, and the product that has it."""


if __name__ == "__main__":
    print_found(PLANTED, Kind.HOURS, sys.argv[1:])
