"""What Bandwidth is asked for when numbers are looked for, and how its answer is read.

Touches: nothing.

https://dev.bandwidth.com/apis/numbers (availableNumbers): a search needs an area code or a longer
beginning, a state, or four to seven of the last seven digits; each kind goes together with few others.
Nothing is said of prices and of what a number can do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element

from numberdesk.carriers.adapters.bandwidth_xml import e164_of, elements, parsed, text, texts
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, refused
from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Wanted
from numberdesk.infra.http import HttpResponse

LOCAL: Final = "local"
TOLL_FREE: Final = "toll_free"
XML: Final = {"Accept": "application/xml"}

_LARGEST_PAGE: Final = 5000
_OK, _BAD_REQUEST = 200, 400
_AREA, _EXCHANGE, _BLOCK, _WHOLE = 3, 6, 7, 10
_FEWEST_VANITY, _MOST_VANITY = 4, 7
_STATE_LENGTH: Final = 2
_WILD_DIGITS: Final = 2

_SWEPT: Final = {"US": ("CA", "TX", "NY", "FL", "IL"), "CA": ("ON", "QC", "BC", "AB")}
"""States and provinces that are looked at where nothing is asked for that a search could begin with."""

_NOTHING_THERE: Final = frozenset({"4000", "4002", "4003", "4004", "4005", "4006", "4008", "4023"})
"""Errors that name an area code, exchange, city, state or pattern that is not to be had
(https://dev.bandwidth.com/docs/numbers/errors)."""

Query = tuple[tuple[str, str], ...]


class BandwidthSearch(NamedTuple):
    """One request. Its numbers are of this type."""

    query: Query
    number_type: str


class BandwidthSearches(NamedTuple):
    """Requests that together show what is wanted. Without `whole` some of it is not looked for."""

    requests: tuple[BandwidthSearch, ...]
    whole: bool = True


class _Digits(NamedTuple):
    """The digits that are wanted: how the ten begin and end, and what stands somewhere in them."""

    begin: str
    end: str
    inside: str


async def search(api: CarrierHttpApi, account_id: str, wanted: Wanted) -> AvailablePage:
    """Numbers that can be bought now. Raises CarrierError."""
    searches = searches_for(wanted)
    quantity = max(1, min(wanted.limit, _LARGEST_PAGE))
    path = f"/accounts/{quote(account_id, safe='')}/availableNumbers"
    calls = [Call("GET", path, (*one.query, ("quantity", str(quantity))), headers=XML) for one in searches.requests]
    answers = await asyncio.gather(*(api.read(call) for call in calls), return_exceptions=True)
    pages: list[list[Available]] = []
    errors: list[CarrierError] = []
    for one, answer in zip(searches.requests, answers, strict=True):
        try:
            if isinstance(answer, BaseException):
                raise answer
            pages.append(_found(answer, one.number_type))
        except CarrierError as error:
            errors.append(error)
    if errors and not pages:
        raise errors[0]
    found = {number.e164: number for page in pages for number in page}
    more = not searches.whole or any(len(page) >= quantity for page in pages)
    return AvailablePage(tuple(found.values()), errors[0] if errors else None, more, by_country=False)


def searches_for(wanted: Wanted) -> BandwidthSearches:
    """The requests for what is wanted. None where Bandwidth has nothing of the kind."""
    digits = _digits(wanted)
    if digits is None or wanted.iso_country not in _SWEPT:
        return BandwidthSearches(())
    local = _local(wanted, digits) if wanted.number_type in (None, LOCAL) else BandwidthSearches(())
    # Toll-free numbers are of no place, and numbering plans count them as American.
    placed = wanted.region or wanted.locality or wanted.iso_country != "US"
    toll_free = [] if placed or wanted.number_type not in (None, TOLL_FREE) else _toll_free(digits)
    return BandwidthSearches(
        (*local.requests, *(BandwidthSearch(query, TOLL_FREE) for query in toll_free)), local.whole
    )


def _digits(wanted: Wanted) -> _Digits | None:
    """The wanted digits without what says the same twice; None where no number can have them."""
    begin, other = sorted((wanted.starts_with, wanted.area_code), key=len, reverse=True)
    if not begin.startswith(other):
        return None
    if len(begin) == _WHOLE:
        return _Digits(begin, begin[_AREA:], "")
    implied = wanted.contains in begin or wanted.contains in wanted.ends_with
    return _Digits(begin, wanted.ends_with, "" if implied else wanted.contains)


def _local(wanted: Wanted, digits: _Digits) -> BandwidthSearches:
    begins = _begins_with(digits.begin)
    state = (("state", wanted.region.upper()),) if len(wanted.region) == _STATE_LENGTH else ()
    vanity = _vanity(digits)
    area = digits.begin[:_AREA] if len(digits.begin) >= _AREA else ""
    if vanity and len(vanity[0][1]) + len(area) > len(begins[0][1] if begins else ""):
        within = (*_begins_with(area), *state)
        over_the_edge, whole = _over_the_edge(area, "" if ("endsIn", "true") in vanity else digits.inside)
        queries = [(*vanity, ("LCA", "false"), *within), *((*query, *state) for query in over_the_edge)]
        return BandwidthSearches(tuple(_detailed(query) for query in queries), whole)
    city = (("city", wanted.locality),) if state and wanted.locality else ()
    if begins or state:
        return BandwidthSearches((_detailed((*begins, *state, *city)),))
    return BandwidthSearches(tuple(_detailed((("state", state),)) for state in _SWEPT[wanted.iso_country]), whole=False)


def _begins_with(digits: str) -> Query:
    """The longest beginning of the ten digits that can be asked for; without those of places near by."""
    for name, length in (("npaNxxx", _BLOCK), ("npaNxx", _EXCHANGE)):
        if len(digits) >= length:
            return ((name, digits[:length]), ("LCA", "false"))
    return (("areaCode", digits[:_AREA]),) if len(digits) >= _AREA else ()


def _vanity(digits: _Digits) -> Query:
    """The most of the last seven digits that can be asked for. Longer runs begin in the area code."""
    ends = digits.end[-_MOST_VANITY:]
    inside = digits.inside if len(digits.inside) <= _MOST_VANITY else digits.inside[_AREA:]
    if len(ends) >= max(_FEWEST_VANITY, len(inside)):
        return ("localVanity", ends), ("endsIn", "true")
    if len(inside) >= _FEWEST_VANITY:
        return ("localVanity", inside[:_MOST_VANITY]), ("endsIn", "false")
    return ()


def _over_the_edge(area: str, inside: str) -> tuple[list[Query], bool]:
    """Searches for digits that begin in the area code, which the last seven do not show, and whether these are all."""
    if not inside or len(inside) > _MOST_VANITY:
        return [], True
    if not area:  # where it begins with its second or third digit, the area code is not known
        return [_begins_with(inside)], False
    begun = [at for at in range(1, min(len(inside), _AREA) + 1) if area.endswith(inside[:at])]
    return [_begins_with(area + inside[at:]) for at in begun], True


def _toll_free(digits: _Digits) -> list[Query]:
    """All of the toll-free codes begin with 8, and their third digit is their second."""
    if digits.begin and not digits.begin.startswith("8"):
        return []
    if len(digits.end) >= _MOST_VANITY:
        return [(("tollFreeVanity", digits.end[-_MOST_VANITY:]),)]
    return [(("tollFreeWildCardPattern", digits.begin[:_WILD_DIGITS].ljust(_AREA, "*") if digits.begin else "8**"),)]


def _detailed(query: Query) -> BandwidthSearch:
    return BandwidthSearch((*query, ("enableTNDetail", "true")), LOCAL)


def _found(answer: HttpResponse, number_type: str) -> list[Available]:
    """The numbers in an answer; what is no number is left out. Raises CarrierError."""
    if answer.status not in (_OK, _BAD_REQUEST):
        raise refused(answer)
    document = parsed(answer, "SearchResult")
    if answer.status == _BAD_REQUEST:
        if not _NOTHING_THERE.issuperset(texts(document, "Code") or [""]):
            raise refused(answer)
        return []
    return list(_numbers(document, number_type))


def _numbers(document: Element, number_type: str) -> Iterator[Available]:
    details = {text(detail, "FullNumber"): detail for detail in elements(document, "TelephoneNumberDetail")}
    listed: Sequence[str] = texts(document, "TelephoneNumber")
    for number in (*details, *listed):
        e164 = e164_of(number)
        if e164 is not None:
            detail = details.get(number)
            state, city = ("", "") if detail is None else (text(detail, "State"), text(detail, "City"))
            yield Available(e164, number_type, state, city.title() if city.isupper() else city, (), None)
