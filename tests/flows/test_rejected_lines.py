"""The file of lines that an import left out, which is mended and imported as it is.

Touches: database.
"""

from __future__ import annotations

import io

import pytest

from numberdesk.catalog.reject_file import RejectFile
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.run_import import ImportReport, run_import
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
