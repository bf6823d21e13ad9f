"""Rented numbers of all accounts, for operators: who rents each, and giving, moving, taking back and restoring it.

Touches: nothing.

What changes who rents a number goes by a confirmation, which says what will happen and what it costs. It names the
rental that it speaks of: where that is another one by the time it is confirmed, nothing is done and it is shown anew.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import phonenumbers
from starlette.responses import Response

from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, listed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError, RentalConflict
from numberdesk.core.money import MoneyError, as_decimal, parse_price
from numberdesk.core.periods import iso_seconds

_ALL: Final = "GET /admin/phone-numbers"
_ONE: Final = "GET /admin/phone-numbers/{number}"
_ACCOUNT: Final = "GET /admin/accounts/{account_id}"
_OFFERS: Final = "GET /phone-numbers/available-numbers/{iso_country}"
_HERE: Final = "/console/all-numbers"
_MOST_NAMES: Final = 10
"""Accounts of a number that are told by name: the latest. Others are told by their ids."""

HELD: Final = ScreenTable(
    _HERE,
    "Rented numbers",
    _ALL,
    (
        Column("Number", "phone_number", "phone", f"{_HERE}/{{phone_number}}"),
        Column("State", "status", "state"),
        Column("Price", "price", "money", unit="currency"),
        Column("Every", "period_every"),
        Column("Unit", "period_unit", "words"),
        Column("Periods", "period", "count"),
        Column("Renews", "renews_at", "time"),
        Column("Ends", "ends_at", "time"),
        Column("Past due since", "past_due_since", "time"),
        Column("Since", "created_at", "time"),
        Column("Account", "account_id", "mono", "/console/accounts/{account_id}"),
    ),
    (
        Filter("Number", "phone_number", form="tel", hint="+13612738809"),
        Filter("Account", "account_id", hint="acc_…"),
    ),
    empty="No rental fits.",
    about="What all accounts rent. Open a number, rented or not, to see who had it, and to give it to somebody else.",
)

INTERVENTIONS: Final = listed(
    ScreenTable(
        "/console/interventions",
        "Interventions",
        "GET /admin/interventions",
        (
            Column("When", "made_at", "time"),
            Column("What", "action", "words"),
            Column("Number", "phone_number", "phone", f"{_HERE}/{{phone_number}}"),
            Column("Why", "reason"),
            Column("Account", "account_id", "mono", "/console/accounts/{account_id}"),
            Column("By", "made_by", "mono"),
            Column("Rental", "rental_id", "mono"),
        ),
        (Filter("Number", "phone_number", form="tel", hint="+13612738809"),),
        empty="No operator has given, moved, taken back or restored a number.",
        about="What operators did with numbers that are rented, and why. The customers were told.",
    )
)


class _Verb(NamedTuple):
    """Something to do with a number: what its confirmation is called, and what its form asks for."""

    title: str
    said: str
    fields: tuple[str, ...]
    digits: bool = False


_VERBS: Final = {
    "assign": _Verb("Assign", "assigned", ("account_id", "reason", "price", "per_minute_price_inbound",
                                           "per_minute_price_outbound", "connection_id")),
    "transfer": _Verb("Transfer", "transferred", ("account_id", "reason", "connection_id"), digits=True),
    "take-back": _Verb("Take back", "taken-back", ("reason",), digits=True),
    "restore": _Verb("Restore", "restored", ("reason",)),
}  # fmt: skip


@screen("GET", "/all-numbers", _ALL)
async def held_numbers(visit: Visit) -> Response:
    """What all accounts rent, or those of one. A number leads to its page."""
    wanted = visit.asked("phone_number")
    if wanted:
        return redirect(f"{_HERE}/{quote(wanted, safe='+')}")
    return show(visit, "table.html", _HERE, HELD.title, table=await load(visit, HELD))


@screen("GET", "/all-numbers/csv", _ALL)
async def held_numbers_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, HELD)


@screen("GET", "/all-numbers/{number}", _ONE)
async def held_number(visit: Visit) -> Response:
    """One number: who rents it, who did, what operators did with it, and what they may do now."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    rentals = [found.rental, *found.rentals] if found.rental else found.rentals
    offered = {verb for verb in _VERBS if visit.may(_endpoint(verb))}
    accounts = (await visit.ask("GET /admin/accounts", query={"page_size": 100})).data if offered else []
    return show(
        visit,
        "held_number.html",
        _HERE,
        found.phone_number,
        number=found,
        names=await _names(visit, [each.account_id for each in rentals]),
        offered=offered & ({"transfer", "take-back"} if found.rental else {"assign", "restore"}),
        accounts=accounts,
    )


def _declare(verb: str, described: _Verb) -> None:
    """Declare the confirmation of something to do with a number, and doing it."""

    @screen("GET", f"/all-numbers/{{number}}/{verb}", _endpoint(verb), _ONE)
    async def confirm(visit: Visit) -> Response:
        visit.form = visit.form or visit.query
        if not visit.form:
            return redirect(f"{_HERE}/{visit.path['number']}")
        try:
            return await _confirmation(visit, verb, described)
        except NumberdeskError as error:
            return await show_again(visit, visit.error or error, held_number)

    @screen("POST", f"/all-numbers/{{number}}/{verb}", _endpoint(verb), _ONE)
    async def do(visit: Visit) -> Response:
        try:
            await _refuse_stale(visit)
            body = {**visit.filled(*described.fields), **({"charge": True} if visit.sent("charge") == "yes" else {})}
            if verb in ("transfer", "take-back") and visit.sent("rental"):
                body["rental_id"] = visit.sent("rental")
            done = Deed("", _endpoint(verb), "", "", digits="number" if described.digits else "")
            await perform(visit, done, body)
        except NumberdeskError as error:
            return await show_again(visit, error, confirm)
        return redirect(f"{_HERE}/{visit.path['number']}?said={described.said}")


async def _confirmation(visit: Visit, verb: str, described: _Verb) -> Response:
    """What will happen, and what it costs; nothing is done by looking."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    last = found.rental or (found.rentals[0] if found.rentals else None)
    wanted = visit.sent("account_id").strip() or (last.account_id if last else "")
    if "account_id" in described.fields and not visit.sent("account_id").strip():
        raise InvalidRequest("account_id", "must be given")
    try:
        account = (await visit.ask(_ACCOUNT, path={"account_id": wanted})).data
        balance = (await visit.ask(f"{_ACCOUNT}/balance", path={"account_id": wanted})).data
    except NotFound:
        raise NotFound("No customer has this account.", {"field": "account_id"}) from None
    policy = (await visit.ask(f"{_ACCOUNT}/rent-policy", path={"account_id": last.account_id})).data if last else None
    visit.path["number"] = found.phone_number
    offered = await _offer(visit, found.phone_number, account.currency) if verb == "assign" else None
    return show(
        visit,
        "intervene.html",
        _HERE,
        f"{described.title} {found.phone_number}",
        verb=verb,
        described=described,
        number=found,
        last=last,
        account=account,
        balance=balance,
        names=await _names(visit, [last.account_id] if last else []),
        price=_typed(visit) if offered is None or _typed(visit) is not None else offered.price,
        offered=offered,
        prorated=policy is not None and policy.proration == "release",
        is_paid=last is not None and last.renews_at > iso_seconds(visit.now),
    )


def _typed(visit: Visit) -> Decimal | None:
    """What a number is to cost, as it was typed. Raises InvalidRequest."""
    typed = visit.sent("price").strip()
    try:
        return as_decimal(parse_price(typed)) if typed else None
    except MoneyError:
        raise InvalidRequest("price", "must be an amount, like 1.15") from None


async def _offer(visit: Visit, number: str, currency: str) -> Any:
    """What a number is offered for; None where that is not known."""
    parsed = phonenumbers.parse(number)
    country = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    if not visit.may(_OFFERS):
        return None
    query = {"starts_with": number, "currency": currency, "page_size": 1}
    try:
        offers = (await visit.ask(_OFFERS, path={"iso_country": country}, query=query)).data
    except NumberdeskError:
        return None
    return next((offer for offer in offers if offer.phone_number == number), None)


async def _refuse_stale(visit: Visit) -> None:
    """Raise RentalConflict where another rental of the number came or went since the confirmation was shown."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    if "rental" in visit.form and visit.sent("rental") != (found.rental.id if found.rental else ""):
        raise RentalConflict("moved", "Somebody else did something with this number meanwhile. Look again.")


async def _names(visit: Visit, account_ids: list[str]) -> dict[str, Any]:
    """The names of some accounts by their ids."""
    latest = list(dict.fromkeys(account_ids))[:_MOST_NAMES]
    return {each: (await visit.ask(_ACCOUNT, path={"account_id": each})).data.name for each in latest}


def _endpoint(verb: str) -> str:
    return f"POST /admin/phone-numbers/{{number}}/{verb}"


for _name, _described in _VERBS.items():
    _declare(_name, _described)
