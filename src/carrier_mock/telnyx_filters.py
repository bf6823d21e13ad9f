"""The nested filters of Telnyx's lists, and its searches.

Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from carrier_mock.digits import Match, parts
from carrier_mock.exchange import Request, Response
from carrier_mock.inventory import Found, Inventory, Query
from carrier_mock.model import Kind, Place
from carrier_mock.telnyx_shapes import error, features

SEARCH: Final = frozenset({
    "phone_number/starts_with", "phone_number/contains", "phone_number/ends_with", "country_code", "phone_number_type",
    "national_destination_code", "locality", "administrative_area", "rate_center", "features", "limit", "best_effort",
    "quickship", "reservable", "exclude_held_numbers", "consecutive", "only_reserved_numbers",
})  # fmt: skip
NUMBERS: Final = frozenset({
    "tag", "phone_number", "status", "country_iso_alpha2", "connection_id", "billing_group_id", "emergency_address_id",
    "customer_reference", "number_type/eq", "source", "without_tags", "voice.usage_payment_method",
    "voice.connection_name/contains", "voice.connection_name/starts_with", "voice.connection_name/ends_with",
    "voice.connection_name/eq",
})  # fmt: skip
ORDERS: Final = frozenset({
    "status", "created_at/gt", "created_at/lt", "phone_numbers_count", "customer_reference", "requirements_met",
})  # fmt: skip

_FILTER: Final = re.compile(r"filter\[([a-z0-9_.]{1,40})\](?:\[([a-z0-9_]{0,40})\])?", re.ASCII)
_TYPES: Final = {**{kind.value: kind for kind in Kind}, "shared_cost": None}
_FEATURES: Final = frozenset(
    {"sms", "mms", "voice", "fax", "emergency", "hd_voice", "international_sms", "local_calling"}
)
_USUAL_LIMIT, _HIGHEST_LIMIT = 100, 250
_USUAL_PAGE, _LONGEST_PAGE = 20, 250
_LONGEST_COUNT: Final = 9
_MAGIC_CODE, _MAGIC_DIGITS = "500", "500555"

Filters = dict[str, str]
"""Values by their names, parts of which are joined by a slash; several of a list are joined by commas."""


class TelnyxFilterError(ValueError):
    """A filter cannot be used; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Page(NamedTuple):
    """Which page of a list: from 1, with so many."""

    number: int
    size: int


def read_filters(request: Request, known: Collection[str]) -> Filters:
    """The filters of a request. Raises TelnyxFilterError for one that is not known here."""
    found: Filters = {}
    for name, value in request.query:
        if not name.startswith("filter"):
            continue
        match = _FILTER.fullmatch(name)
        outer, inner = ("", "") if match is None else (match[1], match[2] or "")
        is_list = inner == "" or inner.isdigit()
        full = outer if is_list else f"{outer}/{inner}"
        if full not in known:
            raise TelnyxFilterError(
                error(
                    400,
                    10031,
                    "Invalid request filter",
                    f"The request filter {name[:80]} is invalid.",
                    parameter=name[:80],
                )
            )
        found[full] = f"{found[full]},{value}" if full in found and is_list else value
    return found


def read_page(request: Request) -> Page:
    """The page that a list is asked for. Raises TelnyxFilterError."""
    number = _whole(request.first("page[number]") or "1", "page[number]", 10**_LONGEST_COUNT)
    return Page(number, _whole(request.first("page[size]") or str(_USUAL_PAGE), "page[size]", _LONGEST_PAGE))


class Search(NamedTuple):
    """What a search looks for. `query` is None when nothing can be found; `near` is the same without the digits."""

    query: Query | None
    near: Query | None
    limit: int


def read_search(request: Request, inventory: Inventory) -> Search:
    """What a search looks for. Raises TelnyxFilterError."""
    given = read_filters(request, SEARCH)
    country = given.get("country_code", "").upper()
    if not country:
        raise TelnyxFilterError(
            error(
                422,
                10004,
                "Missing required parameter",
                "filter[country_code] is required.",
                parameter="filter[country_code]",
            )
        )
    code = inventory.calling_code(country)
    if code is None:
        raise TelnyxFilterError(error(400, 10015, "Bad Request", f"There is no coverage in {country[:2]}."))
    number_type = given.get("phone_number_type")
    if number_type is not None and number_type not in _TYPES:
        raise _not_of("filter[phone_number_type]", _TYPES)
    limit = min(_HIGHEST_LIMIT, _whole(given.get("limit", str(_USUAL_LIMIT)), "filter[limit]", 10**_LONGEST_COUNT))
    area_code = given.get("national_destination_code", "")
    digits = [given.get(f"phone_number/{part}", "") for part in ("starts_with", "contains", "ends_with")]
    match = parts(f"{code}{area_code}", *digits)
    if match is None or not f"{area_code}0".isdigit() or (number_type is not None and _TYPES[number_type] is None):
        return Search(None, None, limit)
    named = area_code == _MAGIC_CODE or any(_MAGIC_DIGITS in part for part in digits)
    kind = None if number_type is None else _TYPES[number_type]
    tests = _Tests(given)
    query = Query(country, kind, match, named, tests.fit)
    near = country in ("US", "CA") and given.get("best_effort", "").lower() == "true"
    return Search(query, query._replace(match=Match(), named=False) if near else None, limit)


def search(inventory: Inventory, wanted: Search) -> tuple[list[Found], list[Found]]:
    """What fits, and, for those who want that too, what fits but for the digits."""
    exact = [] if wanted.query is None else inventory.search(wanted.query, wanted.limit)
    if wanted.near is None or len(exact) == wanted.limit:
        return exact, []
    known = set(exact)
    others = [each for each in inventory.search(wanted.near, wanted.limit) if each not in known]
    return exact, others[: wanted.limit - len(exact)]


class _Tests:
    """What is asked of a place."""

    def __init__(self, given: Filters) -> None:
        self._area_code = given.get("national_destination_code")
        self._locality = given.get("locality")
        self._region = given.get("administrative_area")
        self._rate_center = given.get("rate_center")
        self._features = frozenset(given["features"].split(",")) if given.get("features") else frozenset()
        self._held_only = given.get("only_reserved_numbers", "").lower() == "true"
        if not self._features <= _FEATURES:
            raise _not_of("filter[features]", _FEATURES)

    def fit(self, place: Place) -> bool:
        """Whether numbers of a place are wanted. Nothing is ever held or reserved here."""
        return (
            not self._held_only
            and self._area_code in (None, "", place.area_code)
            and _same(self._locality, place.locality)
            and _same(self._region, place.region)
            and _same(self._rate_center, "SIMULATED" if place.simulated else place.locality)
            and self._features.issubset(features(place))
        )


def _same(wanted: str | None, name: str) -> bool:
    return wanted is None or wanted.casefold() == name.casefold()


def _whole(text: str, name: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT and 0 < int(text) <= highest):
        raise TelnyxFilterError(
            error(
                422,
                10033,
                "Value outside of range",
                f"{name} must be a whole number from 1 to {highest}.",
                parameter=name,
            )
        )
    return int(text)


def _not_of(name: str, known: Collection[str]) -> TelnyxFilterError:
    detail = f"The value must be one of {', '.join(sorted(known))}."
    return TelnyxFilterError(error(422, 10032, "Invalid enumerated value", detail, parameter=name))
