"""Commands for orders, the audit of the books, and the schema.

Touches: environment.
"""

from __future__ import annotations

from typing import Annotated

import typer

from numberdesk.cli.output import REFUSED, fail, note, print_list, print_object, reported
from numberdesk.cli.session import AsJson, Limit, services
from numberdesk.flows.verify import Verdict, verify
from numberdesk.infra.settings import load_settings
from numberdesk.orders.store import find_orders, list_orders
from numberdesk.views import admin_order_view, verdict_view
from numberdesk.wiring import migrate, revision_of

orders = typer.Typer(help="Purchase attempts.", no_args_is_help=True)
db = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@orders.command("list")
def list_all_orders(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended")] = False,  # noqa: FBT002
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List orders of all accounts, newest first."""
    with services() as running:
        found = running.reader.read_now(lambda tx: list_orders(tx, None, open_only=only_open, limit=limit))
        columns = ("id", "account_id", "phone_number", "carrier", "status", "price", "currency", "created_at")
        print_list([admin_order_view(order) for order in found], columns, as_json=as_json)


@orders.command("show")
def show_order(
    order_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show one order."""
    with services() as running:
        found = running.reader.read_now(lambda tx: find_orders(tx, [order_id])).get(order_id)
        if found is None:
            fail(f"there is no order {order_id!r}")
        print_object(admin_order_view(found), as_json=as_json)


def verify_books(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Check every invariant of the books; exit status 1 when one is broken."""
    with services() as running:
        verdict: Verdict = running.reader.read_now(lambda tx: verify(tx, _progress))
    view = verdict_view(verdict)
    if as_json:
        print_object(view, as_json=True)
    else:
        for broken in view.violations:
            note(f"{broken.invariant} {broken.table} {broken.row}: {broken.message}")
        note("the books are in order" if view.ok else f"{view.violations_total} violations")
    if not view.ok:
        raise typer.Exit(REFUSED)


@db.command("upgrade")
def upgrade_schema() -> None:
    """Bring the database to the schema of this program."""
    with reported():
        note(f"the database is at revision {migrate(load_settings())}")


@db.command("current")
def current_revision(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Print the revision of the database and that of this program."""
    with reported():
        found, wanted = revision_of(load_settings())
        print_object({"database": found, "program": wanted}, as_json=as_json)


def _progress(what: str, done: int, of: int) -> None:
    note(f"[{done}/{of}] {what}")
