"""The operator's endpoints for rate decks: bring them in from files, look at them, and let accounts use them.

Touches: files, threads.
"""

from __future__ import annotations

import asyncio
import io
import re
from tempfile import SpooledTemporaryFile
from typing import Annotated, Final
from weakref import WeakKeyDictionary

import msgspec

from numberdesk.accounts.store import find_accounts
from numberdesk.api.csv_body import CSV, receive_file, require_csv
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, Currency, Label, id_in_path, stated
from numberdesk.core.deck_file import DeckFile, DeckFileError, read_deck
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.rate_deck import DECK_NAME, PREFIX, RateDeck, prefixes_of
from numberdesk.core.rating import CallRate
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.rates.change_decks import (
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    checked_deck_name,
    choose_decks,
    deck_batches,
    find_same_deck,
    new_deck,
    publish_decks,
)
from numberdesk.usage.deck_store import find_choices, find_deck_rows, list_deck_rows, list_decks
from numberdesk.views.rates import (
    DeckChoiceView,
    DeckRateView,
    DeckView,
    deck_choice_view,
    deck_rate_view,
    deck_view,
)

_IN_MEMORY: Final = 1 << 20
_MOST_BAD_SHOWN: Final = 100
_MOST_CHOICES: Final = 1_000
_AGAIN: Final = "rows of a deck count only when all of them are there"
_SINCE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_FILE_EXAMPLE: Final = "prefix,per_minute_price,connect_fee,increments\n1,0.01,,\n1809,0.20,0.15,30/6\n"
_DECK_EXAMPLE: Final = {
    "name": "retail",
    "effective_from": "2026-06-01T00:00:00Z",
    "currency": "USD",
    "prefixes": 2,
}
_RATE_EXAMPLE: Final = {"prefix": "1809", "rate": 0.2, "connect_fee": 0.15, "increments": "30/6", "currency": "USD"}
_CHOICE_EXAMPLE: Final = {
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "effective_from": "2026-06-01T00:00:00Z",
    "name": "retail",
}

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""One file after the other: each is in memory as a whole once it is read."""

DeckName = Annotated[Label, stated(pattern=f"^{DECK_NAME.pattern}$")]


class DecksQuery(PageQuery, frozen=True):
    """Which decks."""

    name: Annotated[DeckName, msgspec.Meta(description="Only decks of this name.")] | None = None


class DeckImportQuery(msgspec.Struct, frozen=True):
    """What a file does not say of its deck."""

    currency: Annotated[Currency, msgspec.Meta(description="Currency of its prices.")]
    effective_from: (
        Annotated[Written, msgspec.Meta(description="From when on it holds; left out, from now on. ISO 8601.")] | None
    ) = None


class DeckRatesQuery(PageQuery, frozen=True):
    """Which rates of a deck, as they hold when."""

    at: Annotated[Written, msgspec.Meta(description="As they hold then; left out, now. ISO 8601.")] | None = None
    number: Annotated[E164, msgspec.Meta(description="Only prefixes of this number; the longest one holds.")] | None = (
        None
    )


class DeckChoiceBody(msgspec.Struct, frozen=True):
    """Which decks an account uses from an instant on: those of a name, or none."""

    name: DeckName | None = None
    none: bool = False
    effective_from: Written | None = None


@endpoint(
    "GET",
    "/admin/rate-decks",
    summary="Rate decks by name, the latest of each first",
    tag="Operators",
    scope="admin",
    query=DecksQuery,
    data=list[DeckView],
    paged=True,
    answer_example=[_DECK_EXAMPLE],
)
async def decks(request: ApiRequest) -> ApiResponse:
    """Page the decks."""
    query: DecksQuery = request.query
    after, limit = _place(query.page_token), query.page_size + 1
    if query.name is not None:
        checked_deck_name(query.name)
    found = await request.read(lambda tx: list_decks(tx, name=query.name, limit=limit, after=after))
    items, rest = page(found, query.page_size, "place")
    return ApiResponse([deck_view(deck) for deck in items], rest=rest)


@endpoint(
    "POST",
    "/admin/rate-decks/{deck:str}/import",
    summary="Bring in a deck from a CSV file, which takes the place of the one of its name: all of it, or nothing",
    tag="Operators",
    scope="admin",
    query=DeckImportQuery,
    raw_body=CSV,
    data=DeckView,
    example=_FILE_EXAMPLE,
    answer_example=_DECK_EXAMPLE,
    key_refusal="is not taken by this request: the same file for the same `effective_from` sent again changes nothing",
)
async def import_deck(request: ApiRequest) -> ApiResponse:
    """Take the file in, check it in a thread, and write it in short transactions; it counts with the last one."""
    query: DeckImportQuery = request.query
    require_csv(request.headers)
    since = instant_of("effective_from", query.effective_from)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        await receive_file(request.receive, file, request.services.settings.import_limit_bytes)
        async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(1)):
            read = await asyncio.to_thread(_read, file)
            if read.bad:
                raise _bad_file(read)
            now, deck_id = request.now, request.services.new_id("rdk")
            deck = new_deck(
                deck_id,
                request.path["deck"],
                query.currency,
                since=now if since is None else since,
                rows=len(read.rows),
                now=now,
            )
            return ApiResponse(deck_view(await _brought(request, deck, read.rows)), "Rate deck brought in")


@endpoint(
    "GET",
    "/admin/rate-decks/{deck:str}/rates",
    summary="What is in the deck of a name, by prefix",
    tag="Operators",
    scope="admin",
    query=DeckRatesQuery,
    data=list[DeckRateView],
    paged=True,
    errors=("not_found",),
    answer_example=[_RATE_EXAMPLE],
)
async def deck_rates(request: ApiRequest) -> ApiResponse:
    """Page a deck, or list those of its prefixes that match a number."""
    query: DeckRatesQuery = request.query
    name, at = request.path["deck"], instant_of("at", query.at)
    then = request.now if at is None else at + MICROSECONDS - 1  # instants are told by the second in which they are
    number, limit = query.number, query.page_size + 1
    after = position(query.page_token, "") or ""
    if after and PREFIX.fullmatch(after) is None:
        raise InvalidRequest("page_token", "is not a token of this list")
    known = await request.read(lambda tx: list_decks(tx, name=name, limit=1, at=then))
    if not known:
        raise NotFound("No deck of this name holds then.")
    (deck,) = known
    if number is None:
        found = await request.read(lambda tx: list_deck_rows(tx, deck.id, after=after, limit=limit))
    else:
        prefixes = [prefix for prefix in prefixes_of(number) if prefix > after]
        found = await request.read(lambda tx: find_deck_rows(tx, deck.id, prefixes))
    items, rest = page(found, query.page_size, "prefix")
    return ApiResponse([deck_rate_view(deck, row) for row in items], rest=rest)


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/rate-decks",
    summary="Which decks an account used and uses, oldest first; the latest thousand",
    tag="Operators",
    scope="admin",
    data=list[DeckChoiceView],
    errors=("not_found",),
    answer_example=[_CHOICE_EXAMPLE],
)
async def deck_choices(request: ApiRequest) -> ApiResponse:
    """The account's choices."""
    account_id = id_in_path(request.path["account_id"])
    account = (await request.read(lambda tx: find_accounts(tx, [account_id], lock=False))).get(account_id)
    if account is None or account.kind is AccountKind.OPERATOR:
        raise NotFound
    chosen = await request.read(lambda tx: find_choices(tx, account_id))
    return ApiResponse([deck_choice_view(choice) for choice in chosen[-_MOST_CHOICES:]])


@endpoint(
    "POST",
    "/admin/accounts/{account_id:str}/rate-decks",
    summary="Let an account use the decks of a name, or none, as soon as its notice allows",
    tag="Operators",
    scope="admin",
    body=DeckChoiceBody,
    data=DeckChoiceView,
    errors=("not_found",),
    example={"name": "retail"},
    answer_example=_CHOICE_EXAMPLE,
    key_refusal="is not taken by this request: the same choice sent again is the same",
)
async def choose_deck(request: ApiRequest) -> ApiResponse:
    """The customer is told at once."""
    body: DeckChoiceBody = request.body
    if (body.name is None) is not body.none:
        raise InvalidRequest("name", "must be sent, or `none` in its place")
    if body.name is not None:
        checked_deck_name(body.name)
    since = instant_of("effective_from", body.effective_from)
    usual = request.services.rent_terms
    command = ChooseDeck(id_in_path(request.path["account_id"]), body.name, since, request.now, usual)
    return ApiResponse(deck_choice_view(await request.services.writer.submit(choose_decks, command)), "Deck chosen")


async def _brought(request: ApiRequest, deck: RateDeck, rates: dict[str, CallRate]) -> RateDeck:
    """The deck when it holds, or the same that there was. Raises InvalidRequest before anything is written."""
    services = request.services
    same = await request.read(lambda tx: find_same_deck(tx, deck, rates, services.rent_terms))
    if same is not None:
        return same
    with part_way(Taken("prefixes", _AGAIN, len(rates))) as taken:
        for batch in deck_batches(deck, rates):
            taken.count += await services.writer.submit(add_deck_rows, batch)
        published: RateDeck = await services.writer.submit(
            publish_decks, PublishDeck(deck.id, request.now, services.rent_terms)
        )
    return published


def _read(file: SpooledTemporaryFile[bytes]) -> DeckFile:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    try:
        return read_deck(text)
    except DeckFileError as error:
        raise InvalidRequest("file", f"cannot be taken: {error}") from None
    finally:
        text.detach()


def _bad_file(read: DeckFile) -> InvalidRequest:
    """The refusal of a file with bad lines, naming the first of them."""
    error = InvalidRequest("file", f"has {len(read.bad)} bad lines, so nothing of it was brought in")
    bad_lines = [{"line": bad.line, "reason": bad.reason} for bad in read.bad[:_MOST_BAD_SHOWN]]
    error.details |= {"good": len(read.rows), "bad": len(read.bad), "bad_lines": bad_lines}
    return error


def _place(token: str | None) -> tuple[str, int] | None:
    text = position(token, "")
    if text is None:
        return None
    name, _, since = text.partition(".")
    if DECK_NAME.fullmatch(name) is None or _SINCE.fullmatch(since) is None:
        raise InvalidRequest("page_token", "is not a token of this list")
    return name, int(since)
