"""Staging an inventory file: what is checked and listed before anything is saved, in bounded memory and without traces.

Touches: files.
"""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.inventory_file import InventoryFile
from numberdesk.catalog.listing_entry import EntryError, listing_of
from numberdesk.catalog.model import BadLine, Listing
from numberdesk.catalog.reject_file import RejectFile
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.catalog.import_inventory import MOST_BAD_LISTED, MOST_PER_CHUNK, StagedInventory, stage_inventory

HEADER = "phone_number,monthly_price,currency\n"
DEMO = "+13612738809,1.15,USD\n"
NOW = 1_700_000_000_000_000


def stage(content: str, *, carrier: str = "pool", directory: Path | None = None) -> StagedInventory:
    source = io.BytesIO(content.encode())
    return stage_inventory(source, carrier=carrier, progress=lambda _bytes, _lines: None, directory=directory)


def _block(count: int, *, start: int = 2_000_000) -> str:
    return "phone_number,region\n" + "".join(f"+1361{start + line},TX\n" for line in range(count))


def test_a_number_whose_first_line_is_bad_may_come_again() -> None:
    with stage(HEADER + DEMO.replace("1.15", "-1") + DEMO) as staged:
        assert [bad.line for bad in staged.bad] == [2]
        assert staged.good == 1


def test_of_very_many_bad_lines_the_first_are_listed_and_all_are_counted() -> None:
    with stage(HEADER + "x,,\n" * (MOST_BAD_LISTED + 5)) as staged:
        assert [bad.line for bad in staged.bad] == list(range(2, MOST_BAD_LISTED + 2))
        assert staged.bad_count == MOST_BAD_LISTED + 5


@pytest.mark.parametrize("content", ["", HEADER, HEADER + "\n\n"])
def test_a_file_without_a_line_to_import_is_refused(content: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^file "):
        stage(content)


def test_a_carrier_must_have_a_carriers_name() -> None:
    with pytest.raises(InvalidRequest, match=r"^carrier "):
        stage(HEADER + DEMO, carrier="No Carrier")


def test_progress_is_told_while_reading_and_at_the_end() -> None:
    content = ("phone_number\n" + "".join(f"+1415555{line:04}\n" for line in range(2500))).encode()
    told: list[tuple[int, int]] = []
    source = io.BytesIO(content)
    stage_inventory(source, carrier="pool", progress=lambda *figures: told.append(figures)).close()
    assert [lines for _, lines in told] == [1000, 2000, 2501]
    assert told[-1][0] == len(content)
    assert told[0][0] < told[1][0] < told[2][0]


def test_nothing_is_left_of_a_staged_file(tmp_path: Path) -> None:
    with stage(HEADER + DEMO, directory=tmp_path) as staged:
        assert staged.good == 1
    with pytest.raises(InvalidRequest):
        stage(HEADER, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


class Interrupted(Exception):
    """The reader gives up."""


def test_nothing_is_left_of_a_file_whose_reading_is_interrupted(tmp_path: Path) -> None:
    def give_up(_bytes: int, _lines: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        stage_inventory(io.BytesIO((HEADER + DEMO).encode()), carrier="pool", progress=give_up, directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_chunks_are_bounded_and_by_number() -> None:
    content = _block(MOST_PER_CHUNK + 3)
    header, *lines = content.splitlines(keepends=True)
    with stage(header + "".join(reversed(lines))) as staged:
        chunks = list(staged.chunks())
    found = [listing.e164 for chunk in chunks for listing in chunk.listings]
    assert [len(chunk.listings) for chunk in chunks] == [MOST_PER_CHUNK, 3]
    assert found == sorted(found)
    assert chunks[0].lines[0] == MOST_PER_CHUNK + 4


def _peak_of_staging(count: int) -> int:
    source = io.BytesIO(_block(count).encode())
    tracemalloc.start()
    try:
        with stage_inventory(source, carrier="pool", progress=lambda _bytes, _lines: None) as staged:
            for chunk in staged.chunks():
                assert chunk.listings
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file() -> None:
    _peak_of_staging(1000)
    # Kept rows take about a kilobyte each; the rest is what caches of numbering data come to.
    assert _peak_of_staging(8000) < _peak_of_staging(2000) + 2_000_000


ODD = (
    "+13612738809,1.15,USD", "+13612738809,2,USD", "3612738810,1,USD", '"+13612738811",1,usd', "+13612738811,-1,USD",
    "+13612738812,1", "+13612738812,1,USD,,", "", " , ,", '"+1361,1', "+1361273881,1,USD", "+442079460000,1,EUR",
    "+44 20 7946 0001,1,EUR", "+4915123456789,1,EUR", "1.36E+10,1,USD", "+12125550100,1,USD", "+80012345678,1,USD",
    "x" * 20_000, "caf\xe9,1,USD", "+33123456789,,", "+13612738813,1.15,USD\r",
)  # fmt: skip


def one_by_one(content: bytes) -> tuple[list[BadLine], list[tuple[Listing, int]], str]:
    """What a file holds, line after line: the plainest way to read it."""
    file, out = InventoryFile(io.BytesIO(content)), io.StringIO()
    kept: dict[str, tuple[Listing, int]] = {}
    bad: list[BadLine] = []
    rejects = RejectFile(out)
    rejects.begin(file.header)
    for entry in file.entries():
        problem = entry if isinstance(entry, BadLine) else None
        if not isinstance(entry, BadLine):
            try:
                listing = listing_of(entry)
                first = kept.setdefault(listing.e164, (listing, file.line))[1]
                if first != file.line:
                    reason = f"phone_number {listing.e164} is there already, on line {first}"
                    problem = BadLine(file.line, reason)
            except EntryError as error:
                problem = BadLine(file.line, str(error))
        if problem is not None:
            bad.append(problem)
            rejects.add(file.cells(), problem.reason)
    return bad, sorted(kept.values()), out.getvalue()


def together(content: bytes, processes: int) -> tuple[list[BadLine], list[tuple[Listing, int]], str]:
    """The same of an import."""
    out = io.StringIO()
    with stage_inventory(
        io.BytesIO(content), carrier="pool", progress=lambda *_: None, rejects=RejectFile(out), processes=processes
    ) as staged:
        kept = [each for chunk in staged.chunks() for each in zip(chunk.listings, chunk.lines, strict=True)]
        return staged.bad, kept, out.getvalue()


@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=12), st.sampled_from(["utf-8", "latin-1", "utf-16"]))
def test_an_odd_file_comes_to_what_it_does_line_by_line(lines: list[str], encoding: str) -> None:
    content = (HEADER + "\n".join([*lines, "+13612730000,1,USD"])).encode(encoding)
    assert together(content, 1) == one_by_one(content)


def test_it_comes_to_the_same_when_other_processes_check_its_lines() -> None:
    numbers = (f"+1361{2_000_000 + place * 7 % 4_001},1,USD" for place in range(4_500))
    lines = [line for place, number in enumerate(numbers) for line in (number, *ODD[place % 400 : place % 400 + 1])]
    content = (HEADER + "\n".join(lines)).encode()
    expected = one_by_one(content)
    bad, kept, rejected = together(content, 2)
    assert (bad, kept) == (expected[0][:MOST_BAD_LISTED], expected[1])
    assert rejected == expected[2]


def test_a_number_whose_first_line_is_without_a_header_is_the_first_line() -> None:
    content = b"+13612738809\n+13612738810\n+13612738809\n"
    assert together(content, 1) == one_by_one(content)
