"""What pages there are: each declares its path, the endpoints that it asks, and how it answers.

Touches: nothing.

From these declarations come the routes, the menu, and the tests that try every page with every set of rights.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from numberdesk.accounts.model import Caller
from numberdesk.api.errors import STATUSES
from numberdesk.console.kept_forms import name_in_forms
from numberdesk.console.paths import filled
from numberdesk.console.rendering import page_of, redirect, render
from numberdesk.console.tables import ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit, may
from numberdesk.core.errors import InvalidRequest, NumberdeskError

Shower = Callable[[Visit], Awaitable[Response]]
"""Answers a visit. Raises what the endpoints raise that it asks."""

ROOT: Final = "/console"

SAID: Final = {
    "saved": "Saved.",
    "created": "Created.",
    "released": "The number was given back.",
    "ending": "The number will be given back when its paid month ends.",
    "revoked": "The key was revoked. It stops working within a second.",
    "person-changed": "Saved. It holds from the next click on.",
    "erased": "The person was erased. What they did stays under their id, and the email may be invited again.",
    "erased-but-keys": "The person was erased. Keys that they made go on: revoke them under API keys.",
    "deck": "The deck is there. Accounts that use decks of its name use it from when it holds.",
    "deck-chosen": "Chosen. The customer was told.",
    "announced": "Announced. The customer was told; the rental keeps its prices until the notice is over.",
    "unadopted": "The adoption was taken back. The carrier keeps the number for you.",
    "replaying": "Events whose delivery failed are being sent again, up to a thousand. Look again for more.",
    "closed": "The account is closed.",
    "session-ended": "The session was ended.",
    "sessions-ended": "All your other sessions were ended.",
    "password": "Your password was changed, and all your other sessions were ended.",
    "passkey-added": "The passkey was added: you can sign in by it from now on.",
    "passkey-removed": "The passkey was removed, and all your other sessions were ended.",
    "replayed": "The event is being sent again.",
    "deleted": "Deleted.",
    "topped-up": "The money is in the wallet.",
    "adjusted": "The balance was corrected.",
    "priced": "The rule is set. Its numbers are priced anew within seconds.",
    "removed": "Removed.",
    "kept": "Kept: the finding is closed, and the number stays as it is.",
    "given-back": "The carrier is told to take the number back.",
    "adopted": "The order was completed with the number that its carrier has for us.",
    "voided": "The order was given up. Nothing was charged.",
    "retried": "The carrier is asked about the order anew.",
    "waived": "The period was waived.",
    "rated": "Calls that waited were charged. Those that are left lack something yet.",
    "none-rated": "Looked at anew: no call can be charged yet.",
    "rung": "The number was called.",
    "calm": "The simulated carriers answer again.",
    "audit": "The carrier's list is being compared with the books.",
    "yours": "This number is yours already. Nothing more was charged.",
    "bought": "The number is yours.",
    "connection": "The connection is there. Do what remains at the other side, test it, and connect numbers to it.",
    "connecting": "Noted. The number's carrier is being told.",
    "disconnected": "Noted. The number rings nowhere from now on.",
    "followed": "Saved. Its numbers follow within seconds.",
    "assigned": "The account rents the number now.",
    "transferred": "The other account rents the number now.",
    "taken-back": "The number was taken back.",
    "restored": "The rental goes on.",
    "settings": "Noted. The number's carrier is being told.",
    "put-back": "What is wanted of the number is told anew.",
}
"""What a page says after something was done, by the word in its address: never words from the address."""


class Screen(NamedTuple):
    """A page or something to do: `asks` are the endpoints it needs, all of which whoever opens it must be let ask.

    What is `only_demo` is there where a demo runs, and nowhere else.
    """

    method: str
    path: str
    asks: tuple[str, ...]
    show: Shower
    reads_form: bool = True
    only_demo: bool = False


class MenuItem(NamedTuple):
    """A line of the menu, for whoever may ask what its page asks."""

    title: str
    path: str
    asks: str
    only_demo: bool = False
    also: str = ""


SCREENS: Final[list[Screen]] = []
"""Every screen, in the order in which the modules declare them."""

MENU: Final[dict[str, tuple[MenuItem, ...]]] = {
    "": (
        MenuItem("Overview", "/console", "GET /balance"),
        MenuItem("Find a number", "/console/find", "GET /phone-numbers/available-numbers/{iso_country}"),
        MenuItem("Numbers", "/console/numbers", "GET /phone-numbers"),
        MenuItem("Connections", "/console/connections", "GET /connections"),
        MenuItem("Calls", "/console/calls", "GET /usage/calls"),
        MenuItem("Call rates", "/console/call-rates", "GET /usage/rates"),
        MenuItem("Money", "/console/money", "GET /transactions"),
        MenuItem("Statements", "/console/statements", "GET /statements"),
        MenuItem("Spending", "/console/spending", "GET /usage/summary"),
        MenuItem("Orders", "/console/orders", "GET /orders"),
        MenuItem("Papers", "/console/papers", "GET /compliance-profiles"),
    ),
    "Operate": (
        MenuItem("Overview", "/console", "GET /admin/carriers"),
        MenuItem("Health", "/console/health", "GET /admin/health"),
        MenuItem("Rehearsal", "/console/rehearsal", "GET /admin/carriers", only_demo=True),
        MenuItem("Accounts", "/console/accounts", "GET /admin/accounts"),
        MenuItem("Rented numbers", "/console/all-numbers", "GET /admin/phone-numbers"),
        MenuItem("Interventions", "/console/interventions", "GET /admin/interventions"),
        MenuItem("Papers", "/console/all-papers", "GET /admin/compliance-profiles"),
        MenuItem("Inventory", "/console/inventory", "GET /admin/inventory"),
        MenuItem("Prices", "/console/prices", "GET /admin/price-rules"),
        MenuItem("Rate decks", "/console/rate-decks", "GET /admin/rate-decks"),
        MenuItem("Carriers", "/console/carriers", "GET /admin/carriers"),
        MenuItem("Findings", "/console/findings", "GET /admin/findings"),
        MenuItem("All orders", "/console/all-orders", "GET /admin/orders"),
        MenuItem("Releases", "/console/releases", "GET /admin/releases"),
        MenuItem("Rents", "/console/rents", "GET /admin/rentals"),
        MenuItem("Parked calls", "/console/parked-calls", "GET /admin/usage/parked"),
        MenuItem("Sources compared", "/console/sources", "GET /admin/usage/reconcile"),
        MenuItem("Days read", "/console/pulls", "GET /admin/usage/pulls"),
        MenuItem("Feeds", "/console/feeds", "GET /admin/usage/feeds"),
        MenuItem("Sales", "/console/sales", "GET /admin/orders"),
        MenuItem("Margin", "/console/margin", "GET /admin/usage/margin"),
        MenuItem("Actions", "/console/all-actions", "GET /admin/actions"),
        MenuItem("Events", "/console/all-events", "GET /events", also="GET /admin/findings"),
    ),
    "Integrate": (
        MenuItem("Webhooks", "/console/webhooks", "GET /webhooks"),
        MenuItem("Events", "/console/events", "GET /events"),
        MenuItem("API keys", "/console/keys", "GET /api-keys"),
        MenuItem("People", "/console/people", "GET /people"),
        MenuItem("Who did what", "/console/actions", "GET /actions"),
    ),
}


_OF_CUSTOMERS: Final = ("/console/find", "/console/events")
"""Pages that operators may open too, with nothing on them that is theirs."""


def menu_of(caller: Caller, *, demo: bool = False) -> dict[str, list[MenuItem]]:
    """The lines of the menu that lead somebody to pages they may open."""
    offered = {head: [item for item in items if _is_offered(item, caller, demo=demo)] for head, items in MENU.items()}
    return {head: items for head, items in offered.items() if items}


def _is_offered(item: MenuItem, caller: Caller, *, demo: bool) -> bool:
    there = (demo or not item.only_demo) and (caller.currency or item.path not in _OF_CUSTOMERS)
    return bool(there) and may(caller, item.asks) and (not item.also or may(caller, item.also))


def screen(
    method: str, path: str, *asks: str, reads_form: bool = True, only_demo: bool = False
) -> Callable[[Shower], Shower]:
    """Declare a screen below /console."""

    def declare(show: Shower) -> Shower:
        SCREENS.append(Screen(method, ROOT + path, asks, show, reads_form, only_demo))
        return show

    return declare


def show(visit: Visit, template: str, here: str, title: str, **values: object) -> Response:
    """A page with the menu. Of a form that was refused it says why, with the status that the API would answer."""
    status = 200 if visit.error is None else STATUSES[visit.error.code]
    return page_of(name_in_forms(render(template, **_frame(visit, here, title), **values), visit.caller), status)


def _frame(visit: Visit, here: str, title: str) -> dict[str, object]:
    """What every page of somebody who is signed in has."""
    return {
        "visit": visit,
        "menu": menu_of(visit.caller, demo=visit.rehearsal is not None),
        "here": here,
        "title": title,
        "said": SAID.get(visit.asked("said")),
        "error": visit.error,
        "request_id": visit.request_id,
    }


def listed(listing: ScreenTable, *also: str) -> ScreenTable:
    """Declare the page of a table, and the same as CSV."""

    @screen("GET", listing.path.removeprefix(ROOT), listing.endpoint, *also)
    async def table(visit: Visit) -> Response:
        found = await load(visit, listing, visit.path)
        return show(visit, "table.html", listing.path, listing.title, table=found)

    @screen("GET", f"{listing.path.removeprefix(ROOT)}/csv", listing.endpoint)
    async def table_as_csv(visit: Visit) -> Response:
        return await csv_answer(visit, listing, visit.path)

    return listing


async def show_again(visit: Visit, error: NumberdeskError, again: Shower) -> Response:
    """The page with the form that was refused, as it was sent, and why. Raises `error` where there is no such page."""
    visit.error = error
    try:
        return await again(visit)
    except NumberdeskError:
        raise error from None


class Deed(NamedTuple):
    """Something to do by a form: it asks one endpoint and goes `back` to a page, which says what was done.

    `fields` of the form go to the endpoint, `query` as parameters, those that are empty not at all. `digits` names the
    field of the path, or `digits_of_form` of the form, whose last four digits have to be typed first. `named` is the
    field of the path by which the endpoint is told what is meant, where the path has two.
    """

    path: str
    endpoint: str
    back: str
    said: str
    fields: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    keyed: bool = False
    digits: str = ""
    named: str = ""
    digits_of_form: str = ""


def deed(done: Deed, again: Shower, *, only_demo: bool = False) -> None:
    """Declare what a form does. Where it is refused, `again` shows the page with the form, as it was sent, and why."""

    @screen("POST", done.path, done.endpoint, only_demo=only_demo)
    async def do(visit: Visit) -> Response:
        try:
            await perform(visit, done)
        except NumberdeskError as error:
            return await show_again(visit, error, again)
        return redirect(f"{filled(ROOT + done.back, {**visit.form_values, **visit.path})}?said={done.said}")


async def perform(visit: Visit, done: Deed, body: Mapping[str, Any] | None = None) -> Any:
    """Ask the endpoint of a form, and give back its data. Raises what it raises, and for digits that do not fit.

    `body` is what goes to the endpoint where that is more than fields as they were typed.
    """
    whose = visit.path[done.digits] if done.digits else visit.sent(done.digits_of_form)
    if whose and visit.sent("digits").strip() != whose[-4:]:
        raise InvalidRequest("digits", f"must be the last four digits of {whose}")
    answer = await visit.ask(
        done.endpoint,
        path={**visit.path, "number": visit.path[done.named]} if done.named else visit.path,
        query=visit.filled(*done.query),
        body=visit.filled(*done.fields) if body is None else body,
        key=(visit.sent("form_key") or None) if done.keyed else None,
    )
    return answer.data
