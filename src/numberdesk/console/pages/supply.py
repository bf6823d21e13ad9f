"""What is sold, for operators: inventory, prices, carriers and what they have.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.catalog.model import NUMBER_TYPES
from numberdesk.catalog.store import count_inventory
from numberdesk.console.pages.lists import FINDINGS, INVENTORY
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.billing import UNITS, parse_count
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.rating import Rounding

_RULE: Final = (
    *("currency", "carrier", "iso_country", "number_type", "prefix", "price", "per_minute_price_inbound"),
    *("per_minute_price_outbound", "setup_price", "margin_percent", "margin_fixed", "round_to"),
    *("period_every", "period_unit", "increments", "connect_fee", "rounding"),
)

_CARRIER: Final = "GET /admin/carriers/{name}"

_MOST_COUNTED: Final = 20_000
"""Numbers whose states are counted; beyond it the page says that it counted so far."""

RULES: Final = ScreenTable(
    "/console/prices",
    "Prices",
    "GET /admin/price-rules",
    (
        Column("Carrier", "carrier"),
        Column("Country", "iso_country"),
        Column("Type", "number_type", "words"),
        Column("Begins with", "prefix", "mono"),
        Column("Price", "price", "money", unit="currency"),
        Column("Every", "period_every"),
        Column("Unit", "period_unit", "words"),
        Column("In / min", "per_minute_price_inbound", "money"),
        Column("Out / min", "per_minute_price_outbound", "money"),
        Column("Setup", "setup_price", "money"),
        Column("Billed in seconds", "increments"),
        Column("Each call", "connect_fee", "money"),
        Column("Calls rounded", "rounding", "words"),
        Column("Margin %", "margin_percent"),
        Column("Margin fixed", "margin_fixed", "money"),
        Column("Rounded to", "round_to"),
        Column("Currency", "currency"),
    ),
    (Filter("Carrier", "carrier", hint="pool"),),
    empty="No rule: numbers cost what their file says, and those of carriers are not sold.",
    about="The rule that says most about a number holds: its prefix before its type, its type before its country.",
    deeds="deeds/rule.html",
    new="new/rule.html",
)


@screen("GET", "/inventory", "GET /admin/inventory")
async def inventory(visit: Visit) -> Response:
    """Counts, the form for an import, and the numbers."""
    reader, caller = visit.entry_point.services.reader, visit.caller
    counts = await reader.read(lambda tx: count_inventory(tx, _MOST_COUNTED), for_account=caller.account_id)
    return show(
        visit,
        "inventory.html",
        "/console/inventory",
        "Inventory",
        table=await load(visit, INVENTORY),
        counts={state.value: count for state, count in counts.items()},
        more="" if sum(counts.values()) < _MOST_COUNTED else "\N{GREATER-THAN OR EQUAL TO} ",
        imports=visit.imports.latest(),
    )


@screen("GET", "/inventory/csv", "GET /admin/inventory")
async def inventory_as_csv(visit: Visit) -> Response:
    """The numbers as CSV."""
    return await csv_answer(visit, INVENTORY)


@screen("GET", "/prices", "GET /admin/price-rules")
async def prices(visit: Visit) -> Response:
    """The rules, and a form for another; exchange rates beside them."""
    rates = (await visit.ask("GET /admin/exchange-rates")).data
    table = await load(visit, RULES)
    return show(
        visit,
        "prices.html",
        "/console/prices",
        "Prices",
        table=table,
        rates=rates,
        number_types=NUMBER_TYPES,
        units=UNITS,
        roundings=tuple(Rounding),
    )


@screen("GET", "/prices/csv", "GET /admin/price-rules")
async def prices_as_csv(visit: Visit) -> Response:
    """The rules as CSV."""
    return await csv_answer(visit, RULES)


@screen("GET", "/carriers", "GET /admin/carriers")
async def carriers(visit: Visit) -> Response:
    """How it goes with each carrier."""
    found = (await visit.ask("GET /admin/carriers")).data
    return show(visit, "carriers.html", "/console/carriers", "Carriers", carriers=found)


@screen("GET", "/carriers/{name}", _CARRIER)
async def carrier(visit: Visit) -> Response:
    """One carrier."""
    return await show_carrier(visit, visit.path["name"])


@screen("POST", "/carriers/{name}/check", "POST /admin/carriers/{name}/check")
async def check(visit: Visit) -> Response:
    """Ask the carrier whether our credentials work; nothing is bought."""
    outcome = (await visit.ask("POST /admin/carriers/{name}/check", path=visit.path)).data
    return await show_carrier(visit, visit.path["name"], outcome)


async def show_carrier(visit: Visit, name: str, outcome: Any = None, done: str = "") -> Response:
    """The page of a carrier, with what it said when it was asked, after what was `done`."""
    found = (await visit.ask(_CARRIER, path={"name": name})).data
    return show(visit, "carrier.html", "/console/carriers", name, carrier=found, outcome=outcome, done=done)


@screen("GET", "/findings", "GET /admin/findings")
async def findings(visit: Visit) -> Response:
    """Where carriers' lists and the books differ."""
    return show(visit, "table.html", "/console/findings", "Findings", table=await load(visit, FINDINGS))


@screen("GET", "/findings/csv", "GET /admin/findings")
async def findings_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, FINDINGS)


_SET_RULE: Final = Deed("/prices", "POST /admin/price-rules", "/prices", "priced", fields=_RULE)


@screen("POST", _SET_RULE.path, _SET_RULE.endpoint)
async def set_rule(visit: Visit) -> Response:
    """Set a price rule."""
    try:
        body: dict[str, Any] = {**visit.filled(*_RULE)}
        body["period_every"] = parse_count(visit.sent("period_every"))
        await perform(visit, _SET_RULE, body)
    except NumberdeskError as error:
        return await show_again(visit, error, prices)
    return redirect(f"/console/prices?said={_SET_RULE.said}")


deed(Deed("/prices/{rule_id}/remove", "DELETE /admin/price-rules/{rule_id}", "/prices", "removed"), prices)
deed(
    Deed("/rates", "POST /admin/exchange-rates", "/prices", "saved", fields=("base", "quote", "rate")),
    prices,
)
deed(
    Deed("/rates/{base}/{quote}/remove", "DELETE /admin/exchange-rates/{base}/{quote}", "/prices", "removed"),
    prices,
)
deed(
    Deed("/carriers/{name}/state", "PATCH /admin/carriers/{name}", "/carriers/{name}", "saved", fields=("status",)),
    carrier,
)
deed(Deed("/carriers/{name}/audit", "POST /admin/carriers/{name}/audit", "/carriers/{name}", "audit"), carrier)
_FINDING: Final = ("carrier", "phone_number", "kind")
deed(Deed("/findings/keep", "POST /admin/findings/keep", "/findings", "kept", fields=_FINDING), findings)
deed(Deed("/findings/put-back", "POST /admin/findings/put-back", "/findings", "put-back", fields=_FINDING), findings)
deed(
    Deed(
        "/findings/release",
        "POST /admin/findings/release",
        "/findings",
        "given-back",
        fields=_FINDING,
        digits_of_form="phone_number",
    ),
    findings,
)
