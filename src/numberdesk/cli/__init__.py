"""The command line: starts the other entry points, and the operator's commands.

Touches: nothing.
"""

from __future__ import annotations

import typer

from numberdesk.cli.accounts import accounts
from numberdesk.cli.carrier_sim import carrier_sim
from numberdesk.cli.carriers import carriers
from numberdesk.cli.db import db
from numberdesk.cli.inventory import inventory
from numberdesk.cli.keys import keys
from numberdesk.cli.operators import operators
from numberdesk.cli.orders import orders
from numberdesk.cli.prices import prices
from numberdesk.cli.rent import rent, rentals
from numberdesk.cli.serve import serve, work
from numberdesk.cli.statements import statements
from numberdesk.cli.usage import usage
from numberdesk.cli.verify import verify_books
from numberdesk.cli.wallet import wallet
from numberdesk.cli.webhooks import webhooks

app = typer.Typer(
    name="numberdesk",
    help="Numberdesk sells and rents phone numbers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve)
app.command("worker")(work)
app.command("verify")(verify_books)
app.command("carrier-sim")(carrier_sim)
app.add_typer(db, name="db")
app.add_typer(accounts, name="accounts")
app.add_typer(operators, name="operators")
app.add_typer(keys, name="keys")
app.add_typer(wallet, name="wallet")
app.add_typer(statements, name="statements")
app.add_typer(inventory, name="inventory")
app.add_typer(prices, name="prices")
app.add_typer(orders, name="orders")
app.add_typer(rent, name="rent")
app.add_typer(rentals, name="rentals")
app.add_typer(usage, name="usage")
app.add_typer(carriers, name="carriers")
app.add_typer(webhooks, name="webhooks")


def main() -> None:
    """Run a command."""
    app()
