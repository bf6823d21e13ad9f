"""Say why a customer sees a number or does not, and may buy it or may not, by the very decision that a purchase takes.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts
from numberdesk.carriers.store import list_carriers
from numberdesk.catalog.rule_store import find_rules
from numberdesk.catalog.search import OfferQuery
from numberdesk.catalog.store import find_country
from numberdesk.core.advice import Advice, hint, problem
from numberdesk.core.errors import Forbidden, InsufficientBalance, NumberNotOffered, NumberTaken, PriceChanged
from numberdesk.core.lifecycle import AccountState, CarrierState, NumberState, OrderState
from numberdesk.core.money import format_micros
from numberdesk.core.pattern import compile_starts_with
from numberdesk.core.prices import Confirmation, Prices
from numberdesk.core.purchase import POOL, Buy, Refusal, Replayed
from numberdesk.flows.catalog.search_offers import OfferSearch
from numberdesk.flows.purchase.open_orders import OrderPreview, preview_orders
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import country_of
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer


class ExplainNumber(NamedTuple):
    """Explain a number to whoever serves an account. `confirmed` are the prices to be tried; None: the current ones."""

    account: Account
    e164: str
    confirmed: Confirmation | None
    now: int


class ExplainedNumber(NamedTuple):
    """Whether a search of the account shows the number, whether a purchase would be taken, at which prices, and why."""

    sees: bool
    may_buy: bool
    carrier: str | None
    prices: Prices | None
    reasons: tuple[Advice, ...]


class _Around(NamedTuple):
    """What may be the cause where nothing is offered. `silent` are the carriers that did not answer the search."""

    active: tuple[str, ...]
    disabled: tuple[str, ...]
    ruled: frozenset[str]
    silent: tuple[str, ...]
    holder: str | None


async def explain_number(
    asked: ExplainNumber, writer: Writer, reader: Reader, search: OfferSearch, quote_lifetime: int
) -> ExplainedNumber:
    """Search as the account would, which asks carriers and keeps what they offer, then decide a purchase on trial."""
    account, e164 = asked.account, asked.e164
    country = await reader.look_up(lambda tx: find_country(tx, e164)) or country_of(e164)
    query = OfferQuery(country, account.currency, page_size=1, starts_with=compile_starts_with(e164))
    page = await search.search(query, account.id)
    preview_of = preview_orders(quote_lifetime)
    preview = await writer.submit(preview_of, _buy(asked, asked.confirmed or Confirmation(0)))
    prices = _prices(preview)
    if asked.confirmed is None and prices is not None:
        preview = await writer.submit(preview_of, _buy(asked, Confirmation(prices.monthly, setup=prices.setup)))
    around = await reader.look_up(lambda tx: _around(tx, preview, page.incomplete))
    return ExplainedNumber(
        sees=bool(page.offers),
        may_buy=not isinstance(preview.decision, Refusal | Replayed),
        carrier=_carrier(preview),
        prices=prices,
        reasons=tuple(_reasons(asked, preview, prices, around)),
    )


def _buy(asked: ExplainNumber, confirmed: Confirmation) -> Buy:
    return Buy(asked.account.id, asked.e164, confirmed, None, "", "ord_trial", asked.now)


def _prices(preview: OrderPreview) -> Prices | None:
    """The prices that hold now: of the books, else those of the carrier's latest offer in the account's currency."""
    if preview.sale_number is not None and not preview.sale_number.is_nobodys:
        return preview.sale_number.prices
    mine = (one.prices for one in preview.offers if one.prices.currency == preview.wallet.currency)
    return next(mine, None)


def _carrier(preview: OrderPreview) -> str | None:
    if preview.sale_number is not None and not preview.sale_number.is_nobodys:
        return preview.sale_number.carrier
    return preview.offers[0].carrier if preview.offers else None


def _around(tx: Tx, preview: OrderPreview, silent: Sequence[str]) -> _Around:
    carriers = list_carriers(tx)
    held = None if preview.sale_number is None else preview.sale_number.account_id
    holders = {} if held is None else find_accounts(tx, [held], lock=False)
    active = tuple(one.name for one in carriers if one.state is CarrierState.ACTIVE)
    return _Around(
        active,
        tuple(one.name for one in carriers if one.state is not CarrierState.ACTIVE),
        frozenset(rule.carrier for rule in find_rules(tx, active) if rule.currency == preview.wallet.currency),
        tuple(name for name in silent if name != POOL),
        None if held is None else holders[held].name,
    )


def _reasons(asked: ExplainNumber, preview: OrderPreview, prices: Prices | None, around: _Around) -> Iterator[Advice]:
    decision = preview.decision
    if isinstance(decision, Replayed):
        has = "rents this number" if decision.order.state is OrderState.COMPLETED else "is ordering this number"
        yield hint("number", f"the account {has}: a purchase is answered by its order {decision.order.id}", "nothing")
    elif isinstance(decision, Refusal):
        causes: dict[type[Exception], Callable[[], Iterator[Advice]]] = {
            Forbidden: lambda: _of_account(asked.account, preview),
            NumberTaken: lambda: _of_holder(preview, around),
            NumberNotOffered: lambda: _not_offered(asked.e164, preview, around),
            PriceChanged: lambda: _of_price(prices),
            InsufficientBalance: lambda: _of_wallet(asked.account, preview, prices),
        }
        yield from causes[type(decision.error)]()
    elif prices is not None:
        yield hint("price", f"{_money(prices.total, prices)} would be charged at once", "nothing")
        if _carrier(preview) != POOL:
            yield hint("carrier", "its carrier is asked only then, and may still refuse", "nothing")


def _of_account(account: Account, preview: OrderPreview) -> Iterator[Advice]:
    if preview.wallet.state is AccountState.CLOSED:
        yield problem("account", "the account is closed", "numberdesk accounts create makes another")
    else:
        yield problem("account", "the account is suspended", f"numberdesk accounts reactivate {account.id}")


def _of_holder(preview: OrderPreview, around: _Around) -> Iterator[Advice]:
    sale_number = preview.sale_number
    claimed = sale_number is not None and sale_number.state is NumberState.CLAIMED
    what = "is being ordered by" if claimed else "is rented by"
    order = "" if sale_number is None else sale_number.order_id
    yield problem("number", f"it {what} {around.holder!r}", f"numberdesk orders show {order}")


def _of_price(prices: Prices | None) -> Iterator[Advice]:
    if prices is not None:
        told = f"{format_micros(prices.monthly)} a month, {format_micros(prices.setup)} setup, {prices.currency}"
        yield problem("price", f"it is not sold at the price that was given, but at {told}", "confirm that price")


def _of_wallet(account: Account, preview: OrderPreview, prices: Prices | None) -> Iterator[Advice]:
    if prices is not None:
        missing = prices.total - preview.wallet.available
        said = f"it costs {_money(prices.total, prices)} at once, {_money(missing, prices)} more than the wallet has"
        yield problem("wallet", said, f"numberdesk wallet top-up {account.id} {format_micros(missing)}")


def _not_offered(e164: str, preview: OrderPreview, around: _Around) -> Iterator[Advice]:
    sale_number = preview.sale_number
    if sale_number is None or sale_number.is_nobodys:
        yield from _of_carriers(e164, around)
        return
    if sale_number.state is NumberState.QUARANTINED:
        yield problem("number", "it was given back and rests (NUMBERDESK_QUARANTINE_DAYS)", "wait")
    elif sale_number.state is NumberState.WITHDRAWN:
        yield problem("number", "it was withdrawn from sale", "numberdesk inventory import a file with it")
    if sale_number.prices is None:
        yield problem(
            "price", "it has no price", f"numberdesk prices set --carrier {sale_number.carrier}, or a price in the file"
        )
    elif sale_number.prices.currency != preview.wallet.currency:
        said = f"it is sold in {sale_number.prices.currency}, and the account pays in {preview.wallet.currency}"
        yield problem("currency", said, "numberdesk prices set, with the account's currency")


def _of_carriers(e164: str, around: _Around) -> Iterator[Advice]:
    """Why nobody offers a number that is not in the books."""
    yield problem("number", f"{e164} is not in the inventory", "numberdesk inventory import, if it is the operator's")
    if not around.active:
        yield hint("carrier", "no carrier is asked for numbers", "numberdesk carriers add, or enable")
    for name in around.active:
        if name in around.silent:
            yield problem("carrier", f"{name} did not answer the search in time", f"numberdesk carriers check {name}")
        elif name not in around.ruled:
            said = f"no price rule sells what {name} offers in the account's currency"
            yield problem("price", said, f"numberdesk prices set --carrier {name} --currency ...")
        else:
            yield hint("carrier", f"{name} does not offer it, or it is on its way back there", "search for another")
    for name in around.disabled:
        yield hint("carrier", f"{name} is disabled, so it is not asked", f"numberdesk carriers enable {name}")


def _money(micros: int, prices: Prices) -> str:
    return f"{format_micros(micros)} {prices.currency}"
