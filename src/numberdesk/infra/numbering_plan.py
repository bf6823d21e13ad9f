"""Numbering plans as compiled patterns: what phonenumbers says of a number, without its detours.

Touches: nothing.

The patterns and their order are those of the library's metadata; `tests/infra/test_numbering_plan.py`
holds every answer against the library's own. What the library would first rewrite (a national prefix
left in, leading zeros), and calling codes of no country, are left to it.

Numbers are sold in blocks, and for most blocks no pattern looks at the last digits: then one answer holds for all of
them (`look_up_block`). That is not guessed from one number, but follows from every pattern that is asked on the way.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple, Protocol

import phonenumbers
from phonenumbers import NumberFormat, PhoneMetadata, PhoneNumberDesc, PhoneNumberType

from numberdesk.infra.digit_pattern import DigitPattern, UnknownExpressionError

_LONGEST_CALLING_CODE: Final = 3
_NOT_DIGITS: Final = re.compile(r"\D+")
_FIRST_GROUP: Final = re.compile(r"\\(\d)[^\d\\]")
_GROUP: Final = re.compile(r"\(\\d(?:\{\d+(?:,\d+)?\})?\)")
"""A group of any digits. Where an expression has nothing else, the number of digits alone says where each ends."""


class Looked(NamedTuple):
    """What the library says of a number: its region, its type, and the length of its national destination code."""

    calling_code: int
    region: str
    kind: int
    national: str
    destination_code: int


class _Kind(NamedTuple):
    kind: int
    lengths: frozenset[int]
    pattern: re.Pattern[str]


class _Format(NamedTuple):
    """How numbers are grouped. `first` is the group that stands alone at the beginning, where one does."""

    leading: re.Pattern[str] | None
    pattern: re.Pattern[str]
    template: str
    first: tuple[int, ...]


class _Asked(Protocol):
    """What is asked about: a number, or all numbers of a block, of which `national` is one."""

    @property
    def national(self) -> str:
        """National digits."""
        ...

    def has(self, kind: _Kind) -> bool:
        """Whether they are a kind's."""
        ...

    def begins(self, pattern: re.Pattern[str]) -> bool:
        """Whether they begin with what matches."""
        ...

    def grouped(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Their groups, where they match."""
        ...


class _Number(NamedTuple):
    """One national number."""

    national: str

    def has(self, kind: _Kind) -> bool:
        if kind.lengths and len(self.national) not in kind.lengths:
            return False
        return kind.pattern.fullmatch(self.national) is not None

    def begins(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.national) is not None

    def grouped(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        return pattern.fullmatch(self.national)


class _UndecidedError(Exception):
    """Of the numbers of a block some are answered otherwise than others, or might be."""


class _Block(NamedTuple):
    """All national numbers that begin alike, with so many digits more. What not all answer alike raises."""

    beginning: str
    more: int

    @property
    def national(self) -> str:
        return self.beginning + "0" * self.more

    def has(self, kind: _Kind) -> bool:
        if kind.lengths and len(self.beginning) + self.more not in kind.lengths:
            return False
        return self._holds(kind.pattern.pattern, begins=False)

    def begins(self, pattern: re.Pattern[str]) -> bool:
        # Where the end of the number is asked for, without that more matches: what does not then, never does.
        found = self._holds(pattern.pattern.replace("$", ""), begins=True)
        if found and "$" in pattern.pattern:
            raise _UndecidedError
        return found

    def grouped(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if _GROUP.sub("", pattern.pattern):
            raise _UndecidedError
        return pattern.fullmatch(self.national)

    def _holds(self, expression: str, *, begins: bool) -> bool:
        pattern = _digit_pattern(expression, begins)
        found = None if pattern is None else pattern.holds(self.beginning, self.more)
        if found is None:
            raise _UndecidedError
        return found


@cache
def _digit_pattern(expression: str, begins: bool) -> DigitPattern | None:  # noqa: FBT001  a key of the cache
    try:
        return DigitPattern(expression, begins=begins)
    except UnknownExpressionError:
        return None


class _Region(NamedTuple):
    name: str
    leading: re.Pattern[str] | None
    general: _Kind | None
    kinds: tuple[_Kind, ...]
    fixed: _Kind | None
    mobile: _Kind | None
    same_mobile: bool

    def kind_of(self, asked: _Asked) -> int:
        """The type of a national number; PhoneNumberType.UNKNOWN for one that the region has not."""
        if self.general is None or not asked.has(self.general):
            return PhoneNumberType.UNKNOWN
        for kind in self.kinds:
            if asked.has(kind):
                return kind.kind
        if self.fixed is not None and asked.has(self.fixed):
            both = self.same_mobile or (self.mobile is not None and asked.has(self.mobile))
            return PhoneNumberType.FIXED_LINE_OR_MOBILE if both else PhoneNumberType.FIXED_LINE
        if not self.same_mobile and self.mobile is not None and asked.has(self.mobile):
            return PhoneNumberType.MOBILE
        return PhoneNumberType.UNKNOWN


class _Plan(NamedTuple):
    """The plan of one calling code."""

    calling_code: int
    rewritten: re.Pattern[str] | None
    regions: tuple[_Region, ...]
    formats: tuple[_Format, ...]
    mobile_token: str


def look_up(e164: str) -> Looked | None:
    """What the library says of a number in E.164; None where only it can tell, or has nothing to say."""
    for length in range(1, _LONGEST_CALLING_CODE + 1):
        plan = _plan_of(e164[1 : 1 + length])
        if plan is not None:
            return _looked_up(plan, _Number(e164[1 + length :]))
    return None


def look_up_block(beginning: str, more: int) -> Looked | None:
    """What `look_up` says of every number that begins so and has `more` digits more; one of them is shown.

    None where it says nothing, or where it may not say the same of all.
    """
    for length in range(1, _LONGEST_CALLING_CODE + 1):
        plan = _plan_of(beginning[1 : 1 + length])
        if plan is not None:
            try:
                return _looked_up(plan, _Block(beginning[1 + length :], more))
            except _UndecidedError:
                return None
    return None


def regions_sharing(calling_code: int) -> int:
    """How many regions have numbers of a calling code."""
    return len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code, ()))


@cache
def divided_areas(size: int) -> frozenset[str]:
    """The beginnings of so many digits whose numbers lie in several areas, or may."""
    from phonenumbers.geodata import GEOCODE_DATA  # noqa: PLC0415  it is large and not everybody needs it

    return frozenset(area[:size] for area in GEOCODE_DATA if len(area) > size)


def _looked_up(plan: _Plan, asked: _Asked) -> Looked | None:
    national = asked.national
    if national.startswith("0") or (plan.rewritten is not None and asked.begins(plan.rewritten)):
        return None
    for region in plan.regions:
        if region.leading is not None and len(plan.regions) > 1 and not asked.begins(region.leading):
            continue
        kind = region.kind_of(asked)
        if kind != PhoneNumberType.UNKNOWN:
            return Looked(plan.calling_code, region.name, kind, national, _destination_code(plan, kind, asked))
        if region.leading is not None:
            return None  # the region is known by its leading digits, whether or not it has the number
    return None


def _destination_code(plan: _Plan, kind: int, asked: _Asked) -> int:
    """The length of the first group in international form, with a mobile token before it."""
    for form in plan.formats:
        if form.leading is not None and not asked.begins(form.leading):
            continue
        match = asked.grouped(form.pattern)
        if match is None:
            continue
        if len(form.first) == 1 and not plan.mobile_token:
            return match.end(form.first[0]) - match.start(form.first[0])
        groups = _NOT_DIGITS.split(match.expand(form.template))
        if len(groups) == 1:
            return 0
        both = kind == PhoneNumberType.MOBILE and plan.mobile_token
        return len(groups[0]) + len(groups[1]) if both else len(groups[0])
    return 0


@cache
def _plan_of(calling_code: str) -> _Plan | None:
    """The plan of a calling code; None where there is none, or it is one of no country."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code or 0), ())
    if not regions or phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY in regions:
        return None
    main = PhoneMetadata.metadata_for_region(regions[0])
    found = [PhoneMetadata.metadata_for_region(region) for region in regions]
    if main is None:
        return None
    formats = main.intl_number_format or main.number_format
    rewritten = main.national_prefix_for_parsing
    return _Plan(
        int(calling_code),
        re.compile(rewritten) if rewritten else None,
        tuple(_region(metadata) for metadata in found if metadata is not None),
        tuple(_format(form) for form in formats),
        phonenumbers.country_mobile_token(int(calling_code)),
    )


def _region(metadata: PhoneMetadata) -> _Region:
    others = (
        _kind(PhoneNumberType.PREMIUM_RATE, metadata.premium_rate),
        _kind(PhoneNumberType.TOLL_FREE, metadata.toll_free),
        _kind(PhoneNumberType.SHARED_COST, metadata.shared_cost),
        _kind(PhoneNumberType.VOIP, metadata.voip),
        _kind(PhoneNumberType.PERSONAL_NUMBER, metadata.personal_number),
        _kind(PhoneNumberType.PAGER, metadata.pager),
        _kind(PhoneNumberType.UAN, metadata.uan),
        _kind(PhoneNumberType.VOICEMAIL, metadata.voicemail),
    )
    leading = metadata.leading_digits
    return _Region(
        metadata.id,
        re.compile(leading) if leading else None,
        _kind(PhoneNumberType.UNKNOWN, metadata.general_desc),
        tuple(kind for kind in others if kind is not None),
        _kind(PhoneNumberType.FIXED_LINE, metadata.fixed_line),
        _kind(PhoneNumberType.MOBILE, metadata.mobile),
        bool(metadata.same_mobile_and_fixed_line_pattern),
    )


def _kind(kind: int, desc: PhoneNumberDesc | None) -> _Kind | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return _Kind(kind, frozenset(desc.possible_length), re.compile(desc.national_number_pattern))


def _format(form: NumberFormat) -> _Format:
    leading = form.leading_digits_pattern
    template = form.format or ""
    alone = _FIRST_GROUP.match(template)
    first = () if alone is None else (int(alone[1]),)
    return _Format(re.compile(leading[-1]) if leading else None, re.compile(form.pattern or ""), template, first)
