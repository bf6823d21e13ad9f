"""Commands for rented numbers of any account: who has them, where their calls go; give, move, take back, restore.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from numberdesk.accounts.intervention_store import list_interventions
from numberdesk.cli.output import fail, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, Yes, amount_of, confirm, customer_called, services
from numberdesk.core.interventions import COMMAND_LINE, Warrant, warrant
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.diagnose_numbers import number_connection
from numberdesk.flows.rentals.assign_numbers import Assign, assign_numbers, given_prices
from numberdesk.flows.rentals.describe_numbers import RENTAL_ID, describe_named
from numberdesk.flows.rentals.restore_rentals import Restore, restore_rentals
from numberdesk.flows.rentals.take_back_numbers import TakeBack
from numberdesk.flows.rentals.transfer_numbers import NumberTransfer, transfer_numbers
from numberdesk.flows.settings.want_settings import SetSettings, find_number_settings, want_settings
from numberdesk.numbers.rent_store import list_live_rentals
from numberdesk.views.connections import number_connection_view
from numberdesk.views.hands import held_number_view, intervention_view
from numberdesk.views.rent import any_rental_view
from numberdesk.views.settings import number_settings_view
from numberdesk.wiring import Services

numbers = typer.Typer(help="Rented numbers of any account.", no_args_is_help=True)

_COLUMNS: Final = ("phone_number", "account_id", "id", "status", "price", "currency", "renews_at")
_INTERVENTION_COLUMNS: Final = ("made_at", "action", "phone_number", "account_id", "made_by", "reason")
_OPTIONS: Final = {
    "account_id": "ACCOUNT",
    "connection_id": "--connection",
    "price": "--price",
    "per_minute_price_inbound": "--inbound",
    "per_minute_price_outbound": "--outbound",
    "reason": "--reason",
}

NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="The number, E.164")]
NumberOrRental = Annotated[str, typer.Argument(metavar="NUMBER", help="The number, E.164, or the id of a rental")]
AccountGiven = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who gets it: id or exact name")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept, and its customer is told")]
ConnectionOption = Annotated[str | None, typer.Option("--connection", help="Where its calls are to go; else nowhere")]
RentalOption = Annotated[str | None, typer.Option("--rental", help="Only this rental, by its id; else whichever it is")]
RateOption = Annotated[str | None, typer.Option(help="Per minute; left out, as the number is offered")]


@numbers.command("list")
def list_numbers(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this account's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List the numbers that are rented, and by whom, the oldest rental first."""
    with services() as running:
        owner = None if account is None else customer_called(running, account).id
        found = running.reader.read_now(
            lambda tx: list_live_rentals(tx, past_due=False, parked=False, account_id=owner, limit=limit)
        )
        print_list([any_rental_view(rental) for rental in found], _COLUMNS, as_json=as_json)


@numbers.command("show")
def show(number: NumberOrRental, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Show who rents a number, who did, and what operators did with it."""
    with services() as running:
        named = number if number.startswith(RENTAL_ID) else _e164(number)
        found = running.reader.read_now(lambda tx: describe_named(tx, named))
        if found is None:
            fail(f"the books never had {named}")
        print_object(held_number_view(found), as_json=as_json)


@numbers.command("interventions")
def list_deeds(
    number: Annotated[str | None, typer.Argument(metavar="[NUMBER]", help="Only this number's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List what operators did with numbers: who, when and why, the latest first."""
    with services() as running:
        e164 = None if number is None else _e164(number)
        found = running.reader.read_now(lambda tx: list_interventions(tx, e164=e164, limit=limit))
        print_list([intervention_view(intervention) for intervention in found], _INTERVENTION_COLUMNS, as_json=as_json)


@numbers.command("connect")
def connect(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who rents the number: id or exact name")],
    number: NumberArgument,
    connection_id: Annotated[str | None, typer.Argument(metavar="[CONNECTION_ID]", help="Left out: to nothing")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Connect a rented number, or disconnect it. Its carrier is told by the worker."""
    with services(_OPTIONS) as running:
        owner = customer_called(running, account).id
        e164 = _e164(number)
        rental = running.writer.apply(assign_connections, Assignment(owner, e164, connection_id, running.now()))
        found = running.reader.read_now(lambda tx: number_connection(tx, rental))
        print_object(number_connection_view(found), as_json=as_json)
        if found.row is not None and found.row.next_at is not None:
            note("its carrier is told by the worker: numberdesk serve, or numberdesk worker")


@numbers.command("settings")
def settings(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who rents the number: id or exact name")],
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number, E.164")],
    emergency_address: Annotated[str | None, typer.Option(help="The carrier's id of an address; '' for none")] = None,
    caller_name: Annotated[str | None, typer.Option(help="What is shown to who is called; '' for none")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set emergency address and caller name of a rented number; alone, show them."""
    with services(_OPTIONS) as running:
        owner = customer_called(running, account).id
        try:
            e164 = parse_e164(number)
        except PhoneError as error:
            fail(f"NUMBER {error}")
        if emergency_address is None and caller_name is None:
            found = running.reader.read_now(lambda tx: find_number_settings(tx, owner, e164, None))
            if found is None:
                fail("this account does not rent this number")
        else:
            command = SetSettings(owner, e164, running.now(), emergency_address, caller_name, by_operator=True)
            found = running.writer.apply(want_settings, command)
        print_object(number_settings_view(found, to_operator=True), as_json=as_json)


@numbers.command("assign")
def assign(
    number: NumberArgument,
    account: AccountGiven,
    reason: ReasonOption,
    price: Annotated[str | None, typer.Option(help="What a period costs; left out, as the number is offered")] = None,
    inbound: RateOption = None,
    outbound: RateOption = None,
    charge: Annotated[bool, typer.Option("--charge", help="Have the first period paid; else it is waived")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Give a number of the own pool to an account without its buying it."""
    with services(_OPTIONS) as running:
        owner, e164 = customer_called(running, account).id, _e164(number)
        fields = ("price", "per_minute_price_inbound", "per_minute_price_outbound")
        said = [
            None if text is None else amount_of(text, field)
            for text, field in zip((price, inbound, outbound), fields, strict=True)
        ]
        order_id, why = running.new_id("ord"), _warrant(running, reason)
        command = Assign(owner, e164, given_prices(*said), charge, None, order_id, why)
        _print(running.writer.apply(assign_numbers, command), as_json=as_json)


@numbers.command("transfer")
def transfer(
    number: NumberArgument,
    account: AccountGiven,
    reason: ReasonOption,
    connection: ConnectionOption = None,
    rental: RentalOption = None,
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Move a rented number to another account, with its anchor and the period that is paid."""
    with services(_OPTIONS) as running:
        owner, e164 = customer_called(running, account), _e164(number)
        confirm(f"Move {e164} to {owner.name}? Its calls no longer go where they went.", yes=yes)
        why, usual = _warrant(running, reason), running.rent_terms
        command = NumberTransfer(e164, owner.id, connection, running.new_id("ord"), why, usual, rental)
        _print(running.writer.apply(transfer_numbers, command), as_json=as_json)


@numbers.command("release")
def release(
    number: NumberArgument,
    reason: ReasonOption,
    rental: RentalOption = None,
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Take a rented number back from its account; it can be restored until its carrier is told, or its rest is over."""
    with services(_OPTIONS) as running:
        e164 = _e164(number)
        confirm(f"Take {e164} back from whoever rents it? Its calls stop.", yes=yes)
        _print(
            running.writer.apply(running.take_back, TakeBack(e164, _warrant(running, reason), rental)), as_json=as_json
        )


@numbers.command("restore")
def restore(
    number: NumberArgument,
    reason: ReasonOption,
    rental: RentalOption = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let the rental of a number that ended last go on, as if it had not ended."""
    with services(_OPTIONS) as running:
        command = Restore(_e164(number), running.new_id("ord"), _warrant(running, reason), rental)
        _print(running.writer.apply(restore_rentals, command), as_json=as_json)


def _warrant(running: Services, reason: str) -> Warrant:
    return warrant(running.new_id("itv"), COMMAND_LINE, reason, running.now())


def _e164(number: str) -> str:
    try:
        return parse_e164(number)
    except PhoneError as error:
        fail(f"NUMBER {error}")


def _print(outcome: Any, *, as_json: bool) -> None:
    assert isinstance(outcome, Rental)  # noqa: S101  a refusal is raised
    print_object(any_rental_view(outcome), as_json=as_json)
