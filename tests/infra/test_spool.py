"""The spool on disk: order, repeated keys, what it leaves behind, and a full disk.

Touches: files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(("key", "value"), directory=tmp_path)
    yield spool
    spool.close()


def test_rows_come_back_by_key_with_their_lines(spool: Spool) -> None:
    assert spool.add(2, ("b", None)) is None
    assert spool.add(3, ("a", 7)) is None
    assert spool.add(4, ("c", "text")) is None
    assert list(spool.chunks(2)) == [[("a", 7, 3), ("b", None, 2)], [("c", "text", 4)]]
    assert spool.rows == 3


def test_a_repeated_key_is_answered_with_the_line_of_the_first(spool: Spool) -> None:
    assert spool.add(2, ("a", 1)) is None
    assert spool.add(9, ("a", 2)) == 2
    assert spool.add(10, ("a", 1)) == 2
    assert list(spool.chunks(10)) == [[("a", 1, 2)]]
    assert spool.rows == 1


def test_chunks_may_be_asked_for_again_and_left_half_read(spool: Spool) -> None:
    for key in "abc":
        spool.add(1, (key, 0))
    assert next(spool.chunks(1)) == [("a", 0, 1)]
    assert len(list(spool.chunks(1))) == 3


def test_an_empty_spool_has_no_chunks(spool: Spool) -> None:
    assert list(spool.chunks(1)) == []


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    spool = Spool(("key",), directory=tmp_path)
    spool.add(1, ("a",))
    spool.close()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_failure_of_storage(spool: Spool) -> None:
    spool._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(StorageFailedError, match="temporary files"):
        _fill(spool)


def _fill(spool: Spool) -> None:
    for line in range(1000):
        spool.add(line, (f"{line:0200}", None))


def test_many_rows_are_kept_as_one_after_the_other(spool: Spool) -> None:
    assert spool.add_all([("b", 1, 2), ("a", 2, 3), ("b", 3, 4)]) == [None, None, 2]
    assert spool.add_all([("c", 4, 5), ("a", 5, 6), ("c", 6, 7)]) == [None, 3, 5]
    assert spool.add_all([("d", 7, 8)]) == [None]
    assert spool.add_all([]) == []
    assert list(spool.chunks(9)) == [[("a", 2, 3), ("b", 1, 2), ("c", 4, 5), ("d", 7, 8)]]
    assert spool.rows == 4


def test_a_full_disk_is_a_failure_of_storage_for_many_rows_too(spool: Spool) -> None:
    spool._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(StorageFailedError, match="temporary files"):
        spool.add_all([(f"{line:0200}", None, line) for line in range(1000)])


@given(
    st.lists(st.tuples(st.text("ab+1", max_size=3), st.integers(-(2**63), 2**63 - 1)), max_size=20), st.integers(1, 5)
)
def test_the_first_row_of_each_key_is_kept(rows: list[tuple[str, int]], size: int) -> None:
    first: dict[str, tuple[str, int, int]] = {}
    spool = Spool(("key", "value"))
    try:
        for line, row in enumerate(rows):
            already = first.setdefault(row[0], (*row, line))
            assert spool.add(line, row) == (None if already[2] == line else already[2])
        chunks = list(spool.chunks(size))
    finally:
        spool.close()
    assert [row for chunk in chunks for row in chunk] == [first[key] for key in sorted(first)]
    assert all(len(chunk) == size for chunk in chunks[:-1])
