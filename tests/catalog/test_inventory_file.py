"""Reading an inventory file line by line: columns, quoting, line ends, and what is wrong with a line.

Touches: nothing.
"""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.inventory_file import MOST_BYTES_PER_LINE, Entry, InventoryFile
from numberdesk.catalog.model import BadLine
from numberdesk.core.errors import InvalidRequest

HEADER = b"phone_number,locality\n"


def entries(content: bytes) -> list[Entry | BadLine]:
    return list(InventoryFile(io.BytesIO(content)).entries())


def localities(content: bytes) -> list[str | BadLine]:
    return [entry if isinstance(entry, BadLine) else entry.locality for entry in entries(content)]


def test_columns_may_come_in_any_order_and_be_left_out() -> None:
    content = b"Currency, monthly_price ,phone_number\nUSD,1.15,+13612738809\n"
    (entry,) = entries(content)
    assert isinstance(entry, Entry)
    assert (entry.phone_number, entry.monthly_price, entry.currency) == ("+13612738809", "1.15", "USD")
    assert entry.locality == entry.cost_currency == entry.number_type == ""


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\r\n", b"\n\n  \n\n"])
def test_byte_order_mark_line_ends_and_empty_lines_change_nothing(start: bytes, end: bytes, last: bytes) -> None:
    content = start + HEADER.strip() + end + b"+1,Paris" + end + end + b"+2,  Rome " + last
    assert localities(content) == ["Paris", "Rome"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("announced", [True, False])
def test_files_of_spreadsheets_are_read_as_they_are(separator: str, encoding: str, announced: bool) -> None:  # noqa: FBT001
    rows = [
        ["Phone Number", "monthlyPrice", "City", "", ""],
        ["+1", "1,15", "São Paulo", "", ""],
        [""] * 5,
        ["+2", "2", "B", "", ""],
    ]
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    text = f"sep={separator}\r\n{out.getvalue()}" if announced else out.getvalue()
    found = entries(text.encode(encoding))
    told = [(each.phone_number, each.monthly_price, each.locality) for each in found if isinstance(each, Entry)]
    assert told == [("+1", "1,15", "São Paulo"), ("+2", "2", "B")]
    assert len(found) == 2


@pytest.mark.parametrize("first", ["+13612738809", "(361) 273-8809", "3612738809", "'+13612738809"])
def test_a_list_of_nothing_but_numbers_needs_no_header(first: str) -> None:
    file = InventoryFile(io.BytesIO(f"{first}\n+13612738810\n".encode()))
    seen = [(file.line, entry.phone_number) for entry in file.entries() if isinstance(entry, Entry)]
    assert seen == [(1, first), (2, "+13612738810")]
    assert "monthly_price" in file.absent
    assert "phone_number" not in file.absent


def test_the_reasons_of_rejected_lines_are_passed_over_when_those_come_again() -> None:
    (entry,) = entries(b"phone_number,reject_reason\n+1,is bad\n")
    assert isinstance(entry, Entry)
    assert entry.phone_number == "+1"


def test_quotes_hold_commas_and_doubled_quotes() -> None:
    assert localities(HEADER + b'+1,"Paris, ""TX"""\n') == ['Paris, "TX"']


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(texts: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["phone_number", "locality"], *[["+1", text] for text in texts]])
    assert localities(out.getvalue().encode()) == texts


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"+1,Par\0is", "NUL"),
        (b"+1,Par\xffis", "is not UTF-8 at byte 7"),
        (b"+1", "has 1 fields where the header has 2"),
        (b"+1,Paris,x", "has 3 fields where the header has 2"),
        (b'+1,"Paris', "quote that is not closed"),
        (b'+1,"Paris"TX', "text after a closing quote"),
        (b"+1,Par\ris", "carriage return"),
        (b"+1," + b"x" * MOST_BYTES_PER_LINE, "is longer than 16384 bytes"),
    ],
)
def test_a_broken_line_is_named_with_its_reason_and_the_next_one_is_read(line: bytes, reason: str) -> None:
    bad, good = localities(HEADER + b"\n" + line + b"\n+2,Rome\n")
    assert isinstance(bad, BadLine)
    assert bad.line == 3
    assert reason in bad.reason
    assert good == "Rome"


def test_lines_are_counted_through_broken_and_empty_ones() -> None:
    long = b"+1," + b"x" * 5 * MOST_BYTES_PER_LINE
    found = localities(b"\n" + HEADER + b'"\n\n' + long + b"\n" + long + b"\n+1\n")
    assert [bad.line for bad in found if isinstance(bad, BadLine)] == [3, 5, 6, 7]


def test_a_line_of_just_the_longest_length_is_read() -> None:
    line = b"+1," + b"x" * (MOST_BYTES_PER_LINE - 4) + b"\n"
    assert len(line) == MOST_BYTES_PER_LINE
    assert localities(HEADER + line + b"+2,Rome\n") == ["x" * (MOST_BYTES_PER_LINE - 4), "Rome"]


def test_a_quote_that_is_never_closed_spoils_one_line_only() -> None:
    assert len(localities(HEADER + b'+1,"Paris\n' + b"+2,Rome\n" * 1000)) == 1001
    assert localities(HEADER + b'+1,"Paris\n' + b"+2,Rome\n" * 1000)[1:] == ["Rome"] * 1000


class Endless(io.RawIOBase):
    """A file that is one line without end, and remembers how much of it was asked for at once."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.most = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        self.most = max(self.most, size)
        taken = min(size, self.left)
        self.left -= taken
        return b"x" * taken


def test_a_line_without_end_is_read_in_bounded_pieces() -> None:
    source = Endless(10 * 1024 * 1024)
    with pytest.raises(InvalidRequest, match="longer than"):
        InventoryFile(source)  # type: ignore[arg-type]  # it has the one method that is used
    assert source.left == 0
    assert source.most <= MOST_BYTES_PER_LINE + 1


def test_reading_tells_how_many_bytes_and_lines_were_read() -> None:
    content = HEADER + b"+1,Paris\n" + b"x" * 3 * MOST_BYTES_PER_LINE
    file = InventoryFile(io.BytesIO(content))
    assert (file.bytes_read, file.line) == (len(HEADER), 1)
    list(file.entries())
    assert (file.bytes_read, file.line) == (len(content), 3)


def test_a_file_may_name_its_columns_as_our_lists_do() -> None:
    for header in (b"Number,Price,Currency\n", b"phone_number,price,currency\n"):
        (entry,) = InventoryFile(io.BytesIO(header + b"+13612738809,1.15,USD\n")).entries()
        assert isinstance(entry, Entry)
        assert (entry.phone_number, entry.monthly_price) == ("+13612738809", "1.15")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"phone_number,montly_price\n", "line 1: unknown column 'montly_price'"),
        (b"\nphone_number;pryce\n", "line 2: unknown column 'pryce'"),
        (b"phone_number,price,monthly_price\n", "line 1: column monthly_price is there twice"),
        (b"phone_number,,currency\n", "line 1: column 2 has no name"),
        (b"phone_number,currency,Phone_Number\n", "line 1: column phone_number is there twice"),
        (b"currency\nUSD\n", "line 1: the column phone_number is missing"),
        (b"+13612738809,USD\n", "line 1: unknown column '\\+13612738809'; the first line must name the columns"),
        (b"phone_number,monthly_prize\n", "line 1: unknown column 'monthly_prize'; is monthly_price meant"),
        (b"\xff\xfep\0", "line 1: unknown column 'p'"),
        (b"\xff\xfe", "is empty"),
        (b"t\0i\0n\0t\0\n\0", "line 1: unknown column 'tint'"),
        (b"phone\0\n", "line 1, the header, has a NUL byte, as UTF-16 has: save the file as CSV UTF-8"),
        (b"\xff\xfe\n\0\x00\xd8\n\0", "is not UTF-16 after line"),
        (b"\xe9t\xe9\n", "line 1, the header, is not UTF-8 at byte 1: save the file as CSV UTF-8"),
        (b'"phone_number\n', "line 1, the header, has a quote"),
    ],
)
def test_a_header_that_is_missing_or_wrong_is_refused_by_name(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^file {reason}"):
        InventoryFile(io.BytesIO(content))


@pytest.mark.parametrize("behind", ["", ";;", ",,", "\t\t"])
def test_a_bare_list_of_numbers_may_have_empty_columns_to_the_right(behind: str) -> None:
    found = entries(f"+13612738809{behind}\n+13612738810{behind}\n".encode())
    assert [getattr(entry, "phone_number", entry) for entry in found] == ["+13612738809", "+13612738810"]


@given(st.binary(max_size=300))
def test_any_bytes_give_entries_or_reasons(content: bytes) -> None:
    for entry in entries(HEADER + content):
        assert isinstance(entry, Entry) or entry.reason
