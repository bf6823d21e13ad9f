"""Commands for rent: what is due now, what became of a rental's periods, and what a person decides about it.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from numberdesk.cli.output import USAGE, fail, note, print_list, print_object
from numberdesk.cli.rent_policies import policies
from numberdesk.cli.session import AsJson, Limit, amount_of, customer_called, services
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.rental import Rental
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.rentals.announce_by_rule import ANNOUNCED_ONCE, AnnounceByRule, announce_by_rule
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.renew_rentals import renewals
from numberdesk.flows.rentals.resolve_rent import resume_rentals, waive_rent, waiver
from numberdesk.infra.due_work import DueWorker
from numberdesk.numbers.model import RentedFilter
from numberdesk.numbers.rent_store import find_rental, list_live_rentals, list_rent_charges
from numberdesk.numbers.store import list_rented
from numberdesk.views.rent import RentPriceView, any_rental_view, rent_charge_view, rent_price_view
from numberdesk.wiring import Services

rent = typer.Typer(help="Rent of numbers, period by period.", no_args_is_help=True)
rentals = typer.Typer(help="Rented numbers of all accounts.", no_args_is_help=True)

rent.add_typer(policies, name="policy")

_RentalId = Annotated[str, typer.Argument(metavar="RENTAL", help="The rental's id")]
_PAGE = 1000


@rent.command("run")
def run_rent(
    rental_id: Annotated[str | None, typer.Argument(metavar="[RENTAL]", help="Let a parked rental go on first")] = None,
    trust_clock: Annotated[bool, typer.Option("--trust-clock", help="The time of day is right")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Renew what is due now; a running server or worker does it by itself."""
    with services() as running:
        if rental_id is not None:
            running.writer.apply(resume_rentals, rental_id)
        running.writer.start()
        print_object(asyncio.run(_renewed(running, trust_clock=trust_clock)), as_json=as_json)


async def _renewed(running: Services, *, trust_clock: bool) -> dict[str, int]:
    now = running.now()
    past = await running.agreed_clock.surely_past()
    if past < now and not trust_clock:
        note("numberdesk: the time of day is not sure, so what began lately waits; say --trust-clock if it is right")

    async def judged_by() -> int:
        return now if trust_clock else past

    worker = DueWorker(
        renewals(running.writer, running.renew_rentals, running.now, judged_by),
        running.writer,
        running.reader,
        now=running.now,
    )
    while await worker.run_once():
        note(f"looked at {worker.figures.taken_up} rentals")
    figures = worker.figures
    names = ("taken_up", "done", "retried", "parked", "lease_lost", "failed")
    return {name: getattr(figures, name) for name in names}


@rent.command("list")
def list_rent(
    rental_id: _RentalId,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List what became of the periods of a rental, the last one first."""
    with services() as running:
        rental = _rental(running, rental_id)
        found = running.reader.read_now(lambda tx: list_rent_charges(tx, rental.account_id, rental.id, limit=limit))
        columns = ("period", "begins_at", "status", "amount", "currency", "transfer_id", "waived_by", "reason")
        print_list([rent_charge_view(rental, charge) for charge in found], columns, as_json=as_json)


@rent.command("waive")
def waive(
    rental_id: _RentalId,
    reason: Annotated[str, typer.Option(help="Why it is not charged")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Do not charge the period of a rental that has begun and is not paid."""
    with services({"rental": "RENTAL"}) as running:
        waived = running.writer.apply(waive_rent, waiver(rental_id, "command line", reason, running.now()))
        assert isinstance(waived, Rental)  # noqa: S101  a refusal is raised
        print_object(any_rental_view(waived), as_json=as_json)


@rentals.command("list")
def list_rentals(
    past_due: Annotated[bool, typer.Option("--past-due", help="Only those that are not paid")] = False,  # noqa: FBT002
    parked: Annotated[bool, typer.Option("--parked", help="Only those that wait for a person")] = False,  # noqa: FBT002
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List rentals of all accounts that go on, oldest first."""
    with services() as running:
        found = running.reader.read_now(lambda tx: list_live_rentals(tx, past_due=past_due, parked=parked, limit=limit))
        columns = (
            "id", "account_id", "phone_number", "status", "price", "currency", "renews_at", "past_due_since", "said",
        )  # fmt: skip
        print_list([any_rental_view(rental) for rental in found], columns, as_json=as_json)


@rentals.command("reprice")
def reprice(
    price: Annotated[str | None, typer.Option(help="What a period costs then; with --rule what it says")] = None,
    rental: Annotated[str | None, typer.Option(help="The id of one rental")] = None,
    account: Annotated[str | None, typer.Option(help="All rentals of an account, by its id or name")] = None,
    rule: Annotated[str | None, typer.Option(help="All that a price rule covers, by its id")] = None,
    inbound: Annotated[str | None, typer.Option(help="Price per minute inbound; as it is when left out")] = None,
    outbound: Annotated[str | None, typer.Option(help="Price per minute outbound; as it is when left out")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Announce other prices, from the first period on that begins after the notice; customers are told at once."""
    if [rental, account, rule].count(None) != 2:  # noqa: PLR2004  one of three
        fail("say --rental, --account or --rule", USAGE)
    if price is None and (rule is None or inbound is not None or outbound is not None):
        fail("say --price, or --rule alone", USAGE)
    options = {"price": "--price", "per_minute_price_inbound": "--inbound", "per_minute_price_outbound": "--outbound"}
    with services(options) as running:
        amounts = [
            None if typed is None else amount_of(typed, field)
            for typed, field in zip((price, inbound, outbound), options, strict=True)
        ]
        if rule is not None:
            made = _announced_by_rule(running, rule, *amounts)
        else:
            ids = [rental] if rental is not None else _rentals_of(running, account or "")
            made = _announced(running, ids, *amounts)
        columns = tuple(RentPriceView.__struct_fields__)
        print_list(made, columns, as_json=as_json)


def _announced(
    running: Services, ids: Sequence[str], price: int | None, inbound: int | None, outbound: int | None
) -> list[RentPriceView]:
    made = []
    with part_way(Taken("rentals", ANNOUNCED_ONCE, len(ids))) as taken:
        for rental_id in ids:
            asked = announcement(rental_id, price or 0, inbound, outbound, now=running.now(), usual=running.rent_terms)
            outcome = running.writer.apply(announce_prices, asked)
            taken.count += 1
            if not isinstance(outcome, NumberdeskError):
                made.append(rent_price_view(outcome))
    return made


def _announced_by_rule(
    running: Services, rule: str, price: int | None, inbound: int | None, outbound: int | None
) -> list[RentPriceView]:
    """Stretch by stretch; what cannot be announced is told, and the others are."""
    if price is not None:
        announcement("", price, inbound, outbound, now=running.now(), usual=running.rent_terms)
    made: list[RentPriceView] = []
    after: str | None = ""
    looked = 0
    with part_way(Taken("rentals", ANNOUNCED_ONCE)) as taken:
        while after is not None:
            asked = AnnounceByRule(rule, after, price, inbound, outbound, running.now(), running.rent_terms)
            stretch = running.writer.apply(announce_by_rule, asked)
            assert not isinstance(stretch, NumberdeskError)  # noqa: S101  a refusal is raised
            looked, after = looked + stretch.looked, stretch.last
            taken.count = looked
            made += [rent_price_view(one) for one in stretch.made]
            for rental_id, error in stretch.refused:
                note(f"numberdesk: {rental_id}: {error.message}")
            if after is not None:
                note(f"looked at {looked} rentals, announced prices of {len(made)}")
    return made


def _rental(running: Services, rental_id: str) -> Rental:
    found = running.reader.read_now(lambda tx: find_rental(tx, rental_id))
    if found is None:
        fail(f"there is no rental {rental_id!r}")
    return found


def _rentals_of(running: Services, named: str) -> list[str]:
    """All live rentals of an account, read page by page."""
    account_id, ids = customer_called(running, named).id, list[str]()
    asked = RentedFilter(live=True)
    before: str | None = None
    while True:
        found = running.reader.read_now(
            partial(list_rented, account_id=account_id, asked=asked, before_id=before, limit=_PAGE)
        )
        ids += [one.rental.id for one in found.items]
        if len(found.items) < _PAGE:
            return ids
        before = ids[-1]
