"""Commands for accounts at carriers: connecting, checking and auditing them, and what audits found.

Touches: files.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.carriers.port import Setup
from numberdesk.carriers.store import find_carriers_named, list_carriers
from numberdesk.catalog.rule_store import list_price_rules
from numberdesk.cli.adoptions import adopt, unadopt
from numberdesk.cli.bars import Bars, bars
from numberdesk.cli.credentials import asked_secrets, check_keepable, fields_of, given_fields, telling_where_secrets_go
from numberdesk.cli.output import REFUSED, fail, note, print_list, print_object, reported
from numberdesk.cli.session import (
    AsJson,
    Limit,
    Yes,
    asking_carriers,
    check_carrier,
    confirm,
    fail_unknown_carrier,
    services,
)
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.findings import FindingState
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.flows.carriers.audit_carriers import AuditReport
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, encrypt_anew, set_up_carriers
from numberdesk.flows.carriers.describe_carriers import describe_carriers, find_idle_carriers
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.flows.connections.seal_connections_anew import SealConnections, seal_connections_anew
from numberdesk.flows.usage.change_feeds import seal_feeds_anew
from numberdesk.flows.webhooks.seal_anew import SealAnew, seal_anew
from numberdesk.infra.private_file import create_private
from numberdesk.infra.vault import new_key
from numberdesk.numbers.carrier_release_store import list_unconfirmed
from numberdesk.views.carriers import (
    CheckView,
    carrier_release_view,
    carrier_view,
    check_view,
    finding_view,
    kind_views,
)
from numberdesk.wiring import Services

carriers = typer.Typer(help="Accounts at carriers that numbers are bought from.", no_args_is_help=True)

_MOST_FINDINGS: Final = 100_000
_FINDING_COLUMNS: Final = ("carrier", "phone_number", "kind", "status", "first_seen_at", "said")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the account is called here")]
CarrierArgument = Annotated[str, typer.Argument(metavar="CARRIER", help="What the account is called here")]
NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="In E.164 form")]

_OPTIONS: Final = {"name": "NAME", "kind": "KIND", "phone_number": "NUMBER"}


@carriers.command("add")
def add(
    name: NameArgument,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Which carrier it is at; see `carriers kinds`")],
    options: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="An option")] = None,
    secrets: Annotated[str | None, typer.Option(metavar="FILE", help="FIELD=VALUE lines; - is standard input")] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--secret-env", metavar="FIELD=VARIABLE", help="A secret in the environment")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Connect an account at a carrier, or change how one is set up."""
    with services(_OPTIONS) as running:
        fields = fields_of(kind)
        given = given_fields(fields, options or (), secrets, variables or ())
        there = bool(running.reader.read_now(lambda tx: find_carriers_named(tx, [name])))
        if not there or not given or "base_url" in given:  # at another address all secrets are given anew
            check_keepable(name, running.vault)
            given |= asked_secrets(fields, given, there=there)
        with telling_where_secrets_go(fields, given):
            _set_up(running, CarrierSetup(name, kind, Setup(given), None, running.now()), as_json=as_json)
        if not there:
            note(f"next: numberdesk carriers check {name}")


@carriers.command("list")
def list_all(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List accounts at carriers and how they stand, by name."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(lambda tx: describe_carriers(tx, running.vault))
        views = [carrier_view(one, running.now()) for one in found]
        columns = ("name", "kind", "status", "open_orders", "parked_orders", "unconfirmed_releases", "open_findings")
        print_list(views, columns, as_json=as_json)
        for view in views:
            if view.problem is not None:
                note(f"{view.name}: {view.problem}")
            if view.orders_refused:
                note(
                    f"{view.name}: it has refused {view.orders_refused} orders for your account there since "
                    f"{view.orders_refused_since}: {view.orders_refused_said}"
                )


@carriers.command("show")
def show(name: NameArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Show one account at a carrier, without its secrets."""
    with services(_OPTIONS) as running:
        _print(running, name, as_json=as_json)


@carriers.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Only these")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Make one harmless request to each carrier and say what is wrong; exit status 1 when anything is."""
    with services(_OPTIONS) as running:
        wanted = list(dict.fromkeys(names)) if names else _all_names(running)
        checked = asking_carriers(running, lambda: _checked(running, wanted))
        if as_json:
            print_list(checked, (), as_json=True)
        else:
            print_list([_in_words(view) for view in checked], ("name", "ok", "said"), as_json=False)
        for view in checked:
            if not running.reader.read_now(lambda tx, name=view.name: list_price_rules(tx, name, limit=1)):  # type: ignore[misc]  # a default in a lambda
                note(f"{view.name}: no price rule, so none of its numbers are offered; see `prices set --carrier`")
    if not all(view.ok for view in checked):
        raise typer.Exit(REFUSED)


@carriers.command("enable")
def enable(name: NameArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Offer and order the numbers of a carrier again."""
    _set_state(name, CarrierState.ACTIVE, as_json=as_json)


@carriers.command("disable")
def disable(name: NameArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Neither offer nor order the numbers of a carrier; what is open or rented goes on."""
    _set_state(name, CarrierState.DISABLED, as_json=as_json)


@carriers.command("audit")
def audit(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Compare what carriers say we own with the books; exit status 1 when they differ, or it could not be finished."""
    with services(_OPTIONS) as running:
        names = _all_names(running) if name is None else [name]
        with bars() as bar:
            reports = asking_carriers(running, lambda: _audited(running, names, bar))
        found = [
            finding
            for each in names
            for finding in running.reader.read_now(
                lambda tx, each=each: list_findings(tx, each, ended=False, limit=_MOST_FINDINGS)  # type: ignore[misc]  # a default in a lambda
            )
        ]
    _tell(reports, found, as_json=as_json)
    finished = not any(report.message or report.unclear for report in reports)
    if not finished or any(finding.state is FindingState.OPEN for finding in found):
        raise typer.Exit(REFUSED)


@carriers.command("findings")
def findings(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this carrier's")] = None,
    ended: Annotated[bool, typer.Option("--all", help="Also those that are over")] = False,  # noqa: FBT002  a flag
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List where carriers' lists of our numbers and the books differ, by carrier and number."""
    with services(_OPTIONS) as running:
        check_carrier(running, name)
        found = running.reader.read_now(lambda tx: list_findings(tx, name, ended=ended, limit=limit))
        print_list([finding_view(finding) for finding in found], _FINDING_COLUMNS, as_json=as_json)


@carriers.command("keep")
def keep(carrier: CarrierArgument, number: NumberArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Say that a finding is right so: it is no longer reported."""
    _resolve(carrier, number, FindingResolution.KEEP, as_json=as_json)


@carriers.command("release")
def release(
    carrier: CarrierArgument,
    number: NumberArgument,
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Give an orphan back to its carrier, having asked; the server or worker tells it until it confirms."""
    with reported():
        confirm(f"{carrier} will take {number} back for good. Whoever uses it loses it. Give it back?", yes=yes)
    _resolve(carrier, number, FindingResolution.RELEASE, as_json=as_json)


@carriers.command("releases")
def releases(limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List numbers that carriers have not confirmed to be back."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(lambda tx: list_unconfirmed(tx, limit=limit))
        columns = ("id", "carrier", "phone_number", "asked_at", "tries", "next_try_at", "said")
        print_list([carrier_release_view(one) for one in found], columns, as_json=as_json)


@carriers.command("kinds")
def kinds(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List the carriers there are, and what an account at each is set up with."""
    views = kind_views()
    if as_json:
        print_list(views, (), as_json=True)
        return
    rows = [
        {
            "kind": view.kind,
            "field": field.name,
            "given as": "secret" if field.secret else "--set",
            "required": "yes" if field.required else "no",
            "meaning": field.meaning,
        }
        for view in views
        for field in view.fields
    ]
    print_list(rows, tuple(rows[0]), as_json=False)


@carriers.command("new-key")
def make_new_key(
    file: Annotated[Path | None, typer.Option("--file", help="Write it to this new file, for its owner alone")] = None,
) -> None:
    """Make a new key for credentials: printed and kept nowhere, or in a file for NUMBERDESK_CREDENTIALS_KEY_FILE."""
    if file is None:
        typer.echo(new_key())
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not create_private(file):
            fail(f"{file} is there already; a key in it may still be needed, so choose another file")
        file.write_text(f"{new_key()}\n")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")


@carriers.command("put-back")
def put_back(carrier: CarrierArgument, number: NumberArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Tell a carrier anew what is wanted of a number that drifted."""
    _resolve(carrier, number, FindingResolution.PUT_BACK, as_json=as_json)


@carriers.command("rotate")
def rotate(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Encrypt credentials, and secrets of webhooks, feeds and connections, anew under the first key that is set."""
    with services(_OPTIONS) as running:
        anew = running.writer.apply(encrypt_anew(running.vault), running.now())
        report = running.writer.apply(seal_anew(running.vault), SealAnew())
        webhooks = report.sealed
        while report.last_id is not None:
            report = running.writer.apply(seal_anew(running.vault), SealAnew(report.last_id))
            webhooks += report.sealed
        feeds = running.writer.apply(seal_feeds_anew(running.vault), 1_000_000)
        print_list([{"name": account.name} for account in anew], ("name",), as_json=as_json)
        note(f"credentials encrypted anew: {len(anew)}")
        if feeds:
            note(f"secrets of feeds encrypted anew: {feeds}")
        if webhooks:
            note(f"secrets of webhooks encrypted anew: {webhooks}")
        connections = _seal_connections(running)
        if connections:
            note(f"secrets of connections encrypted anew: {connections}")


def _seal_connections(running: Services) -> int:
    seal = seal_connections_anew(running.vault)
    report = running.writer.apply(seal, SealConnections())
    sealed = report.sealed
    while report.last_id is not None:
        report = running.writer.apply(seal, SealConnections(report.last_id))
        sealed += report.sealed
    return sealed


def _all_names(running: Services) -> list[str]:
    """All accounts but those with which nothing is left to do: one that was closed fails for ever."""
    idle = running.reader.read_now(find_idle_carriers)
    for name in sorted(idle):
        note(f"{name}: left out, since it is disabled and nothing is left to do with it here; name it to ask it")
    return [account.name for account in running.reader.read_now(list_carriers) if account.name not in idle]


def _set_up(running: Services, command: CarrierSetup, *, as_json: bool) -> None:
    running.writer.apply(set_up_carriers(running.vault, running.egress), command)
    _print(running, command.name, as_json=as_json)


def _set_state(name: str, state: CarrierState, *, as_json: bool) -> None:
    with services(_OPTIONS) as running:
        _set_up(running, CarrierSetup(name, None, Setup({}), state, running.now()), as_json=as_json)


def _print(running: Services, name: str, *, as_json: bool) -> None:
    found = running.reader.read_now(lambda tx: describe_carriers(tx, running.vault, [name]))
    if not found:
        fail_unknown_carrier(name)
    print_object(carrier_view(found[0], running.now()), as_json=as_json)


async def _line(running: Services, name: str) -> CarrierClient:
    line = await running.carriers.client(name)
    if line is None:
        fail_unknown_carrier(name)
    return line


async def _checked(running: Services, names: Sequence[str]) -> list[CheckView]:
    lines = [await _line(running, name) for name in names]
    healths = await asyncio.gather(*(line.check() for line in lines))
    return [check_view(line.name, health) for line, health in zip(lines, healths, strict=True)]


def _in_words(view: CheckView) -> dict[str, Any]:
    facts = ", ".join(f"{name} {value}" for name, value in view.facts.items())
    return {"name": view.name, "ok": "yes" if view.ok else "NO", "said": f"{view.said}{f' ({facts})' if facts else ''}"}


_PHASES: Final = {"list": "reading its list, numbers", "compare": "comparing, numbers", "ask": "asking, numbers"}


def _show(bar: Bars, name: str, phase: str, done: int, of: int) -> None:
    bar(f"{name}: {_PHASES[phase]}", done, of or None)


async def _audited(running: Services, names: Sequence[str], bar: Bars) -> list[AuditReport]:
    reports = []
    for name in names:
        await _line(running, name)
        audit_of = dataclasses.replace(running.audit, progress=partial(_show, bar, name))
        report = await audit_of.run(name)
        if report is not None:
            reports.append(report)
    return reports


def _tell(reports: Sequence[AuditReport], found: Sequence[Finding], *, as_json: bool) -> None:
    print_list([finding_view(finding) for finding in found], _FINDING_COLUMNS, as_json=as_json)
    for report in reports:
        if report.message:
            note(f"{report.carrier}: not finished: {report.message}")
            continue
        differing = len(report.findings) - report.was_here
        note(f"{report.carrier}: {report.owned} numbers at the carrier, {differing} that differ")
        if report.was_here:
            hint = f"numberdesk carriers adopt {report.carrier}, or carriers keep"
            note(f"{report.carrier}: {report.was_here} numbers were here before: adopt or keep them ({hint})")
        for name, count in sorted(report.elsewhere.items()):
            note(f"{report.carrier}: the books have {count} of its numbers under {name}, which are no orphans")
        if report.unclear:
            note(f"{report.carrier}: it did not answer for {report.unclear} rented numbers that its list leaves out")


def _resolve(carrier: str, number: str, resolution: FindingResolution, *, as_json: bool) -> None:
    with services({**_OPTIONS, "kind": "the kind of the finding"}) as running:
        try:
            e164 = parse_e164(number)
        except PhoneError as error:
            raise InvalidRequest("phone_number", str(error)) from None
        serial = running.new_id("rel").removeprefix("rel_")
        command = ResolveFinding(carrier, e164, None, resolution, serial, running.now())
        resolved = running.writer.apply(resolve_findings, command)
        print_object(finding_view(resolved), as_json=as_json)


carriers.command("adopt")(adopt)
carriers.command("unadopt")(unadopt)
