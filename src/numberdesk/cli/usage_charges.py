"""Commands about what calls were charged: rate anew, correct, and what they brought in.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from numberdesk.cli.output import fail, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, account_called, amount_of, services
from numberdesk.core.call_reversal import MendedRates
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.rating import RatingError, Rounding, parse_increments, parse_rounding
from numberdesk.flows.usage.months import day_bounds, month_bounds
from numberdesk.flows.usage.rerate_calls import (
    CorrectCall,
    Rerate,
    Rerated,
    checked_reason,
    correct_calls,
    plan_rerate,
    rerate_calls,
)
from numberdesk.flows.usage.set_usage_terms import checked_rate
from numberdesk.infra.db import Tx
from numberdesk.usage.margin_store import list_margins
from numberdesk.views.usage import margin_view
from numberdesk.wiring import Services

_OPTIONS: Final = {"from": "--from", "to": "--to", "reason": "--reason", "seconds": "--seconds", "month": "--month"}
_NOT_ALLOWED: Final = "charges would rise: {count} of them, which needs --allow-raise"
AllowRaise = Annotated[bool, typer.Option("--allow-raise", help="Charges may rise as well")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with each charge that is taken back")]


def rerate(
    *,
    account: Annotated[str, typer.Option(help="Whose calls: the account's id or exact name")],
    since: Annotated[str, typer.Option("--from", metavar="DAY", help="Calls that began on this day of UTC or later")],
    until: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The last day, which is one of them; else today")
    ] = None,
    inbound: Annotated[str | None, typer.Option(help="What a minute costs instead")] = None,
    outbound: Annotated[str | None, typer.Option(help="What a minute costs instead")] = None,
    connect_fee: Annotated[str | None, typer.Option(help="Charged once for an answered call instead")] = None,
    increments: Annotated[str | None, typer.Option(help="Minimum and step in seconds instead")] = None,
    rounding: Annotated[str | None, typer.Option(help="Round charges up, half_up or down instead")] = None,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change")] = False,
    allow_raise: AllowRaise = False,
    as_json: AsJson = False,
) -> None:
    """Take charges back and rate the calls anew, by the books or by what is given; what changes is posted now."""
    with services(_OPTIONS) as running:
        mended = MendedRates(
            _rate(inbound), _rate(outbound), _rate(connect_fee), _increments(increments), _rounding(rounding)
        )
        begin, end = day_bounds("from", since)[0], day_bounds("to", until or iso_seconds(running.now())[:10])[1]
        words = "" if dry_run else checked_reason(reason)
        owner = account_called(running, account).id
        command = Rerate("", owner, begin, end, None, mended, allow_raise, words, running.now())
        planned = _all(running, command, post=False)
        if dry_run or not planned.changed:
            print_object(_shown(planned), as_json=as_json)
            return
        if planned.raised and not allow_raise:
            fail(_NOT_ALLOWED.format(count=planned.raised))
        print_object(_shown(_all(running, command, post=True)), as_json=as_json)


def _all(running: Services, command: Rerate, *, post: bool) -> Rerated:
    """Every batch, one after the other."""
    total = Rerated(0, 0, 0, 0, 0, None)
    while True:
        batch = command._replace(batch_id=running.new_id("bat"), now=running.now(), after=total.last)
        done = running.writer.apply(rerate_calls, batch) if post else running.reader.read_now(_planning(batch))
        total = total.with_more(done)
        if done.last is None:
            return total


def _planning(batch: Rerate) -> Callable[[Tx], Rerated]:
    return lambda tx: plan_rerate(tx, batch)


def _shown(total: Rerated) -> dict[str, Any]:
    return {
        "seen": total.seen,
        "changed": total.changed,
        "raised": total.raised,
        "charged_before": format_micros(total.before),
        "charged_after": format_micros(total.after),
        "difference": format_micros(total.after - total.before),
    }


def correct(
    call: Annotated[str, typer.Argument(metavar="CALL_ID", help="The call's id here, cal_...")],
    seconds: Annotated[int, typer.Option(help="How long it was in truth")],
    reason: Reason,
    allow_raise: AllowRaise = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set the seconds of one call right: its charge is taken back and made anew, at the rate that it had."""
    with services(_OPTIONS) as running:
        command = CorrectCall(running.new_id("bat"), call, seconds, allow_raise, checked_reason(reason), running.now())
        change = running.writer.apply(correct_calls, command)
        if change.after.amount is None:
            note("its length is known now: numberdesk usage parked rate charges it")
        shown = {
            "id": call,
            "seconds": change.after.record.seconds,
            "charged_before": format_micros(change.before.amount or 0),
            "charged_after": format_micros(change.after.amount or 0),
        }
        print_object(shown, as_json=as_json)


def margin(
    month: Annotated[str | None, typer.Option(help="Like 2026-03; this month if left out")] = None,
    account: Annotated[str | None, typer.Option(help="Only calls that this account rented the number for")] = None,
    carrier: Annotated[str | None, typer.Option(help="Only numbers of this carrier, or of pool")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show what calls of each number were charged beside what they cost, for the calls that began in a month."""
    with services(_OPTIONS) as running:
        begin, end = month_bounds(month, running.now())
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(
            lambda tx: list_margins(
                tx, month=begin, until=end, account_id=owner, carrier=carrier, after=None, limit=limit
            )
        )
        columns = ("phone_number", "carrier", "calls", "seconds", "charged", "cost", "margin", "calls_without_cost")
        print_list([margin_view(one) for one in found], columns, as_json=as_json)


def _rate(text: str | None) -> int | None:
    return None if text is None else checked_rate(amount_of(text, "rate"))


def _increments(text: str | None) -> Any:
    try:
        return None if text is None else parse_increments(text)
    except RatingError as error:
        raise InvalidRequest("--increments", str(error)) from None


def _rounding(text: str | None) -> Rounding | None:
    try:
        return None if text is None else parse_rounding(text)
    except RatingError as error:
        raise InvalidRequest("--rounding", str(error)) from None
