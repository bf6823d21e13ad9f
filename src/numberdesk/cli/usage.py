"""Commands for calls: import, sources and terms, what is parked, and what sources say beside each other.

Touches: files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from numberdesk.cli.bars import bars
from numberdesk.cli.call_files import cdrs_in, files_in, mapping_of, records_in, shipped_mappings
from numberdesk.cli.output import REFUSED, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, amount_of, services
from numberdesk.cli.usage_charges import correct, margin, rerate
from numberdesk.cli.usage_feeds import feeds
from numberdesk.core.call_charging import CallTerms, RecordOutcome, RecordResult
from numberdesk.core.call_forms import CallForm
from numberdesk.core.call_record import CallRecord, Direction, SentNames, read_record
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.rating import RatingError, parse_increments
from numberdesk.flows.carriers.describe_carriers import is_carrier
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.usage.compare_sources import MOST_DAYS, compare_sources
from numberdesk.flows.usage.feed_calls import Read, outcomes, read_foreign
from numberdesk.flows.usage.record_calls import MOST_RECORDS, RateParked, RecordCalls, rate_parked, record_calls
from numberdesk.flows.usage.send_calls import TAKEN_ONCE
from numberdesk.flows.usage.set_usage_terms import (
    AppointSource,
    SetRate,
    appoint_sources,
    checked_rate,
    checked_source,
    set_call_terms,
    set_missing_rates,
)
from numberdesk.usage.pull_store import list_pulls
from numberdesk.usage.store import list_parked
from numberdesk.views.usage import parked_call_view, pull_view, source_sum_view
from numberdesk.wiring import Services

usage = typer.Typer(help="Calls and how they are charged.", no_args_is_help=True)
parked = typer.Typer(help="Calls that wait for a person.", no_args_is_help=True)
usage.add_typer(parked, name="parked")
usage.add_typer(feeds, name="feeds")
usage.command("rerate")(rerate)
usage.command("correct")(correct)
usage.command("margin")(margin)

_MOST_SHOWN: Final = 50
_TOLD: Final = {RecordOutcome.CONFLICT, RecordOutcome.REJECTED}
_OPTIONS: Final = {"source": "SOURCE", "phone_number": "NUMBER", "rate": "RATE", "carrier": "CARRIER"}
NumberArgument = Annotated[str, typer.Argument(metavar="NUMBER", help="The number, E.164")]


@usage.command("import")
def import_calls(
    path: Annotated[Path, typer.Argument(metavar="PATH", exists=True, readable=True)],
    source: Annotated[str, typer.Option(help="Who tells of these calls")],
    mapping: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help=f"A mapping file, or {', '.join(shipped_mappings())}")
    ] = None,
    freeswitch: Annotated[  # noqa: FBT002  a flag
        bool, typer.Option("--freeswitch", help="Files of mod_json_cdr's error folder")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Record the calls of a file, or of all files of a folder; what is known already is not charged again."""
    counts: Counter[str] = Counter({outcome.value: 0 for outcome in RecordOutcome})
    with services(_OPTIONS | {"source": "--source", "mapping": "--mapping"}) as running, bars() as bar:
        name = checked_source(source)
        if running.reader.read_now(lambda tx: is_carrier(tx, name)):
            raise InvalidRequest("source", "is a carrier that is connected: its calls are read from its own list")
        read, opened = _reading(mapping, freeswitch=freeswitch)
        shown = 0
        with part_way(Taken("records", TAKEN_ONCE)) as taken:
            for file in files_in(path):
                records = opened(file)
                while batch := list(islice(records, MOST_RECORDS)):
                    now = running.now()
                    results = _record(running, [read(record, name, now) for _, record in batch], now)
                    taken.count += len(results)
                    counts.update(result.outcome.value for result in results)
                    bar(f"recording {file.name}, lines", batch[-1][0], None)
                    for (line, _), result in zip(batch, results, strict=True):
                        if result.outcome in _TOLD and (shown := shown + 1) <= _MOST_SHOWN:
                            note(f"{file.name} line {line}: {result.field} {result.reason}")
    print_object(dict(counts), as_json=as_json)
    if counts[RecordOutcome.CONFLICT] or counts[RecordOutcome.REJECTED]:
        raise typer.Exit(REFUSED)


def _reading(
    mapping: str | None, *, freeswitch: bool
) -> tuple[Callable[[Any, str, int], Read], Callable[[Path], Iterator[tuple[int, Any]]]]:
    """How a record is read, and how the records of a file are found. Raises InvalidRequest."""
    if freeswitch and mapping is not None:
        raise InvalidRequest("mapping", "is not for files of FreeSWITCH, which have a form of their own")
    if freeswitch:
        return partial(read_foreign, CallForm.FREESWITCH, None), cdrs_in
    if mapping is not None:
        read = mapping_of(mapping)
        return partial(read_foreign, CallForm.MAPPING, read), partial(records_in, columns=read.columns)
    names = SentNames()
    return lambda sent, source, now: read_record(names.ours(sent), source, now), records_in


def _record(running: Services, read: Sequence[Read], now: int) -> list[RecordResult]:
    good = tuple(record for record in read if isinstance(record, CallRecord))
    done = running.writer.apply(record_calls, RecordCalls(running.new_id("bat"), good, now)) if good else []
    return outcomes(read, done)


@usage.command("source")
def appoint(
    number: NumberArgument,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Whose records charge from now on")],
) -> None:
    """Appoint the source that charges for a rented number, for calls that begin from now on."""
    with services(_OPTIONS) as running:
        command = AppointSource(_number(number), checked_source(source), running.now())
        running.writer.apply(appoint_sources, command)
        note(f"{source} charges for {number} from now on")


@usage.command("terms")
def terms(
    carrier: Annotated[str, typer.Argument(metavar="CARRIER", help="Whose numbers: pool, or a carrier's name")],
    source: Annotated[str | None, typer.Option(help="Whose records charge where no other was appointed")] = None,
    increments: Annotated[str, typer.Option(help="Minimum and step in seconds")] = "60/60",
    connect_fee: Annotated[str, typer.Option(help="Charged once for an answered call")] = "0",
) -> None:
    """Say how calls of a carrier's numbers are taken: increments and fee hold for rentals that begin from now on."""
    with services(_OPTIONS | {"source": "--source", "connect_fee": "--connect-fee"}) as running:
        try:
            by = parse_increments(increments)
        except RatingError as error:
            raise InvalidRequest("--increments", str(error)) from None
        fee = checked_rate(amount_of(connect_fee, "connect_fee"))
        name = None if source is None else checked_source(source)
        running.writer.apply(set_call_terms, CallTerms(carrier, running.now(), name, fee, *by))
        note(f"calls of {carrier}'s numbers are billed by {by} for rentals that begin from now on")


@parked.command("list")
def list_parked_calls(
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List parked calls, oldest first, each with the reason."""
    with services() as running:
        found = running.reader.read_now(lambda tx: list_parked(tx, after=None, limit=limit))
        columns = ("id", "reason", "source", "call_id", "phone_number", "direction", "started_at", "seconds")
        print_list([parked_call_view(call) for call in found], columns, as_json=as_json)


@parked.command("rate")
def rate(
    number: Annotated[str | None, typer.Option(help="A rented number that has no rate for a direction")] = None,
    direction: Annotated[Direction, typer.Option(help="Which direction")] = Direction.OUTBOUND,
    per_minute: Annotated[str | None, typer.Option("--rate", help="What a minute costs from now on")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Look at parked calls anew and charge those that can be; with --number, set the rate that it lacks first."""
    with services(_OPTIONS | {"phone_number": "--number", "rate": "--rate"}) as running:
        if (number is None) is not (per_minute is None):
            raise InvalidRequest("phone_number", "and --rate belong together")
        if number is not None and per_minute is not None:
            price = checked_rate(amount_of(per_minute, "rate"))
            running.writer.apply(set_missing_rates, SetRate(_number(number), direction, price, running.now()))
        seen = rated = 0
        after: str | None = None
        while True:
            done = running.writer.apply(rate_parked, RateParked(running.new_id("bat"), after, running.now()))
            seen, rated, after = seen + done.seen, rated + done.rated, done.last
            if after is None:
                break
        print_object({"seen": seen, "rated": rated, "parked": seen - rated}, as_json=as_json)


@usage.command("pulls")
def pulls(
    all_days: Annotated[bool, typer.Option("--all", help="Days that are done too")] = False,  # noqa: FBT002  a flag
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List the days whose calls are read from carriers that list them, the latest first."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(lambda tx: list_pulls(tx, ended=all_days, limit=limit))
        columns = ("carrier", "day", "listed", "read_at", "next_at", "message")
        print_list([pull_view(pull) for pull in found], columns, as_json=as_json)


@usage.command("reconcile")
def reconcile(
    number: Annotated[str | None, typer.Option(help="Only this number")] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="So many days of UTC, today's included")] = 7,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show what each source told of each number and day beside what was charged."""
    with services(_OPTIONS | {"phone_number": "--number"}) as running:
        e164, now = None if number is None else _number(number), running.now()
        found = running.reader.read_now(lambda tx: compare_sources(tx, now, days, e164=e164, limit=limit, most=None))
        columns = ("day", "phone_number", "source", "status", "calls", "seconds", "minutes", "amount")
        print_list([source_sum_view(one) for one in found], columns, as_json=as_json)


def _number(text: str) -> str:
    try:
        return parse_e164(text)
    except PhoneError as error:
        raise InvalidRequest("phone_number", str(error)) from None
