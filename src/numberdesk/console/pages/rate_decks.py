"""Rate decks, for operators: bring them in from files, look at them, and let accounts use them.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from numberdesk.console.files import send_file
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_HERE: Final = "/console/rate-decks"
_ALL: Final = "GET /admin/rate-decks"
_IMPORT: Final = "POST /admin/rate-decks/{deck}/import"
_RATES: Final = "GET /admin/rate-decks/{deck}/rates"
_ACCOUNT: Final = "GET /admin/accounts/{account_id}"
_CHOICES: Final = "GET /admin/accounts/{account_id}/rate-decks"
_CHOOSE: Final = "POST /admin/accounts/{account_id}/rate-decks"
_NONE: Final = "none"

DECKS: Final = ScreenTable(
    _HERE,
    "Rate decks",
    _ALL,
    (
        Column("Name", "name", link=f"{_HERE}/{{name}}?at={{effective_from}}"),
        Column("Holds from", "effective_from", "time"),
        Column("Currency", "currency"),
        Column("Prefixes", "prefixes", "count"),
    ),
    (Filter("Name", "name", hint="retail"),),
    empty="No deck yet: calls that customers make cost what stands with the number that they call from.",
    about="What calls cost by the number called, for the accounts that use a deck. One that is brought in takes the "
    "place of the one of its name from then on.",
    new="new/rate_deck.html",
)
RATES: Final = ScreenTable(
    f"{_HERE}/{{deck}}",
    "Rates",
    _RATES,
    (
        Column("Begins with", "prefix", "mono"),
        Column("Rate / min", "rate", "money", unit="currency"),
        Column("Each call", "connect_fee", "money"),
        Column("Billed in seconds", "increments"),
    ),
    (
        Filter("Number called", "number", form="tel", hint="+18095550123"),
        Filter("As it holds at (UTC)", "at", form="datetime-local"),
    ),
    empty="No prefix fits.",
    about="The longest prefix that fits the number called holds.",
)
CHOICES: Final = ScreenTable(
    "/console/accounts/{account_id}/rate-decks",
    "Rate decks of an account",
    _CHOICES,
    (
        Column("From", "effective_from", "time"),
        Column("Deck", "name"),
    ),
    empty="None: calls that it makes cost what stands with the number that they come from.",
    new="new/deck_choice.html",
)


@screen("GET", "/rate-decks", _ALL)
async def rate_decks(visit: Visit) -> Response:
    """All decks, and a form to bring one in."""
    table = await load(visit, DECKS)
    return show(visit, "table.html", _HERE, DECKS.title, table=table, may_change=visit.may(_IMPORT))


@screen("GET", "/rate-decks/csv", _ALL)
async def rate_decks_as_csv(visit: Visit) -> Response:
    """The decks as CSV."""
    return await csv_answer(visit, DECKS)


@screen("POST", "/rate-decks", _IMPORT, reads_form=False)
async def import_rate_deck(visit: Visit) -> Response:
    """Bring a deck in from a file: all of it, or nothing."""
    try:
        sent = await send_file(visit, ("deck", "currency", "effective_from"))
        since = f"{visit.sent('effective_from').strip()}Z" if visit.filled("effective_from") else ""
        query = {"currency": visit.sent("currency").strip(), "effective_from": since}
        path = {"deck": visit.sent("deck").strip()}
        made = (await visit.ask(_IMPORT, path=path, query=query, receive=sent.receive, headers=sent.headers)).data
    except NumberdeskError as error:
        return await show_again(visit, error, rate_decks)
    return redirect(f"{_HERE}/{quote(made.name)}?said=deck&at={quote(made.effective_from)}")


@screen("GET", "/rate-decks/{deck}", _RATES)
async def rate_deck(visit: Visit) -> Response:
    """What is in a deck."""
    table = await load(visit, RATES, visit.path)
    return show(visit, "rate_deck.html", _HERE, visit.path["deck"], table=table)


@screen("GET", "/rate-decks/{deck}/csv", _RATES)
async def rate_deck_as_csv(visit: Visit) -> Response:
    """What is in a deck, as CSV."""
    return await csv_answer(visit, RATES, visit.path)


@screen("GET", "/accounts/{account_id}/rate-decks", _CHOICES, _ACCOUNT, _ALL)
async def decks_of_account(visit: Visit) -> Response:
    """Which decks an account uses, and a form to choose another."""
    account = (await visit.ask(_ACCOUNT, path=visit.path)).data
    known = (await visit.ask(_ALL, query={"page_size": 100})).data
    return show(
        visit,
        "decks_of_account.html",
        "/console/accounts",
        f"Rate decks of {account.name}",
        table=await load(visit, CHOICES, visit.path),
        account=account,
        names=list(dict.fromkeys(each.name for each in known)),
        may_change=visit.may(_CHOOSE),
    )


@screen("GET", "/accounts/{account_id}/rate-decks/csv", _CHOICES)
async def decks_of_account_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, CHOICES, visit.path)


@screen("POST", "/accounts/{account_id}/rate-decks", _CHOOSE)
async def choose_deck(visit: Visit) -> Response:
    """Let an account use a deck, or none, as soon as its notice allows."""
    name = visit.sent("name").strip()
    body: dict[str, Any] = {"none": True} if name == _NONE else {"name": name}
    if visit.filled("effective_from"):
        body["effective_from"] = f"{visit.sent('effective_from').strip()}Z"
    try:
        await visit.ask(_CHOOSE, path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, decks_of_account)
    return redirect(f"/console/accounts/{visit.path['account_id']}/rate-decks?said=deck-chosen")
