"""Years of an account's life, written at once: orders, charges and rentals, of which some have ended."""

from __future__ import annotations

from numberdesk.catalog.store import insert_listings
from numberdesk.core.lifecycle import HoldState, NumberState, OrderState, RentalState
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL, Order, SaleNumber
from numberdesk.core.rental import rental_of
from numberdesk.flows.purchase.order_records import first_charges
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE, Hold, Transfer, wallet_account
from numberdesk.ledger.store import find_wallet, insert_holds, insert_transfers, save_wallets
from numberdesk.numbers.rent_store import insert_rent_charges
from numberdesk.numbers.rental_store import insert_rentals
from numberdesk.numbers.store import save_sale_numbers
from numberdesk.orders.store import insert_orders
from testbed.samples import INBOUND, OUTBOUND, PRICE, listing_of

_PRICES = Prices("USD", PRICE, INBOUND, OUTBOUND, 0)


def e164_of(serial: int) -> str:
    """The number of a purchase, which `serial` (10 digits) tells from all others."""
    return f"+1{serial:010}"


def record_purchases(tx: Tx, account_id: str, first: int, count: int, *, now: int, ended_every: int = 0) -> list[str]:
    """Purchases `first` to `first + count - 1` of an account that has a wallet with enough money.

    Every `ended_every`-th rental has ended, none for 0. Returns the ids of the rentals. The books are in order
    afterwards but for events, which are left out.
    """
    orders = [_order(account_id, serial, now) for serial in range(first, first + count)]
    rentals = [rental_of(order) for order in orders]
    for place in range(ended_every - 1, count, ended_every) if ended_every else ():
        rentals[place] = rentals[place]._replace(
            state=RentalState.RELEASED, released_at=now + 1, updated_at=now + 1, next_at=None
        )
    rented = {rental.e164: rental for rental in rentals if rental.released_at is None}
    insert_orders(tx, orders)
    insert_listings(tx, POOL, [listing_of(order.e164, area_code=order.e164[2:5]) for order in orders], now)
    assigned = [
        SaleNumber(e164, POOL, NumberState.ASSIGNED, _PRICES, account_id, rental.order_id)
        for e164, rental in rented.items()
    ]
    save_sale_numbers(tx, assigned, now)
    insert_holds(tx, [Hold(order.id, account_id, PRICE, HoldState.CAPTURED, now, now) for order in orders])
    _charge(tx, account_id, orders, now)
    insert_rentals(tx, rentals)
    insert_rent_charges(tx, first_charges(rentals))
    return [rental.id for rental in rentals]


def _order(account_id: str, serial: int, now: int) -> Order:
    return Order(
        id=f"ord_{serial:032}",
        account_id=account_id,
        e164=e164_of(serial),
        carrier=POOL,
        state=OrderState.COMPLETED,
        prices=_PRICES,
        created_at=now,
        completed_at=now,
        renews_at=now + 30 * 86_400_000_000,
    )


def _charge(tx: Tx, account_id: str, orders: list[Order], now: int) -> None:
    wallet = find_wallet(tx, account_id)
    assert wallet is not None, "an account without a wallet buys nothing"
    charged = []
    for order in orders:
        wallet = wallet._replace(posted=wallet.posted - PRICE, entries=wallet.entries + 1)
        charged.append(
            Transfer(
                f"trf_{order.id.removeprefix('ord_')}_rental", "rental", wallet_account(account_id), REVENUE["rental"],
                PRICE, "USD", account_id, wallet.entries, wallet.posted, order.id, None, now,
            )
        )  # fmt: skip
    insert_transfers(tx, charged)
    save_wallets(tx, {account_id: wallet})
