"""Commands for numbers that stand on an account at a carrier already: adopting them, and taking that back.

Touches: files.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from numberdesk.carriers.adopted_offer_store import AdoptedOffer
from numberdesk.carriers.port import CarrierError
from numberdesk.cli.output import REFUSED, fail, note, print_list, print_object
from numberdesk.cli.session import AsJson, Yes, asking_carriers, confirm, fail_unknown_carrier, services
from numberdesk.core.adoption import AdoptionError, read_lines
from numberdesk.core.interventions import COMMAND_LINE, warrant
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.rental import Rental
from numberdesk.flows.carriers.run_adoption import Adoption, AdoptionReport, Batch, Outcome, owned_numbers
from numberdesk.flows.carriers.undo_adoptions import UndoAdoption, undo_adoptions
from numberdesk.numbers.audited_store import find_held_anywhere
from numberdesk.views.hands import adoption_view, undone_offer_view
from numberdesk.views.rent import any_rental_view
from numberdesk.wiring import Services

_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_SHOWN: Final = 50
_DAY: Final = 86_400_000_000


def adopt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the account at the carrier")],
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.csv", dir_okay=False, help="What each is to be; else listed")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept, and customers are told")] = "adopted",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Adopt the good lines of a file with bad ones")] = False,  # noqa: FBT002
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all of it, adopt nothing")] = False,  # noqa: FBT002
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Make numbers that stand on an account at a carrier rentals of customers, or offer them. Nothing is bought."""
    with services({"from": "--from", "reason": "--reason"}) as running:
        owned = asking_carriers(running, lambda: _owned(running, name))
        if file is None:
            _list_unknown(running, name, owned, as_json=as_json)
            return
        try:
            lines = read_lines(_text(file), running.now())
        except AdoptionError as error:
            fail(f"{file} {error}")

        async def apply(flow: Any, batch: Batch) -> list[Outcome]:
            outcomes: list[Outcome] = running.writer.apply(flow, batch)
            return outcomes

        adoption = Adoption(
            name, owned, apply, running.reader, running.new_id,
            lambda: warrant(running.new_id("itv"), COMMAND_LINE, reason, running.now()),
        )  # fmt: skip
        report = asyncio.run(adoption.run(lines, skip_bad=skip_bad, dry_run=True))
        if not dry_run and (skip_bad or not report.bad) and report.rented + report.offered:
            said = f"{report.rented} numbers become rentals, and are charged from their next period on; "
            confirm(f"{said}{report.offered} are offered. Adopt them?", yes=yes)
            report = asyncio.run(adoption.run(lines, skip_bad=skip_bad, dry_run=False))
    if as_json:
        print_object(adoption_view(report), as_json=True)
    else:
        _say(report, dry_run=dry_run)
    if report.bad and not skip_bad:
        raise typer.Exit(REFUSED)


def unadopt(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number, E.164")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept, and its customer is told")],
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Take an adoption back for which nothing was charged or sold yet; the carrier is told nothing."""
    with services({"reason": "--reason", "phone_number": "NUMBER"}) as running:
        try:
            e164 = parse_e164(number)
        except PhoneError as error:
            fail(f"NUMBER {error}")
        confirm(f"Take {e164} from whoever rents it, or off sale, as if it had never been adopted?", yes=yes)
        why = warrant(running.new_id("itv"), COMMAND_LINE, reason, running.now())
        rest = running.settings.quarantine_days * _DAY
        ended = running.writer.apply(undo_adoptions, UndoAdoption(e164, rest, why))
        if isinstance(ended, AdoptedOffer):
            note(f"{e164} is for sale no more: it is on the account at {ended.carrier}, and nobody's")
            if as_json:
                print_object(undone_offer_view(ended), as_json=True)
            return
        assert isinstance(ended, Rental)  # noqa: S101  a refusal is raised
        print_object(any_rental_view(ended), as_json=as_json)


async def _owned(running: Services, name: str) -> dict[str, str]:
    client = await running.carriers.client(name)
    if client is None:
        fail_unknown_carrier(name)
    try:
        return await owned_numbers(client)
    except CarrierError as error:
        fail(f"{name}: its list of numbers cannot be read: {error}")


def _list_unknown(running: Services, name: str, owned: dict[str, str], *, as_json: bool) -> None:
    """The numbers that nobody has in the books, as the beginning of a file."""
    held = running.reader.read_now(lambda tx: find_held_anywhere(tx, owned))
    unknown = [{"phone_number": e164, "carrier_reference": owned[e164]} for e164 in sorted(owned.keys() - held.keys())]
    print_list(unknown, ("phone_number", "carrier_reference"), as_json=as_json)
    note(f"{name}: {len(owned)} numbers on the account, {len(unknown)} of them nobody's in the books")


def _text(file: Path) -> str:
    try:
        with file.open("rb") as source:
            raw = source.read(_MOST_BYTES + 1)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    if len(raw) > _MOST_BYTES:
        fail(f"{file} has more than {_MOST_BYTES} bytes: split it")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        fail(f"{file} is not in UTF-8")


def _say(report: AdoptionReport, *, dry_run: bool) -> None:
    for one in report.bad[:_MOST_SHOWN]:
        note(f"line {one.line}: {one.e164 or 'no number'}: {one.reason}")
    if len(report.bad) > _MOST_SHOWN:
        note(f"... {len(report.bad)} bad lines in all; --json lists them")
    counts = f"{report.rented} rentals, {report.offered} offered, {report.already} adopted before, "
    counts += f"{len(report.bad)} bad lines"
    if report.saved:
        note(f"adopted: {counts}")
    elif dry_run:
        note(f"nothing adopted, as asked: {counts}")
    elif report.bad:
        note(f"nothing adopted: {counts}; --skip-bad adopts the good")
    else:
        note(f"nothing to adopt: {counts}")
