"""What Twilio's patterns and Telnyx's parts fit, and that the index finds exactly that."""

from __future__ import annotations

import random

import pytest

from carrier_mock.digits import BadPatternError, DigitIndex, Match, partial, parts, twilio_pattern

NUMBER = "14157867600"


def fits(match: Match, digits: str) -> bool:
    return match.digits in f"\n{digits}\n" and (match.fits is None or match.fits(digits))


@pytest.mark.parametrize(
    "pattern",
    ["78676", "STORM", "storm", "57", "+1415", "7600$", "%7600$", "*7600$", "1415%", "+14%", "*4157", "%57%", "760*"],
)
def test_a_pattern_of_twilio_fits_anywhere_unless_it_is_anchored(pattern: str) -> None:
    assert fits(twilio_pattern(pattern), NUMBER)


@pytest.mark.parametrize("pattern", ["+415", "415$", "7600*", "*14157", "+4157", "QZ", "4156"])
def test_a_pattern_of_twilio_that_stands_elsewhere_does_not_fit(pattern: str) -> None:
    assert not fits(twilio_pattern(pattern), NUMBER)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "7",
        "**",
        "*7",
        "7*",
        "415***1234",
        "4*5",
        "4%5",
        "+*%41",
        "41*$",
        "78é",
        "41-5",
        "4+15",
        "4$15",
        "1" * 17,
        "+1",
    ],
)
def test_what_is_no_pattern_of_twilio_is_refused(pattern: str) -> None:
    with pytest.raises(BadPatternError):
        twilio_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+14157867600", True),
        ("4157", True),
        ("+1 (415) 786", True),
        ("415*86", True),
        ("7600*", False),
        ("999", False),
    ],
)
def test_owned_numbers_are_filtered_by_a_part_with_wildcards(text: str, expected: bool) -> None:  # noqa: FBT001  a case of a table
    assert fits(partial(text), NUMBER) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("1", "415", "", ""), True),
        (("1", "1415", "", ""), False),
        (("1", "", "", "600"), True),
        (("1", "", "786", ""), True),
        (("1", "415", "867", "00"), True),
        (("1415", "786", "", ""), True),
        (("1415", "415", "", ""), False),
        (("1415", "", "15", ""), False),
        (("1", "", "14", ""), False),
        (("44", "", "", ""), False),
    ],
)
def test_the_parts_of_telnyx_apply_to_what_follows_the_prefix(
    given: tuple[str, str, str, str],
    expected: bool,  # noqa: FBT001  a case of a table
) -> None:
    match = parts(*given)
    assert match is not None
    assert fits(match, NUMBER) is expected


@pytest.mark.parametrize("sign", ["+", "*", "%", " ", "a", "٣"])
def test_a_sign_that_is_no_digit_gives_nothing_at_telnyx(sign: str) -> None:
    assert parts("1", f"{sign}415", "", "") is None
    assert parts("1", "", f"4{sign}5", "") is None
    assert parts("1", "", "", f"45{sign}") is None


def test_the_index_finds_what_looking_at_each_number_finds() -> None:
    chance = random.Random(7)
    numbers = {str(chance.randrange(10**9, 10**12)) for _ in range(500)}
    index = DigitIndex(sorted(numbers)[:200])
    index.add_all(sorted(numbers)[200:])
    for _ in range(300):
        digits = str(chance.randrange(10 ** chance.randrange(1, 5)))
        for match in (Match(digits), Match(f"\n{digits}"), Match(f"{digits}\n"), Match("", lambda one: one[0] == "3")):
            assert list(index.matching(match)) == [one for one in sorted(numbers) if fits(match, one)]
