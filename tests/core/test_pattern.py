"""The search language: its vectors, its refusals, and that matcher, SQL LIKE and a naive reading agree.

Touches: database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.pattern import (
    KEYPAD,
    MatchOn,
    Pattern,
    PatternError,
    Query,
    Subjects,
    compile_contains,
    compile_ends_with,
    compile_excludes,
    compile_pattern,
    compile_starts_with,
)

Compile = Callable[[str, MatchOn], Pattern]

NUMBER = Subjects(e164="14157867600", national="4157867600", subscriber="7867600")
NATIONAL, E164, SUBSCRIBER = MatchOn.NATIONAL, MatchOn.E164, MatchOn.SUBSCRIBER
COMPILERS: tuple[Compile, ...] = (
    compile_pattern,
    compile_contains,
    compile_starts_with,
    compile_ends_with,
    compile_excludes,
)


@pytest.mark.parametrize(
    ("text", "match_on", "fits"),
    [
        ("78676", NATIONAL, True),
        ("STORM", NATIONAL, True),
        ("storm", NATIONAL, True),
        ("7867*0", NATIONAL, True),
        ("%7600$", NATIONAL, True),
        ("7600$", NATIONAL, True),
        ("^415", NATIONAL, True),
        ("+1415", NATIONAL, True),
        ("+415", NATIONAL, False),
        ("^1415", NATIONAL, False),
        ("^1415", E164, True),
        ("^786", SUBSCRIBER, True),
        ("4*5", NATIONAL, True),
        ("415-786-7600", NATIONAL, True),
        # beyond the agreed ones
        ("^786", NATIONAL, False),
        ("+1415", SUBSCRIBER, True),
        ("760$", NATIONAL, False),
        ("7867?0", NATIONAL, True),
        ("78*76", NATIONAL, True),
        ("78*67", NATIONAL, False),
        ("415%00", NATIONAL, True),
        ("415%786", NATIONAL, True),
        ("786%415", NATIONAL, False),
        ("7600*", NATIONAL, False),
        ("*415", NATIONAL, False),
        ("*415", E164, True),
        ("^415%7600$", NATIONAL, True),
        ("^415%00%600$", NATIONAL, False),
        ("^415*7600$", NATIONAL, False),
        ("^415???7600$", NATIONAL, True),
        ("(415) 786.76-00", NATIONAL, True),
        (" (+1) 415", NATIONAL, True),
        ("7600 $ ", NATIONAL, True),
        ("+1 415 786 7600 $", NATIONAL, True),
        ("01234567890123456789012345678901", NATIONAL, False),
    ],
)
def test_a_pattern_fits_a_number_or_not(text: str, match_on: MatchOn, fits: bool) -> None:  # noqa: FBT001  a vector's column
    assert compile_pattern(text, match_on).matches(NUMBER) is fits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("**", "must have at least two digits or letters"),
        ("7", "must have at least two digits or letters"),
        ("78é", "must have only digits"),
        ("", "must not be empty"),
        # beyond the agreed ones
        (" ", "must have at least two digits or letters"),
        ("-.()", "must have at least two digits or letters"),
        ("^$", "must have at least two digits or letters"),
        ("+", "must have at least two digits or letters"),
        ("$", "must have at least two digits or letters"),
        ("%7%", "must have at least two digits or letters"),
        ("78_6", "must have only digits"),
        ("78'6", "must have only digits"),
        ("78; DROP TABLE numbers", "must have only digits"),
        ("78\\6", "must have only digits"),
        ("78\x00", "must have only digits"),
        ("78\n", "must have only digits"),
        ("78\u00a06", "must have only digits"),
        ("\u0667\u0668", "must have only digits"),
        ("\uff17\uff18", "must have only digits"),
        ("7\u00b2", "must have only digits"),
        ("\u017fT", "must have only digits"),  # a long s, which upper() would turn into S
        ("78\ud800", "must have only digits"),
        ("7+8", "must have ^ or + only as its first sign"),
        ("78^", "must have ^ or + only as its first sign"),
        ("7$8", "must have ^ or + only as its first sign"),
        ("$78", "must have ^ or + only as its first sign"),
        ("^+78", "must have ^ or + only as its first sign"),
        ("++78", "must have ^ or + only as its first sign"),
        ("78$$", "must have ^ or + only as its first sign"),
        ("7" * 33, "must have at most 32 characters"),
        ("7" * 20 + " " * 13, "must have at most 32 characters"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(PatternError) as refusal:
        compile_pattern(text)
    assert str(refusal.value).startswith(reason)


class _Unread(str):
    """A text that fails the test when somebody reads it; its length may be asked."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the text was read")

    def translate(self, table: object, /) -> str:
        raise AssertionError(f"the text was read with {table}")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("text", ["7" * 10_000, "%7" * 5_000, "é" * 10_000, " " * 10_000, "(" * 33])
def test_a_text_that_is_too_long_is_refused_unread_and_not_repeated(compiler: Compile, text: str) -> None:
    with pytest.raises(PatternError) as refusal:
        compiler(_Unread(text), NATIONAL)
    assert str(refusal.value) == "must have at most 32 characters"


def test_thirty_two_characters_are_still_a_pattern() -> None:
    assert compile_pattern("41" + " " * 30).shape == "%41%"


@pytest.mark.parametrize(
    ("letters", "digits"),
    [
        ("ABCDEFGHI", "222333444"),
        ("JKLMNOPQRS", "5556667777"),
        ("TUVWXYZ", "8889999"),
        ("QZ", "79"),
        ("qZ", "79"),
    ],
)
def test_letters_stand_for_their_keypad_digit(letters: str, digits: str) -> None:
    assert compile_pattern(letters) == compile_pattern(digits) == Pattern(NATIONAL, f"%{digits}%")


@pytest.mark.parametrize(
    ("compiler", "text", "match_on", "like"),
    [
        (compile_pattern, "415", NATIONAL, (NATIONAL, "%415%")),
        (compile_pattern, "%4%%15%", NATIONAL, (NATIONAL, "%4%15%")),
        (compile_pattern, "^4*5", SUBSCRIBER, (SUBSCRIBER, "4_5%")),
        (compile_pattern, "^%415", NATIONAL, (NATIONAL, "%415%")),
        (compile_pattern, "+1415$", SUBSCRIBER, (E164, "1415")),
        (compile_contains, "41?5", NATIONAL, (NATIONAL, "%41_5%")),
        (compile_contains, "+14", NATIONAL, (E164, "14%")),
        (compile_starts_with, "4", NATIONAL, (NATIONAL, "4%")),
        (compile_starts_with, "^415", NATIONAL, (NATIONAL, "415%")),
        (compile_starts_with, "+1 (415)", NATIONAL, (E164, "1415%")),
        (compile_starts_with, "1415", E164, (E164, "1415%")),
        (compile_starts_with, "*TAXI", SUBSCRIBER, (SUBSCRIBER, "_8294%")),
        (compile_starts_with, "%00", NATIONAL, (NATIONAL, "%00%")),
        (compile_ends_with, "0", NATIONAL, (NATIONAL, "%0")),
        (compile_ends_with, "76-00$", NATIONAL, (NATIONAL, "%7600")),
        (compile_ends_with, "TAXI*", E164, (E164, "%8294_")),
        (compile_ends_with, "00%", NATIONAL, (NATIONAL, "%00%")),
        (compile_excludes, "4", NATIONAL, (NATIONAL, "%4%")),
        (compile_excludes, "^800", NATIONAL, (NATIONAL, "800%")),
    ],
)
def test_every_part_is_anchored_where_its_name_says(
    compiler: Compile, text: str, match_on: MatchOn, like: tuple[MatchOn, str]
) -> None:
    assert compiler(text, match_on).like() == like


@pytest.mark.parametrize("compiler", [compile_pattern, compile_contains])
@pytest.mark.parametrize("text", ["7", "^7", "7$", "A", "*7?"])
def test_one_literal_is_too_few_where_it_would_fit_almost_every_number(compiler: Compile, text: str) -> None:
    with pytest.raises(PatternError, match="at least two digits or letters"):
        compiler(text, NATIONAL)


@pytest.mark.parametrize("compiler", [compile_starts_with, compile_ends_with, compile_excludes])
@pytest.mark.parametrize("text", ["*", "%", "^", "$", "-"])
def test_every_part_needs_a_literal(compiler: Compile, text: str) -> None:
    with pytest.raises(PatternError, match="at least one digit or letter"):
        compiler(text, NATIONAL)


@pytest.mark.parametrize("compiler", [compile_pattern, compile_contains, compile_starts_with, compile_ends_with])
def test_the_national_number_is_what_is_searched_by_default(compiler: Callable[[str], Pattern]) -> None:
    assert compiler("415").match_on is NATIONAL


@pytest.mark.parametrize(
    ("contains", "excludes", "fits"),
    [
        ((), (), True),
        (("786",), (), True),
        (("786", "600"), (), True),
        (("786", "601"), (), False),
        (("601", "786"), (), False),
        ((), ("9",), True),
        ((), ("9", "8"), False),
        ((), ("8", "9"), False),
        (("786",), ("9",), True),
        (("786",), ("00$",), False),
        (("601",), ("9",), False),
    ],
)
def test_a_query_needs_every_part_and_none_of_what_it_excludes(
    contains: tuple[str, ...],
    excludes: tuple[str, ...],
    fits: bool,  # noqa: FBT001  a vector's column
) -> None:
    query = Query(
        all_of=tuple(compile_contains(text) for text in contains),
        none_of=tuple(compile_excludes(text) for text in excludes),
    )
    assert query.matches(NUMBER) is fits


@pytest.mark.parametrize("shape", ["%4é%", "4'", "[0-9]", "4\\%", " 4"])
def test_a_shape_that_is_not_made_of_digits_and_wildcards_cannot_exist(shape: str) -> None:
    with pytest.raises(ValueError, match="a shape has only"):
        Pattern(NATIONAL, shape)


@pytest.mark.parametrize(
    ("text", "prefix", "suffix"),
    [
        ("415", "", ""),
        ("^415", "415", ""),
        ("7600$", "", "7600"),
        ("^415*00$", "415", "00"),
        ("^41%5*", "41", ""),
        ("^4157867600$", "4157867600", "4157867600"),
        ("^*415", "", ""),
        ("^%415", "", ""),
        ("415*$", "", ""),
    ],
)
def test_the_literal_ends_are_the_digits_up_to_the_first_and_from_the_last_wildcard(
    text: str, prefix: str, suffix: str
) -> None:
    compiled = compile_pattern(text)
    assert (compiled.literal_prefix, compiled.literal_suffix) == (prefix, suffix)


def test_many_runs_against_a_long_text_end_without_backtracking() -> None:
    """A matcher that backtracks into earlier runs would not be done with this for years."""
    evil = Pattern(NATIONAL, "%1" * 15 + "%2")
    ones = "1" * 5_000
    assert not evil.matches(Subjects(e164=ones, national=ones, subscriber=ones))


def _naive(text: str, match_on: MatchOn, number: Subjects, *, starts: bool = False, ends: bool = False) -> bool:
    """Read the language literally: follow the set of places that can be reached, one sign at a time."""
    signs = [sign for sign in text.upper() if sign not in " -.()"]
    subject = {NATIONAL: number.national, E164: number.e164, SUBSCRIBER: number.subscriber}[match_on]
    if signs[0] == "+":
        subject = number.e164
    places = {0} if starts or signs[0] in "^+" else set(range(len(subject) + 1))
    for sign in signs:
        if sign in "^+$":
            continue
        if sign == "%":
            places = {later for later in range(len(subject) + 1) if later >= min(places, default=99)}
        elif sign in "*?":
            places = {place + 1 for place in places if place < len(subject)}
        else:
            digit = KEYPAD.get(sign, sign)
            places = {place + 1 for place in places if subject[place : place + 1] == digit}
    return len(subject) in places if ends or signs[-1] == "$" else bool(places)


def _like_in_sqlite(subject: str, like: str) -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        return bool(connection.execute("SELECT ? LIKE ?", (subject, like)).fetchone()[0])


@st.composite
def _numbers(draw: st.DrawFn) -> Subjects:
    # Few different digits, so that near misses and repeated starts are common.
    digits = st.text("0127", min_size=1, max_size=5)
    country, area, subscriber = draw(digits), draw(st.text("0127", max_size=4)), draw(digits)
    return Subjects(e164=country + area + subscriber, national=area + subscriber, subscriber=subscriber)


_SOUP = st.text("0127ap*?% -", min_size=1, max_size=12)


@st.composite
def _pieces_of(draw: st.DrawFn, subject: str) -> str:
    """An expression cut out of the subject, some digits of it turned to wildcards, letters or runs."""
    start = draw(st.integers(0, len(subject)))
    piece = subject[start : draw(st.integers(start, len(subject)))]
    return "".join(draw(st.sampled_from([digit, digit, digit, "*", "%", "(" + digit, "a", "%%?"])) for digit in piece)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[str, MatchOn, Subjects]:
    number = draw(_numbers())
    match_on = draw(st.sampled_from(MatchOn))
    body = draw(st.one_of(_SOUP, _pieces_of(number.on(match_on))))
    return draw(st.sampled_from(["", "^", "+"])) + body + draw(st.sampled_from(["", "$"])), match_on, number


def _compiled(text: str, match_on: MatchOn) -> list[tuple[Compile, Pattern]]:
    """Compile with each of the parts that do not refuse the text. Only PatternError is a refusal."""
    compiled = []
    for compiler in COMPILERS:
        with suppress(PatternError):
            compiled.append((compiler, compiler(text, match_on)))
    return compiled


@given(case=_cases())
def test_the_matcher_agrees_with_a_naive_reading(case: tuple[str, MatchOn, Subjects]) -> None:
    text, match_on, number = case
    for compiler, pattern in _compiled(text, match_on):
        starts, ends = compiler is compile_starts_with, compiler is compile_ends_with
        assert pattern.matches(number) is _naive(text, match_on, number, starts=starts, ends=ends)


@given(case=_cases())
def test_sql_like_accepts_exactly_what_the_matcher_accepts(case: tuple[str, MatchOn, Subjects]) -> None:
    text, match_on, number = case
    for _, pattern in _compiled(text, match_on):
        subject, like = pattern.like()
        assert set(like) <= set("0123456789_%")
        assert _like_in_sqlite(number.on(subject), like) is pattern.matches(number)


@given(shape=st.text("01_%", max_size=9), subject=st.text("01", max_size=9))
def test_sql_like_and_the_matcher_agree_on_every_shape(shape: str, subject: str) -> None:
    number = Subjects(e164=subject, national=subject, subscriber=subject)
    assert Pattern(NATIONAL, shape).matches(number) is _like_in_sqlite(subject, shape)


@given(case=_cases())
def test_every_match_starts_and_ends_with_the_literal_ends(case: tuple[str, MatchOn, Subjects]) -> None:
    text, match_on, number = case
    for _, pattern in _compiled(text, match_on):
        if pattern.matches(number):
            assert number.on(pattern.match_on).startswith(pattern.literal_prefix)
            assert number.on(pattern.match_on).endswith(pattern.literal_suffix)


@given(text=st.text(st.characters(codec=None, exclude_categories=()), max_size=40), match_on=st.sampled_from(MatchOn))
def test_no_text_whatever_raises_anything_but_a_pattern_error(text: str, match_on: MatchOn) -> None:
    assert all(pattern.matches(NUMBER) in {True, False} for _, pattern in _compiled(text, match_on))


@given(text=st.text("0127AZaz*?%^+$ .-()_'é", max_size=36), match_on=st.sampled_from(MatchOn))
def test_what_is_compiled_was_short_and_keeps_every_literal(text: str, match_on: MatchOn) -> None:
    literals = sum(sign in "0127AZaz" for sign in text)
    for _, pattern in _compiled(text, match_on):
        assert len(text) <= 32
        assert not set(text) & set("_'é")
        assert sum(sign not in "_%" for sign in pattern.shape) == literals
