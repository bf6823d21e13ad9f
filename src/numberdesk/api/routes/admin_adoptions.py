"""The operator's endpoints that adopt numbers which stand on an account at a carrier already, and take that back.

Touches: threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from numberdesk.api.csv_body import CSV, require_csv
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.request_body import body_pieces
from numberdesk.api.routes.admin_numbers import Reason
from numberdesk.api.shapes import e164_in_path, id_in_path, stated
from numberdesk.carriers.adopted_offer_store import AdoptedOffer
from numberdesk.carriers.port import CarrierError
from numberdesk.core.adoption import AdoptionError, AdoptionLine, BadAdoption, read_lines
from numberdesk.core.errors import BodyTooLarge, CarrierUnavailable, InvalidRequest, NotFound
from numberdesk.core.interventions import LONGEST_REASON, Warrant, warrant
from numberdesk.core.rental import Rental
from numberdesk.flows.carriers.run_adoption import Adoption, AdoptionReport, Batch, Outcome, owned_numbers
from numberdesk.flows.carriers.undo_adoptions import UndoAdoption, undo_adoptions
from numberdesk.views.hands import AdoptionView, UndoneAdoptionView, adoption_view, undone_adoption_view

_MOST_BYTES: Final = 16 * 1024 * 1024
_MOST_BAD_SHOWN: Final = 100
_REASON: Final = "adopted"
_EXAMPLE: Final = (
    "phone_number,account,price,per_minute_price_inbound,renews_at\n"
    "+13612738809,acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071,1.15,0.0085,2026-04-01\n"
)

_DAY: Final = 86_400_000_000
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""One file after the other: each takes a thread for as long as it is read."""


class AdoptQuery(msgspec.Struct, frozen=True):
    """How to adopt."""

    skip_bad: bool = False
    dry_run: bool = False
    reason: Annotated[
        str,
        stated(minLength=1, maxLength=LONGEST_REASON),
        msgspec.Meta(description="Why. It is kept with who did it, and customers are told."),
    ] = _REASON


class UnadoptBody(msgspec.Struct, frozen=True):
    """Why an adoption is taken back."""

    reason: Reason


class Adoptable(NamedTuple):
    """A file that was read, and what stands on the account at the carrier that it is about."""

    carrier: str
    owned: dict[str, str]
    lines: list[AdoptionLine | BadAdoption]


@endpoint(
    "POST",
    "/admin/carriers/{name:str}/adopt",
    summary="Make numbers of an account at a carrier rentals or offers: all of a CSV file, or nothing of a bad one",
    tag="Carriers",
    scope="admin",
    query=AdoptQuery,
    raw_body=CSV,
    data=AdoptionView,
    errors=("not_found", "carrier_unavailable"),
    example=_EXAMPLE,
    answer_example={
        "carrier": "twilio",
        "owned": 312,
        "rented": 1,
        "offered": 0,
        "already": 0,
        "bad": [],
        "saved": True,
    },
    key_refusal="is not taken by this request: the same file sent again changes nothing",
)
async def adopt_numbers_of_carrier(request: ApiRequest) -> ApiResponse:
    """Ask the carrier for its list, then check and adopt in a thread."""
    query: AdoptQuery = request.query
    require_csv(request.headers)
    _warrant(request, query.reason)
    name, loop = id_in_path(request.path["name"]), asyncio.get_running_loop()
    async with _turns.setdefault(loop, asyncio.Semaphore(1)):
        lines = await asyncio.to_thread(_lines, await _text(request), request.now)
        owned = await _owned(request, name)
        report = await asyncio.to_thread(_adopt, request, loop, Adoptable(name, owned, lines))
    if report.bad and not query.skip_bad:
        raise _bad_file(report)
    return ApiResponse(adoption_view(report), "Adoption checked" if query.dry_run else "Numbers adopted")


@endpoint(
    "POST",
    "/admin/phone-numbers/{number:str}/unadopt",
    summary="Take an adoption back for which nothing was charged or sold yet; the carrier keeps the number for you",
    tag="Carriers",
    scope="admin",
    body=UnadoptBody,
    data=UndoneAdoptionView,
    errors=("not_found", "rental_conflict"),
    example={"reason": "adopted for the wrong customer"},
    answer_example={
        "rental": None,
        "offer": {
            "phone_number": "+13612738809",
            "carrier": "twilio",
            "adopted_at": "2026-03-20T14:30:00Z",
            "undone_at": "2026-03-25T09:00:00Z",
        },
    },
)
async def unadopt_number(request: ApiRequest) -> ApiResponse:
    """Its rental ends, or it is for sale no more, and the number rests."""
    body: UnadoptBody = request.body
    rest = request.services.settings.quarantine_days * _DAY
    command = UndoAdoption(e164_in_path(request.path["number"]), rest, _warrant(request, body.reason))
    undone: Rental | AdoptedOffer = await request.services.writer.submit(undo_adoptions, command)
    return ApiResponse(undone_adoption_view(undone), "Adoption taken back")


def _warrant(request: ApiRequest, reason: str) -> Warrant:
    return warrant(request.services.new_id("itv"), request.caller.key_id, reason, request.now)


async def _text(request: ApiRequest) -> str:
    limit = min(_MOST_BYTES, request.services.settings.import_limit_bytes)
    raw = bytearray()
    async for piece in body_pieces(request.receive):
        raw += piece
        if len(raw) > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("file", "is not in UTF-8") from None


async def _owned(request: ApiRequest, name: str) -> dict[str, str]:
    carriers = request.services.carriers
    client = await carriers.client(name)
    if client is None:  # or connected a moment ago, by another process
        carriers.forget()
        client = await carriers.client(name)
    if client is None:
        raise NotFound("There is no such carrier.")
    try:
        return await owned_numbers(client)
    except CarrierError as error:
        raise CarrierUnavailable(f"The carrier's list of numbers cannot be read: {error}") from None


def _lines(text: str, now: int) -> list[AdoptionLine | BadAdoption]:
    try:
        return read_lines(text, now)
    except AdoptionError as error:
        raise InvalidRequest("file", str(error)) from None


def _adopt(request: ApiRequest, loop: asyncio.AbstractEventLoop, file: Adoptable) -> AdoptionReport:
    services, query = request.services, request.query

    def apply(flow: Any, batch: Batch) -> Awaitable[list[Outcome]]:
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(services.writer.submit(flow, batch), loop))

    adoption = Adoption(
        file.carrier, file.owned, apply, services.reader, services.new_id, lambda: _warrant(request, query.reason)
    )
    return asyncio.run(adoption.run(file.lines, skip_bad=query.skip_bad, dry_run=query.dry_run))


def _bad_file(report: AdoptionReport) -> InvalidRequest:
    """The refusal of a file with bad lines, naming the first of them."""
    error = InvalidRequest("file", f"has {len(report.bad)} bad lines, so nothing of it was adopted")
    bad_lines = [
        {"line": bad.line, "phone_number": bad.e164, "reason": bad.reason} for bad in report.bad[:_MOST_BAD_SHOWN]
    ]
    error.details |= {"bad": len(report.bad), "bad_lines": bad_lines}
    return error
