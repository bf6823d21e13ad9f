"""Commands for purchase attempts: listing them, and what a person decides about those that are open.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from numberdesk.cli.output import USAGE, fail, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, Yes, asking_carriers, confirm, services
from numberdesk.flows.purchase.describe_orders import describe_order, describe_orders, describe_parked_orders
from numberdesk.flows.purchase.resolve_orders import OrderResolution, adopt_order, resolve_order
from numberdesk.views.carriers import carrier_order_view
from numberdesk.views.numbers import ShownOrderState
from numberdesk.wiring import Services

orders = typer.Typer(help="Purchase attempts.", no_args_is_help=True)


@orders.command("list")
def list_all_orders(
    status: Annotated[ShownOrderState | None, typer.Option(help="Only those with this status")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="The same as --status pending")] = False,  # noqa: FBT002
    parked: Annotated[bool, typer.Option("--parked", help="Only open ones that wait for a person")] = False,  # noqa: FBT002
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List orders of all accounts, newest first; parked ones oldest first."""
    wanted = ShownOrderState.PENDING if only_open and status is None else status
    if (only_open or parked) and wanted not in {None, ShownOrderState.PENDING}:
        fail("--open and --parked list pending orders only", USAGE)
    with services() as running:
        found = running.reader.read_now(
            lambda tx: (
                describe_parked_orders(tx, limit=limit)
                if parked
                else describe_orders(tx, state=None if wanted is None else wanted.state, limit=limit)
            )
        )
        columns = ("id", "account_name", "phone_number", "carrier", "status", "price", "currency", "created_at")
        print_list([carrier_order_view(order) for order in found], columns, as_json=as_json)


@orders.command("show")
def show_order(
    order_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show one order, and how it stands with its carrier."""
    with services() as running:
        _print_order(running, order_id, as_json=as_json)


@orders.command("adopt")
def adopt(
    order_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Complete an open order with the number that its carrier has for us; the carrier is asked first."""
    _decide(order_id, lambda each: adopt_order(each.reader, each.carriers, each.placement, order_id), as_json=as_json)


@orders.command("void")
def void(
    order_id: Annotated[str, typer.Argument(metavar="ID")],
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Give an open order up: nothing is charged, and the number is free again. Asks first if its carrier took it."""
    with services() as running:
        found = running.reader.read_now(lambda tx: describe_order(tx, order_id))
        at_carrier = None if found is None else found.carrier_order
        if at_carrier is not None and at_carrier.settled_at is None and at_carrier.accepted_at is not None:
            question = (
                f"{at_carrier.carrier} said that it has this order, and may deliver and bill {at_carrier.e164}. "
                "Give it up all the same?"
            )
            confirm(question, yes=yes)
    _resolve(order_id, OrderResolution.VOID, as_json=as_json)


@orders.command("retry")
def retry(
    order_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Look an open order up anew, from the beginning; the server or worker does it within a second or two."""
    _resolve(order_id, OrderResolution.RETRY, as_json=as_json)


def _resolve(order_id: str, report: OrderResolution, *, as_json: bool) -> None:
    _decide(
        order_id,
        lambda each: resolve_order(
            each.writer, each.reader, each.carriers, order_id, report, each.now(), each.order_patience
        ),
        as_json=as_json,
    )


def _decide(order_id: str, story: Callable[[Services], Awaitable[Any]], *, as_json: bool) -> None:
    with services() as running:
        asking_carriers(running, lambda: story(running))
        _print_order(running, order_id, as_json=as_json)


def _print_order(running: Services, order_id: str, *, as_json: bool) -> None:
    found = running.reader.read_now(lambda tx: describe_order(tx, order_id))
    if found is None:
        fail(f"there is no order {order_id!r}")
    print_object(carrier_order_view(found), as_json=as_json)
