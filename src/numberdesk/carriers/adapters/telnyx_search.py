"""What Telnyx shows in searches, and what it has shown lately, since it sells nothing else.

Touches: clock.

https://developers.telnyx.com/docs/numbers/phone-numbers/number-search: a country is always named, digits
are of the national number and without wildcards, and beside an area code they are of what comes after
it. What contains digits is found loosely. What was not shown shortly before is not sold (error 85000).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, refused
from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Cost, Trouble, Wanted
from numberdesk.core.money import MoneyError, parse_currency, parse_price
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.infra.http import HttpResponse

SHOWN_SECONDS: Final = 300.0
"""How long a number that was shown is taken to be orderable; Telnyx says no more than that it has to be recent."""

MOST_SHOWN: Final = 20_000
"""Numbers remembered as shown."""

_MOST_FOUND: Final = 50  # its guide says 50 at most; the specification names no bound
_EXACT: Final = 10
_CAPABILITIES: Final = ("voice", "sms", "mms", "fax")
_SUBDIVIDED: Final = ("US", "CA")
_NORTH_AMERICA: Final = "1"
_AREA_CODE_LENGTH: Final = 3
_AMERICAN_SUBSCRIBER, _SHORTEST_SUBSCRIBER = 7, 4
_OK: Final = 200

# Telnyx searches by country, and an order names only a number: the countries by the first digits, the longest that
# fit (ITU-T E.164, list of assigned country codes; area codes of the North American plan).
_COUNTRIES: Final = """
1 US CA;1242 BS;1246 BB;1264 AI;1268 AG;1284 VG;1340 VI;1345 KY;1441 BM;1473 GD;1649 TC;1658 JM;1664 MS;1670 MP;1671 GU
1684 AS;1721 SX;1758 LC;1767 DM;1784 VC;1787 PR;1809 DO;1829 DO;1849 DO;1868 TT;1869 KN;1876 JM;1939 PR;20 EG;211 SS
212 MA;213 DZ;216 TN;218 LY;220 GM;221 SN;222 MR;223 ML;224 GN;225 CI;226 BF;227 NE;228 TG;229 BJ;230 MU;231 LR;232 SL
233 GH;234 NG;235 TD;236 CF;237 CM;238 CV;239 ST;240 GQ;241 GA;242 CG;243 CD;244 AO;245 GW;246 IO;247 AC;248 SC;249 SD
250 RW;251 ET;252 SO;253 DJ;254 KE;255 TZ;256 UG;257 BI;258 MZ;260 ZM;261 MG;262 RE YT;263 ZW;264 NA;265 MW;266 LS
267 BW;268 SZ;269 KM;27 ZA;290 SH;291 ER;297 AW;298 FO;299 GL;30 GR;31 NL;32 BE;33 FR;34 ES;350 GI;351 PT;352 LU;353 IE
354 IS;355 AL;356 MT;357 CY;358 FI;359 BG;36 HU;370 LT;371 LV;372 EE;373 MD;374 AM;375 BY;376 AD;377 MC;378 SM;380 UA
381 RS;382 ME;383 XK;385 HR;386 SI;387 BA;389 MK;39 IT;40 RO;41 CH;420 CZ;421 SK;423 LI;43 AT;44 GB;45 DK;46 SE;47 NO
48 PL;49 DE;500 FK;501 BZ;502 GT;503 SV;504 HN;505 NI;506 CR;507 PA;508 PM;509 HT;51 PE;52 MX;53 CU;54 AR;55 BR;56 CL
57 CO;58 VE;590 GP;591 BO;592 GY;593 EC;594 GF;595 PY;596 MQ;597 SR;598 UY;599 CW BQ;60 MY;61 AU;62 ID;63 PH;64 NZ;65 SG
66 TH;670 TL;672 NF;673 BN;674 NR;675 PG;676 TO;677 SB;678 VU;679 FJ;680 PW;681 WF;682 CK;683 NU;685 WS;686 KI;687 NC
688 TV;689 PF;690 TK;691 FM;692 MH;7 RU;76 KZ;77 KZ;81 JP;82 KR;84 VN;850 KP;852 HK;853 MO;855 KH;856 LA;86 CN;880 BD
886 TW;90 TR;91 IN;92 PK;93 AF;94 LK;95 MM;960 MV;961 LB;962 JO;963 SY;964 IQ;965 KW;966 SA;967 YE;968 OM;970 PS;971 AE
972 IL;973 BH;974 QA;975 BT;976 MN;977 NP;98 IR;992 TJ;993 TM;994 AZ;995 GE;996 KG;998 UZ
"""
_BY_PREFIX: Final = {
    prefix: tuple(countries)
    for prefix, *countries in (entry.split() for entry in _COUNTRIES.replace("\n", ";").split(";") if entry)
}
_LONGEST_PREFIX: Final = 4
_ONE_DIGIT_CODES: Final = "17"

Data = TypeVar("Data")
Query = Sequence[tuple[str, str]]
_LONGEST_ID: Final = 64


class Pages(msgspec.Struct):
    """Where a page stands in its list."""

    total_pages: int | None = None


class TelnyxPage(msgspec.Struct, Generic[Data]):
    """What every answer looks like, about one thing or a list of them."""

    data: Data
    meta: Pages | None = None


class _Shown(msgspec.Struct):
    phone_number: str
    features: list[dict[str, Any]] | None = None
    region_information: list[dict[str, Any]] | None = None
    cost_information: msgspec.Raw = msgspec.Raw(b"null")


class _Priced(msgspec.Struct):
    currency: str
    monthly_cost: Decimal | None = None
    upfront_cost: Decimal | None = None


def answered(answer: HttpResponse, shape: type[Data]) -> Data:
    """The body of a success as a shape. Raises CarrierError."""
    if answer.status != _OK:
        raise refused(answer)
    return decoded(answer, shape)


def checked_id(text: str) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not (text.isascii() and text.replace("-", "").isalnum() and len(text) <= _LONGEST_ID):
        raise CarrierError(Trouble.UNREADABLE, f"{text[:_LONGEST_ID]!r} is no id of a number")
    return text


class TelnyxSearches:
    """The searches of one account. `seconds` is a clock that only goes forward."""

    def __init__(self, api: CarrierHttpApi, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._seconds = seconds
        self._shown: dict[str, float] = {}

    async def search(self, wanted: Wanted) -> AvailablePage:
        """Numbers that can be bought now. Raises CarrierError."""
        limit = max(1, min(wanted.limit, _MOST_FOUND))
        common = [*_place_filters(wanted), ("filter[limit]", str(limit))]
        answers = await self._side_by_side(
            [[*common, *query] for query in digit_filters(wanted)], wanted.number_type or ""
        )
        pages = [answer for answer in answers if not isinstance(answer, CarrierError)]
        missed = next((answer for answer in answers if isinstance(answer, CarrierError)), None)
        if missed is not None and not pages:
            raise missed
        found = {number.e164: number for page in pages for number in page}
        return AvailablePage(tuple(found.values()), missed, more=any(len(page) >= limit for page in pages))

    async def can_be_ordered(self, e164: str) -> bool:
        """Whether the number was shown lately or, searched for by itself, is shown now. Raises CarrierError."""
        if self._was_shown(e164):
            return True
        code, countries = countries_of(e164)
        if not countries:
            raise CarrierError(Trouble.REFUSED, "Telnyx searches by country, and that of the number is not known here")
        digits = [("filter[phone_number][starts_with]", e164[1 + len(code) :]), ("filter[limit]", str(_EXACT))]
        answers = await self._side_by_side([[("filter[country_code]", country), *digits] for country in countries], "")
        if self._was_shown(e164):
            return True
        # A country that Telnyx does not cover is refused, which says nothing of the number.
        errors = sorted((one for one in answers if isinstance(one, CarrierError)), key=_is_refusal)
        if errors and (len(errors) == len(answers) or not _is_refusal(errors[0])):
            raise errors[0]
        return False

    def forget(self, e164: str) -> None:
        """Do not take the number for one that can be ordered until it is shown again."""
        self._shown.pop(e164, None)

    def _was_shown(self, e164: str) -> bool:
        shown_at = self._shown.get(e164)
        return shown_at is not None and self._seconds() - shown_at < SHOWN_SECONDS

    async def _side_by_side(self, queries: Sequence[Query], number_type: str) -> list[list[Available] | CarrierError]:
        """Several searches at once; there are never more than a number has digits."""
        found = await asyncio.gather(*(self._found(query, number_type) for query in queries), return_exceptions=True)
        answers: list[list[Available] | CarrierError] = []
        for answer in found:
            if isinstance(answer, BaseException) and not isinstance(answer, CarrierError):
                raise answer
            answers.append(answer)
        return answers

    async def _found(self, query: Query, number_type: str) -> list[Available]:
        answer = await self._api.read(Call("GET", "/available_phone_numbers", query))
        items = answered(answer, TelnyxPage[list[msgspec.Raw]]).data
        numbers = [number for item in items if (number := _available(item, number_type)) is not None]
        now = self._seconds()
        for number in numbers:
            self.forget(number.e164)  # it goes to the end, so that the first is always the oldest
            self._shown[number.e164] = now
        while len(self._shown) > MOST_SHOWN:
            self.forget(next(iter(self._shown)))
        return numbers


def digit_filters(wanted: Wanted) -> list[Query]:
    """The most selective of the wanted digits, beside the area code: every number that has them fits one of these.

    Beside an area code digits are of what comes after it, so what may begin in the area code is
    asked for once more for each way in which it can: 415 and 5786 is also 415 and then 786.
    """
    area, starts, ends = wanted.area_code, wanted.starts_with, wanted.ends_with
    american = wanted.calling_code == _NORTH_AMERICA
    if american and not area and len(starts) >= _AREA_CODE_LENGTH:
        area = starts[:_AREA_CODE_LENGTH]
    if american and area:
        ends = ends[-_AMERICAN_SUBSCRIBER:]
    if not area.startswith(starts) and not starts.startswith(area):
        return []  # no number begins with both
    after_area = starts[len(area) :]
    implied = any(wanted.contains in digits for digits in (area, wanted.starts_with, wanted.ends_with))
    contains = "" if implied else wanted.contains
    runs = {"starts_with": after_area, "ends_with": ends, "contains": contains}
    name, digits = max(runs.items(), key=lambda run: len(run[1]) - (run[0] == "contains"))
    base = [("filter[national_destination_code]", area)] if area else []
    if not digits:
        return [base]
    queries: list[Query] = [(*base, (f"filter[phone_number][{name}]", digits))]
    if name != "starts_with":
        shortest = (_AMERICAN_SUBSCRIBER if american else _SHORTEST_SUBSCRIBER) if name == "ends_with" else 1
        begun = [at for at in range(1, len(digits) - shortest + 1) if area.endswith(digits[:at])]
        queries += [(*base, ("filter[phone_number][starts_with]", digits[at:])) for at in begun]
    return queries


def _place_filters(wanted: Wanted) -> list[tuple[str, str]]:
    filters = [("filter[country_code]", wanted.iso_country)]
    if wanted.number_type is not None:
        filters.append(("filter[phone_number_type]", wanted.number_type))
    if wanted.region and wanted.iso_country in _SUBDIVIDED:
        filters.append(("filter[administrative_area]", wanted.region))
    if wanted.locality:
        filters.append(("filter[locality]", wanted.locality))
    return filters + [("filter[features][]", name) for name in wanted.capabilities if name in _CAPABILITIES]


def _available(item: msgspec.Raw, number_type: str) -> Available | None:
    """A number as it was shown; None for what is none, such as the masked ones of trial accounts."""
    try:
        shown = msgspec.json.decode(item, type=_Shown)
        e164 = parse_e164(shown.phone_number)
    except (msgspec.MsgspecError, UnicodeDecodeError, PhoneError):
        return None
    names = {_text(feature.get("name")).lower() for feature in shown.features or ()}
    regions = shown.region_information or ()
    places = {_text(region.get("region_type")): _text(region.get("region_name")) for region in regions}
    capabilities = tuple(name for name in _CAPABILITIES if name in names)
    cost = _cost(shown.cost_information)
    return Available(e164, number_type, places.get("state", ""), places.get("location", ""), capabilities, cost)


def _cost(item: msgspec.Raw) -> Cost | None:
    """What a number costs, exactly; None where that cannot be read, is finer than we count, or lacks the setup cost.

    Every number here has one, if only 0: where it is not told, what a purchase costs is not known.
    """
    try:
        priced = msgspec.json.decode(item, type=_Priced)
        monthly, setup = (
            None if price is None else parse_price(price, zero_allowed=True)
            for price in (priced.monthly_cost, priced.upfront_cost)
        )
        return None if setup is None else Cost(parse_currency(priced.currency), monthly, setup=setup)
    except (msgspec.MsgspecError, UnicodeDecodeError, MoneyError):
        return None


def countries_of(e164: str) -> tuple[str, tuple[str, ...]]:
    """The calling code of a number, and the countries that it may be of; "" and none where they are not known."""
    digits = e164[1:]
    for length in range(_LONGEST_PREFIX, 0, -1):
        found = _BY_PREFIX.get(digits[:length])
        if found is not None:
            return digits[: 1 if digits[0] in _ONE_DIGIT_CODES else length], found
    return "", ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_refusal(error: CarrierError) -> bool:
    return error.trouble is Trouble.REFUSED
