"""Text that people write, and tokens that programs do."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.text import TextError, harmless, parse_text, parse_token


@pytest.mark.parametrize(
    "text", ["a", "Großkunde & Söhne", "客户", "👩‍👧", "a\u00a0b", "'; DROP TABLE orders; --", "x" * 100]
)
def test_readable_text_is_returned_as_it_is(text: str) -> None:
    assert parse_text(text, longest=100) == text


@pytest.mark.parametrize("text", ["\x00", "a\nb", "a\r", "\t", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"])
def test_control_characters_line_breaks_and_half_characters_are_refused(text: str) -> None:
    with pytest.raises(TextError, match="control characters"):
        parse_text(text, longest=100)


def test_an_empty_text_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(TextError, match="empty"):
        parse_text("", longest=10)
    assert parse_text("", longest=10, empty_allowed=True) == ""


def test_the_length_is_counted_in_characters() -> None:
    assert parse_text("ä" * 10, longest=10) == "ä" * 10
    with pytest.raises(TextError, match="at most 10 characters"):
        parse_text("ä" * 11, longest=10)


@given(st.text(max_size=20))
def test_text_that_passes_can_be_encoded_and_stays_on_one_line(sent: str) -> None:
    try:
        text = parse_text(sent, longest=20)
    except TextError:
        return
    assert text.encode().decode() == sent
    assert text.splitlines() == [text]
    assert not any(unicodedata.category(character) == "Cc" for character in text)


@pytest.mark.parametrize("token", ["a", "!", "~", "550e8400-e29b-41d4-a716-446655440000", "x" * 255])
def test_a_token_of_visible_ascii_is_returned_as_it_is(token: str) -> None:
    assert parse_token(token, longest=255) == token


@pytest.mark.parametrize("token", ["", "x" * 256])
def test_a_token_has_one_to_so_many_characters(token: str) -> None:
    with pytest.raises(TextError, match="1 to 255 characters"):
        parse_token(token, longest=255)


@pytest.mark.parametrize("token", [" ", "a b", "a\t", "\x00", "\x7f", "ä", "\uff41", "\ud800", "a\n", "\u200b"])
def test_a_token_with_other_characters_is_refused(token: str) -> None:
    with pytest.raises(TextError, match="visible ASCII"):
        parse_token(token, longest=255)


@pytest.mark.parametrize("text", ["Großkunde", "客户", "👩‍👧", "a\u00a0b", "two\nlines\tapart", r"C:\new"])
def test_what_only_shows_is_given_to_a_terminal_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_what_would_steer_a_terminal_is_written_out() -> None:
    assert harmless("a\x1b[2J\r\x9b\u202e\ud800") == r"a\x1b[2J\r\x9b\u202e\ud800"
