"""The command that says why a customer sees a number, or may not buy it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.cli.output import REFUSED, print_object, say
from numberdesk.cli.session import AsJson, amount_of, asking_carriers, customer_called, services
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.prices import Confirmation
from numberdesk.flows.purchase.explain_number import ExplainNumber, explain_number
from numberdesk.views.doctor import explained_view

_OPTIONS: Final = {"phone_number": "NUMBER", "price": "--price"}


def explain(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="In E.164, like +13612738809")],
    account: Annotated[str, typer.Option(help="The customer, by id or exact name")],
    price: Annotated[str | None, typer.Option(help="A monthly price to try; the current one unless given")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Say why a customer sees a number or not, and may buy it or not; exit status 1 when it may not."""
    with services(_OPTIONS) as running:
        try:
            e164 = parse_e164(number)
        except PhoneError as error:
            raise InvalidRequest("phone_number", str(error)) from None
        confirmed = None if price is None else Confirmation(amount_of(price, "price"))
        asked = ExplainNumber(customer_called(running, account), e164, confirmed, running.now())
        found = asking_carriers(
            running,
            lambda: explain_number(asked, running.writer, running.reader, running.offer_search, running.quote_lifetime),
        )
        view = explained_view(asked, found)
        if as_json:
            print_object(view, as_json=True)
        else:
            fields = {name: getattr(view, name) for name in view.__struct_fields__ if name != "reasons"}
            print_object(fields, as_json=False)
            for one in view.reasons:
                say(f"\n{one.subject}: {one.message}\n  {one.action}")
        if not view.may_buy:
            raise typer.Exit(REFUSED)
