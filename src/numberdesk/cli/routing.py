"""Commands for servers that ask where calls go: what they keep for the time in which nobody answers.

Touches: database, environment.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

import typer

from numberdesk.accounts.store import find_accounts
from numberdesk.cli.output import note
from numberdesk.cli.session import customer_called, services
from numberdesk.connections.store import list_connected_rentals
from numberdesk.core.call_route import RoutedCall
from numberdesk.core.lifecycle import AccountState
from numberdesk.flows.routing.route_calls import routed_to
from numberdesk.infra.db import Tx
from numberdesk.views.call_routes import KAMAILIO_COLUMNS, export_freeswitch, export_kamailio
from numberdesk.wiring import Services

routing = typer.Typer(help="Where calls to rented numbers go.", no_args_is_help=True)

_PAGE: Final = 1000
_COLUMNS: Final = ("phone_number", "account_id", "rental_id", "priority", "weight", "uri", "timeout_seconds")


class ExportFormat(StrEnum):
    """What the routes are written for."""

    KAMAILIO = "kamailio-htable"
    FREESWITCH = "freeswitch"
    CSV = "csv"


@routing.command("export")
def export_routes(
    form: Annotated[ExportFormat, typer.Option("--format", help="What the routes are written for")],
    account: Annotated[str | None, typer.Option(help="Only numbers of this account: its name or id")] = None,
    profile: Annotated[str, typer.Option(help="FreeSWITCH: the profile that calls leave by")] = "external",
) -> None:
    """Write where the calls of all rented numbers go, for a server to keep.

    Numbers that are connected to no SIP address, and those of suspended accounts, are left out.
    """
    with services() as running:
        whose = None if account is None else customer_called(running, account).id
        writer = _WRITERS[form]
        written = writer(_pages(running, whose), profile)
    note(f"{written:,} {'number' if written == 1 else 'numbers'}")


def _pages(running: Services, account_id: str | None) -> Iterator[list[RoutedCall]]:
    after = ""
    while True:
        page, last = running.reader.read_now(partial(_page, account_id, after))
        yield page
        if last is None:
            return
        after = last


def _page(account_id: str | None, after: str, tx: Tx) -> tuple[list[RoutedCall], str | None]:
    found = list_connected_rentals(tx, after_e164=after, limit=_PAGE)
    owners = find_accounts(tx, {one.account_id for one in found}, lock=False)
    routed = [
        call
        for one in found
        if account_id in (None, one.account_id)
        and owners[one.account_id].state is AccountState.ACTIVE
        and (call := routed_to(one, 0)) is not None
        and call.legs
    ]
    return routed, found[-1].e164 if len(found) == _PAGE else None


def _write_csv(pages: Iterator[Sequence[RoutedCall]], _profile: str) -> int:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(_COLUMNS)
    written = 0
    for page in pages:
        written += len(page)
        for one in page:
            for uri, target in one.legs:
                named = (one.e164, one.account_id, one.rental_id)
                rows.writerow((*named, target.priority, target.weight, uri, target.timeout_seconds))
    return written


def _write_kamailio(pages: Iterator[Sequence[RoutedCall]], _profile: str) -> int:
    return _write_lines(pages, KAMAILIO_COLUMNS, export_kamailio, "")


def _write_freeswitch(pages: Iterator[Sequence[RoutedCall]], profile: str) -> int:
    return _write_lines(pages, "<include>", lambda page: export_freeswitch(page, profile), "</include>")


def _write_lines(
    pages: Iterator[Sequence[RoutedCall]], first: str, lines_of: Callable[[Sequence[RoutedCall]], list[str]], last: str
) -> int:
    sys.stdout.write(f"{first}\n")
    written = 0
    for page in pages:
        written += len(page)
        sys.stdout.writelines(f"{line}\n" for line in lines_of(page))
    if last:
        sys.stdout.write(f"{last}\n")
    return written


_WRITERS: Final[dict[ExportFormat, Callable[[Iterator[Sequence[RoutedCall]], str], int]]] = {
    ExportFormat.KAMAILIO: _write_kamailio,
    ExportFormat.FREESWITCH: _write_freeswitch,
    ExportFormat.CSV: _write_csv,
}
