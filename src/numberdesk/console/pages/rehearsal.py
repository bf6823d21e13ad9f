"""Rehearse with the demo's simulated carriers: one goes wrong, and one watches the order and the books.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from numberdesk.accounts.people import acting_caller
from numberdesk.api.shapes import id_in_path
from numberdesk.console.rehearsal import MISHAPS, Mishap, Money, Rehearsal, Rehearsed, Stage
from numberdesk.console.rendering import page, redirect
from numberdesk.console.screens import Deed, deed, screen, show, show_again
from numberdesk.console.visit import Visit
from numberdesk.core.errors import CarrierUnavailable, Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.periods import MICROSECONDS

_HERE: Final = "/console/rehearsal"
_ORDER: Final = "/admin/orders/{order_id}"
_CARRIERS: Final = "GET /admin/carriers"
_CHANGES_CARRIERS: Final = "PATCH /admin/carriers/{name}"
_SEARCH: Final = "GET /phone-numbers/available-numbers/{iso_country}"
_PRICES: Final = ("price", "setup_price", "per_minute_price_inbound", "per_minute_price_outbound")
_AREAS: Final = ("212", "206", "305", "312", "404", "503", "602", "713")
"""Area codes of which the simulated carriers have numbers and the demo's own stock has none."""

_CURRENCY: Final = "USD"
_OFFERS: Final = 5
_LATEST_ORDERS: Final = 10
_LOOK_SECONDS: Final = 0.2
_LONGEST_CALL: Final = 60


@screen("GET", "/rehearsal", _CARRIERS, only_demo=True)
async def rehearsal(visit: Visit) -> Response:
    """What can go wrong, and what was rehearsed."""
    known = _known(visit)
    return show(
        visit,
        "rehearsal.html",
        _HERE,
        "Rehearsal",
        mishaps=MISHAPS,
        stage=known.stage,
        latest=known.latest(),
        form_key=visit.sent("form_key") or visit.entry_point.services.new_id("req"),
        may_begin=visit.may(_CHANGES_CARRIERS),
    )


@screen("POST", "/rehearsal", _CHANGES_CARRIERS, only_demo=True)
async def begin(visit: Visit) -> Response:
    """Let a carrier go wrong with a number, and buy that number as the demo's customer."""
    known = _known(visit)
    try:
        async with known.begins:  # so that a form that is sent twice begins one
            done = known.begun_by(visit.sent("form_key")) or await _rehearsed(visit, known, _mishap(visit))
    except NumberdeskError as error:
        return await show_again(visit, error, rehearsal)
    return redirect(f"{_HERE}/{done.order_id}")


@screen("POST", "/rehearsal/calm", _CHANGES_CARRIERS, only_demo=True)
async def calm(visit: Visit) -> Response:
    """Let the carriers answer again."""
    await _known(visit).stage.calm()
    order_id = visit.sent("order_id")
    return redirect(f"{_HERE}/{id_in_path(order_id)}?said=calm" if order_id else f"{_HERE}?said=calm")


@screen("GET", "/rehearsal/{order_id}", f"GET {_ORDER}", only_demo=True)
async def rehearsed(visit: Visit) -> Response:
    """One rehearsal, followed until its order ends."""
    return show(visit, "rehearsed.html", _HERE, "Rehearsal", **await _watched(visit))


@screen("GET", "/rehearsal/{order_id}/state", f"GET {_ORDER}", only_demo=True)
async def rehearsed_state(visit: Visit) -> Response:
    """The part of the page that changes, for the page to ask for again and again.

    What can be done comes with it once that is not what the page shows: a button that is replaced while somebody
    presses it would not be pressed.
    """
    watched = await _watched(visit)
    return page("rehearsed_state.html", **watched | {"swapped": visit.asked("shown") != watched["shown"]})


@screen("POST", "/rehearsal/{order_id}/call", _CHANGES_CARRIERS, only_demo=True)
async def call(visit: Visit) -> Response:
    """Let somebody call the number that a rehearsal bought."""
    known = _known(visit)
    done = known.of_order(visit.path["order_id"])
    try:
        order = (await visit.ask(f"GET {_ORDER}", path=visit.path)).data
        known.ring(done.order_id, await known.stage.call(done.e164, _seconds_since(order.completed_at, visit.now)))
    except NumberdeskError as error:
        return await show_again(visit, error, rehearsed)
    return redirect(f"{_HERE}/{done.order_id}?said=rung")


for _verb, _said in (("adopt", "adopted"), ("void", "voided"), ("retry", "retried")):
    deed(
        Deed(f"/rehearsal/{{order_id}}/{_verb}", f"POST {_ORDER}/{_verb}", "/rehearsal/{order_id}", _said),
        rehearsed,
        only_demo=True,
    )


def _seconds_since(completed_at: str | None, now: int) -> int:
    """How long a call lasted that ends now and began after the number was bought; a minute at most. Raises NotFound."""
    if completed_at is None:
        raise NotFound("Nobody has this number, so nobody is called by it.")
    elapsed = now // MICROSECONDS - round(datetime.fromisoformat(completed_at).timestamp())
    return max(1, min(_LONGEST_CALL, elapsed - 1))


def _known(visit: Visit) -> Rehearsal:
    if visit.rehearsal is None:
        raise NotFound("There is no such page.")
    return visit.rehearsal


def _mishap(visit: Visit) -> Mishap:
    try:
        return Mishap(visit.sent("mishap"))
    except ValueError:
        raise InvalidRequest("mishap", "must be one of those on this page") from None


def _customer(visit: Visit, known: Rehearsal) -> Visit:
    """The visitor as one who acts for the demo's customer, with the rights that acting gives. Raises Forbidden."""
    caller = acting_caller(visit.caller, known.stage.account_id, _CURRENCY)
    if caller is None:
        raise Forbidden
    return dataclasses.replace(visit, signed=visit.signed._replace(caller=caller))


async def _rehearsed(visit: Visit, known: Rehearsal, mishap: Mishap) -> Rehearsed:
    customer, stage = _customer(visit, known), known.stage
    await stage.open()
    await stage.calm()
    await _require_not_left_alone(visit)
    offer = await _offer(customer, stage)
    before = await _money(customer)
    await stage.arm(mishap, offer.phone_number)
    order_id = await _bought(customer, known, offer)
    total = offer.price + (offer.setup_price or 0)
    done = Rehearsed(visit.sent("form_key"), mishap, order_id, offer.phone_number, visit.now, before, total)
    known.remember(done)
    return done


async def _require_not_left_alone(visit: Visit) -> None:
    """After several failures in a row nothing is sent to a carrier for a while, as in earnest; then is the time."""
    left = max((each.paused_seconds or 0 for each in (await visit.ask(_CARRIERS)).data), default=0)
    if left:
        why = f"After failures in a row orders are kept from the carriers for {left} seconds more. Try again then."
        raise CarrierUnavailable(why, {"retry_after": left})


async def _offer(customer: Visit, stage: Stage) -> Any:
    """A number that a simulated carrier sells now. Raises CarrierUnavailable."""
    for area_code in _AREAS:
        asked = {"area_code": area_code, "page_size": _OFFERS}
        for offer in (await customer.ask(_SEARCH, path={"iso_country": "US"}, query=asked)).data:
            if (await stage.carrier_side(offer.phone_number)).for_sale:
                return offer
    raise CarrierUnavailable("The simulated carriers offered no number just now. Try again in some seconds.")


async def _bought(customer: Visit, known: Rehearsal, offer: Any) -> str:
    """Buy as everybody does; the order's id as soon as there is an order, while the purchase waits for its carrier."""
    prices = {name: str(getattr(offer, name)) for name in _PRICES if getattr(offer, name) is not None}
    body = {"phone_number": offer.phone_number, **prices}
    buying = known.keep(asyncio.create_task(customer.ask("POST /phone-numbers/buy", body=body)))
    while True:
        ended, _ = await asyncio.wait({buying}, timeout=_LOOK_SECONDS)
        order_id = await _order_of(customer, offer.phone_number)
        if order_id is not None:
            return order_id
        if ended:  # refused before there was an order, as for want of money
            bought: str = buying.result().data.order_id
            return bought


async def _order_of(customer: Visit, e164: str) -> str | None:
    latest = (await customer.ask("GET /orders", query={"page_size": _LATEST_ORDERS})).data
    return next((each.id for each in latest if each.phone_number == e164), None)


async def _money(customer: Visit) -> Money:
    balance = (await customer.ask("GET /balance")).data
    return Money(balance.posted, balance.held)


async def _watched(visit: Visit) -> dict[str, Any]:
    """All that one watches: the order, what the carrier knows, the wallet, and what the check of the books finds."""
    known = _known(visit)
    done = known.of_order(visit.path["order_id"])
    order = (await visit.ask(f"GET {_ORDER}", path=visit.path)).data
    return {
        "done": done,
        "text": MISHAPS[done.mishap],
        "order": order,
        "side": await known.stage.carrier_side(done.e164),
        "swapped": False,
        "hanging": known.stage.hanging,
        "shown": f"{order.status}-hanging" if known.stage.hanging else order.status,
        "rung": known.rung(done.order_id),
        "money": await _money(_customer(visit, known)),
        "books": await known.stage.check_books(),
        "may_decide": visit.may(f"POST {_ORDER}/void"),
        "may_calm": visit.may(_CHANGES_CARRIERS),
    }
