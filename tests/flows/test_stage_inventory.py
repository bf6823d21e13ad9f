"""Staging an inventory file: what is checked and listed before anything is saved, in bounded memory and without traces.

Touches: files.
"""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

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
