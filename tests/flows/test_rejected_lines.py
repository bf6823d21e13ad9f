"""The file of lines that an import left out, which is mended and imported as it is.

Touches: database.
"""

from __future__ import annotations

import gc
import io
import tracemalloc

import pytest

from numberdesk.catalog.reject_file import RejectFile
from numberdesk.catalog.store import insert_listings
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.run_import import ImportReport, run_import
from testbed.samples import listing_of
from tests.flows.conftest import Shop

FILE = """Phone Number;monthlyPrice;locality;currency
+13612738809;2,50;"Corpus; Christi";USD
+13612738810;1.15;Austin;USD
+1361;1.15;Nowhere;USD
"""


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def _imported(shop: Shop, source: io.BytesIO, out: io.StringIO) -> ImportReport:
    return run_import(
        source,
        carrier=POOL,
        skip_bad=True,
        rejects=RejectFile(out),
        read=shop.reader.read_now,
        save=lambda chunk: shop.writer.apply(shop.save_listings, chunk),
        progress=lambda *_: None,
    )


def test_a_line_that_is_kept_out_by_what_is_there_comes_back_with_all_its_cells(shop: Shop) -> None:
    account_id = shop.account(10_000_000)
    shop.offer("+13612738809", carrier="acme")
    shop.buy(account_id, "+13612738809")
    out = io.StringIO()
    report = _imported(shop, io.BytesIO(FILE.encode()), out)
    assert (report.good, report.bad_count, report.counts.new) == (1, 2, 1)
    header, *lines = sorted(out.getvalue().splitlines(), key=lambda line: not line.startswith("phone"))
    assert header == "phone_number,monthly_price,locality,currency,reject_reason"
    assert [line.rpartition(",USD,")[0] for line in lines] == [
        "+1361,1.15,Nowhere",
        '+13612738809,"2,50",Corpus; Christi',
    ]
    assert "acme" in lines[1]


def test_what_can_be_read_only_once_gives_no_file_of_rejected_lines(shop: Shop) -> None:
    with pytest.raises(InvalidRequest, match="read twice"):
        _imported(shop, _Pipe(FILE.encode()), io.StringIO())


def _conflicting(count: int) -> bytes:
    """Lines of numbers that are another carrier's, the highest number first."""
    lines = "".join(f"+1361{serial},1.15,USD\n" for serial in range(2_000_000 + count - 1, 1_999_999, -1))
    return f"phone_number,monthly_price,currency\n{lines}".encode()


def test_lines_come_back_in_the_order_of_the_file(shop: Shop) -> None:
    for serial in range(2_000_000, 2_000_004):
        shop.offer(f"+1361{serial}", carrier="acme")
        shop.buy(shop.account(10_000_000), f"+1361{serial}")
    out = io.StringIO()
    assert _imported(shop, io.BytesIO(_conflicting(4)), out).bad_count == 4
    assert [line[:12] for line in out.getvalue().splitlines()[1:]] == [
        f"+136120000{place:02}" for place in (3, 2, 1, 0)
    ]


class _Nowhere(io.StringIO):
    """Counts lines, keeps none, and notes now and then how much is in use meanwhile."""

    lines = 0
    most_in_use = 0

    def write(self, text: str) -> int:
        self.lines += 1
        if self.lines % 1000 == 0:
            gc.collect()  # what waits for the garbage collector is not kept
            self.most_in_use = max(self.most_in_use, tracemalloc.get_traced_memory()[0])
        return len(text)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what the import keeps, whatever the books are in
def test_memory_does_not_grow_with_the_lines_that_are_kept_out(shop: Shop) -> None:
    listings = [listing_of(f"+1361{serial}") for serial in range(2_000_000, 2_004_000)]
    with shop.database.write() as tx:
        insert_listings(tx, "acme", listings, now=1)

    def in_use(count: int) -> int:
        out, source = _Nowhere(), io.BytesIO(_conflicting(count))
        tracemalloc.start()
        try:
            assert _imported(shop, source, out).bad_count == count
        finally:
            tracemalloc.stop()
        assert out.lines == count + 1
        return out.most_in_use

    _imported(shop, io.BytesIO(_conflicting(4000)), _Nowhere())  # numbering data are loaded by then
    assert in_use(4000) < in_use(2000) + 100_000
