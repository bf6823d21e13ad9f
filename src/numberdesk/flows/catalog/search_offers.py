"""Search the own inventory and all carriers side by side, under one deadline.

Touches: database.

Each carrier is asked in a task of its own, whose answer is kept for a short while: the next page, and
the same search of somebody else, do not ask again, and an answer that came too late for one search
is there for the next. A carrier that has not answered by the deadline is named, never waited for.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.adapters.reading import is_e164
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Cost, Trouble, Wanted
from numberdesk.catalog.model import Listing, capability_names
from numberdesk.catalog.offer_store import find_offer_ends, find_rates
from numberdesk.catalog.offers import RemoteOffer, decide_offers
from numberdesk.catalog.remote_search import Known, Stock, asked_of, fits, found_of, listing_of, merge
from numberdesk.catalog.rule_store import find_rules
from numberdesk.catalog.rules import RuleBook, exchange_of, rule_books
from numberdesk.catalog.search import Found, OfferPage, OfferQuery, page_token
from numberdesk.catalog.search_parameters import SearchParameters
from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.flows.catalog.search_numbers import search_stock
from numberdesk.flows.catalog.suggest_searches import SECONDS, Suggestion, suggest_searches
from numberdesk.infra.db import StorageFailedError, Tx
from numberdesk.infra.log import get_log
from numberdesk.infra.numbering import calling_code
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.numbers.carrier_release_store import find_on_their_way
from numberdesk.numbers.store import find_held

MOST_CANDIDATES: Final = 250
"""Numbers that a carrier is asked for at most in one search."""

USUAL_CANDIDATES: Final = 100

_MOST_TAKEN: Final = 1_000
"""Numbers of one answer that are looked at, however many a carrier sends."""

KEPT_SECONDS: Final = 30.0
"""How long a carrier's answer to a search is used again."""

CARRIERS_SHARE: Final = 0.8
"""Of the deadline of a search, how much carriers have. The rest is for pricing, sorting and keeping the offers."""

_MOST_KEPT: Final = 64

MOST_ASKED_FOR_ONE: Final = 4
"""Searches that one account has under way at one carrier. What is beyond shows as a carrier that has not answered."""

_Key = tuple[str, Wanted]


class _Answered(NamedTuple):
    page: AvailablePage
    at: float


class OfferSearch:
    """Searches. `deadline` is in seconds, `seconds` a clock that only goes forward, `now` gives microseconds."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        carriers: CarrierClients,
        *,
        deadline: float,
        quote_lifetime: int,
        now: Callable[[], int],
        seconds: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._carriers = carriers
        self._deadline = deadline
        self._quote_lifetime = quote_lifetime
        self._now = now
        self._seconds = seconds
        self._asking: dict[_Key, asyncio.Task[AvailablePage]] = {}
        self._answers: OrderedDict[_Key, _Answered] = OrderedDict()
        self._asked_for: Counter[tuple[str, str]] = Counter()

    async def search(self, query: OfferQuery, account_id: str) -> OfferPage:
        """A page of offers of all sources, for an account. Every remote offer on it is kept for the quote lifetime.

        Raises RateLimited when too many reads of the account wait.
        """
        self._reader.require_room(account_id)  # before a carrier is asked for nothing
        clients = await self._carriers.clients(active_only=True)
        stock_read = asyncio.ensure_future(
            self._reader.read(lambda tx: search_stock(tx, query), for_account=account_id)
        )
        try:
            pages, silent = await self._ask_all(clients, query, account_id)
        finally:
            stock = await stock_read
        if not pages:
            return _page(query, stock, (), silent, {})
        remote = await self._reader.read(
            lambda tx: _offers_of(tx, query, pages, self._now(), self._quote_lifetime), for_account=account_id
        )
        page = _page(query, stock, remote.found, silent, pages)
        kept = await self._keep([remote.offers[offer.e164] for offer in page.offers if offer.carrier != POOL], remote)
        if not kept:
            return _page(query, stock, (), (*silent, *pages), {})
        return page

    async def suggest(
        self, iso_country: str, currency: str, given: SearchParameters, account_id: str
    ) -> tuple[Suggestion, ...]:
        """Searches that find something where this one does not, tried in one more turn of the account.

        Empty where it has no turn left or the database no time: what was asked for has been answered already.
        """

        def tried(tx: Tx) -> tuple[Suggestion, ...]:
            end = self._seconds() + SECONDS
            return suggest_searches(tx, iso_country, currency, given, in_time=lambda: self._seconds() < end)

        try:
            return await self._reader.read(tried, for_account=account_id)
        except (RateLimited, Overloaded, StorageFailedError):
            return ()

    async def close(self) -> None:
        """Ask no more."""
        for task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _ask_all(
        self, clients: Sequence[CarrierClient], query: OfferQuery, account_id: str
    ) -> tuple[dict[str, AvailablePage], tuple[str, ...]]:
        """The answers by carrier, and the carriers that have not answered, or not whole."""
        if not clients:
            return {}, ()
        wanted = _wanted(query)
        pages: dict[str, AvailablePage] = {}
        tasks: dict[str, asyncio.Task[AvailablePage]] = {}
        for client in clients:
            known = self._answered(client, wanted)
            if known is not None:
                pages[client.name] = known
            elif (task := self._asked(client, wanted, account_id)) is not None:
                tasks[client.name] = task
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._deadline * CARRIERS_SHARE)
        for name, task in tasks.items():
            if task.done() and not task.cancelled() and task.exception() is None:
                pages[name] = task.result()
        silent = tuple(
            client.name for client in clients if client.name not in pages or pages[client.name].missed is not None
        )
        return pages, silent

    def _answered(self, client: CarrierClient, wanted: Wanted) -> AvailablePage | None:
        known = self._answers.get((client.name, wanted))
        if known is None or self._seconds() >= known.at + KEPT_SECONDS:
            return None
        return known.page

    def _asked(self, client: CarrierClient, wanted: Wanted, account_id: str) -> asyncio.Task[AvailablePage] | None:
        """The task that asks a carrier, or that asks already. None where the account has too many under way there."""
        key, whose = (client.name, wanted), (account_id, client.name)
        task = self._asking.get(key)
        if task is not None:
            return task
        if self._asked_for[whose] >= MOST_ASKED_FOR_ONE:
            return None
        self._asked_for[whose] += 1
        task = self._asking[key] = asyncio.get_running_loop().create_task(self._ask(client, wanted))
        task.add_done_callback(lambda done: self._told(key, whose, done))
        return task

    async def _ask(self, client: CarrierClient, wanted: Wanted) -> AvailablePage:
        page = _sound(await client.search(wanted))
        self._answers[client.name, wanted] = _Answered(page, self._seconds())
        self._answers.move_to_end((client.name, wanted))
        while len(self._answers) > _MOST_KEPT:
            self._answers.popitem(last=False)
        return page

    def _told(self, key: _Key, whose: tuple[str, str], task: asyncio.Task[AvailablePage]) -> None:
        self._asking.pop(key, None)
        self._asked_for[whose] -= 1
        if not self._asked_for[whose]:
            del self._asked_for[whose]
        error = None if task.cancelled() else task.exception() or task.result().missed
        if isinstance(error, CarrierError) and error.trouble is Trouble.PAUSED:
            return  # what led to it was logged
        if isinstance(error, CarrierError):
            event = "carrier not searched" if task.exception() else "carrier searched in part"
            get_log().warning(event, carrier=key[0], trouble=error.trouble.value, said=error.message)
        elif error is not None:
            get_log().error("carrier not searched", carrier=key[0], exc_info=error)

    async def _keep(self, shown: Sequence[RemoteOffer], remote: _RemoteOffers) -> bool:
        """Keep what is about to be shown; False when it cannot be kept, and so must not be shown."""
        changes = decide_offers(shown, remote.kept)
        if not changes.new and not changes.longer:
            return True
        try:
            await self._writer.submit(keep_offers, Shown(tuple(shown)))
        except (Overloaded, RateLimited, StorageFailedError) as error:
            get_log().warning("offers not kept", reason=str(error))
            return False
        return True


class _RemoteOffers(NamedTuple):
    """What fits of the carriers' numbers: in order of nothing, by number, and until when offers are kept already."""

    found: list[Found]
    offers: dict[str, RemoteOffer]
    kept: Mapping[tuple[str, str, str], int]


def _sound(page: AvailablePage) -> AvailablePage:
    """What an answer has of numbers, up to a bound."""
    numbers = tuple(number for number in page.numbers[:_MOST_TAKEN] if is_e164(number.e164))
    return page._replace(numbers=numbers, more=page.more or len(page.numbers) > _MOST_TAKEN)


def _wanted(query: OfferQuery) -> Wanted:
    asked = asked_of(query)
    sifted = query.is_selective and (bool(query.excludes) or query.max_price is not None or bool(query.digits.all_of))
    return Wanted(
        iso_country=query.iso_country,
        calling_code=asked.calling_code,
        number_type=query.number_type,
        area_code=asked.area_code,
        region=query.region or "",
        locality=query.locality or "",
        starts_with=asked.starts_with,
        contains=asked.contains,
        ends_with=asked.ends_with,
        capabilities=capability_names(query.capabilities),
        limit=MOST_CANDIDATES if sifted else USUAL_CANDIDATES,
    )


def _page(
    query: OfferQuery, stock: Stock, remote: Sequence[Found], silent: Sequence[str], pages: Mapping[str, AvailablePage]
) -> OfferPage:
    shown, goes_on = merge(query, stock, remote)
    # That carriers have more than was asked of them counts where the pages end; before, it says nothing.
    cut_off = [name for name, page in pages.items() if page.more] if goes_on is None else []
    incomplete = (*(() if stock.complete else (POOL,)), *dict.fromkeys((*silent, *cut_off)))
    token = None if goes_on is None else page_token(query, goes_on)
    return OfferPage(tuple(found.offer for found in shown), token, incomplete)


def _offers_of(
    tx: Tx, query: OfferQuery, pages: Mapping[str, AvailablePage], now: int, quote_lifetime: int
) -> _RemoteOffers:
    """Price and filter what carriers answered; numbers that somebody has, or that are the pool's, are left out."""
    books = rule_books(find_rules(tx, pages), exchange_of(find_rates(tx)))
    e164s = {number.e164 for page in pages.values() for number in page.numbers}
    held, going_back = find_held(tx, e164s), find_on_their_way(tx, e164s)
    found: list[Found] = []
    offers: dict[str, RemoteOffer] = {}
    for carrier, page in pages.items():
        for number in page.numbers:
            if number.e164 in held or (carrier, number.e164) in going_back:
                continue
            listing = _priced(query, number, books.get(carrier), told_country=page.by_country)
            if listing is None or not fits(query, listing):
                continue
            found.append(found_of(query, carrier, listing, number.requires))
            offer = RemoteOffer(carrier, listing, now, now + quote_lifetime, number.requires)
            known = offers.get(number.e164)
            if known is None or (offer.prices.rank, carrier) < (known.prices.rank, known.carrier):
                offers[number.e164] = offer
    return _RemoteOffers(found, offers, find_offer_ends(tx, offers))


def _priced(query: OfferQuery, number: Available, book: RuleBook | None, *, told_country: bool) -> Listing | None:
    if book is None:
        return None
    with_region = query.region is not None
    listing = listing_of(_known(query, number), query.iso_country, with_region=with_region, told_country=told_country)
    return None if listing is None else listing.priced(book.price_of(listing))


def _known(query: OfferQuery, number: Available) -> Known:
    cost = number.cost or Cost("", None)
    national = number.e164.removeprefix(f"+{calling_code(query.iso_country)}")
    area_code = next((code for code in query.area_codes if national.startswith(code)), "")
    return Known(number.e164, number.number_type, number.region, number.locality, number.capabilities, *cost, area_code)
