"""The floor on PostgreSQL: pgbench, writing the rows of a purchase with SQL by hand, one transaction each.

Touches: database, files.

The schema, its indexes and triggers are those of the product, the statements prepared. What a
service does besides (HTTP, keys, decisions, idempotency) is left out.
"""

from __future__ import annotations

import re

from bench.stock import ACCOUNTS, FIRST, Stock
from testbed.postgres import Server, run
from testbed.samples import INBOUND, OUTBOUND, PRICE

CLIENTS = 32

_SERIAL = "lpad(:place::BIGINT::TEXT, 32, '0')"
_ORDER = f"'ord_' || {_SERIAL}"
_NUMBER = f"'+1361' || ({FIRST} + :place::BIGINT)"
_OWNER = ":owner_id::TEXT"
_NOW = ":now::BIGINT"
_MONTH = 30 * 86_400_000_000
_WEEK = 7 * 86_400_000_000
_RATES = f"'USD', {PRICE}, {INBOUND}, {OUTBOUND}"

_SCRIPT = f"""
\\set n :n + 1
\\set place :client_id * :share + :n - 1
\\set owner random(0, {ACCOUNTS - 1})
\\set now 1790000000000000 + :place
BEGIN;
UPDATE wallets SET posted = posted - {PRICE}, entries = entries + 1
WHERE account_id = 'acc_' || lpad(:owner::BIGINT::TEXT, 32, '0') AND posted - held >= {PRICE}
RETURNING account_id AS owner_id, entries, posted \\gset
INSERT INTO orders VALUES ({_ORDER}, {_OWNER}, {_NUMBER}, 'pool', 'completed', {_RATES}, 0, 0, NULL,
{_NOW}, {_NOW}, {_NOW} + {_MONTH});
UPDATE numbers SET state = 'assigned', account_id = {_OWNER}, order_id = {_ORDER}, updated_at = {_NOW}
WHERE e164 = {_NUMBER} AND state = 'available' AND price = {PRICE};
INSERT INTO holds VALUES ({_ORDER}, {_OWNER}, {PRICE}, 'captured', {_NOW}, {_NOW});
INSERT INTO transfers VALUES ('trf_' || {_SERIAL} || '_rental', 'rental', 'wallet' || chr(58) || {_OWNER},
'revenue' || chr(58) || 'rental', {PRICE}, 'USD', {_OWNER}, :entries::BIGINT, :posted::BIGINT, {_ORDER}, NULL, {_NOW},
NULL, NULL);
INSERT INTO rentals VALUES ('rnt_' || {_SERIAL}, {_ORDER}, {_OWNER}, {_NUMBER}, 'active', {_RATES},
{_NOW}, {_NOW} + {_MONTH}, '', '', '[]', {_NOW}, {_NOW}, NULL, 'month', 1, 0, NULL, NULL, 0,
{_NOW} + {_MONTH} - {_WEEK}, 0, '', NULL, NULL);
INSERT INTO rent_charges VALUES ('rch_' || {_SERIAL} || '_0', 'rnt_' || {_SERIAL}, 0, {_OWNER}, {_NUMBER}, 'purchased',
{PRICE}, 'trf_' || {_SERIAL} || '_rental', NULL, NULL, {_NOW});
INSERT INTO events VALUES ('evt_' || {_SERIAL}, {_OWNER}, 'number.purchased',
'{{"phone_number": "' || {_NUMBER} || '", "order_id": "' || {_ORDER} || '", "price": "1.15", "currency": "USD"}}',
{_NOW});
COMMIT;
"""


def measure_pgbench(server: Server, stock: Stock) -> float:
    """Buy the stock's numbers with CLIENTS connections; transactions a second."""
    script = server.folder / "purchase.sql"
    script.write_text(_SCRIPT)
    script.chmod(0o644)
    share = len(stock.numbers) // CLIENTS
    said = run(
        "pgbench", "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=1", f"--transactions={share}",
        "--define=n=0", f"--define=share={share}", f"--file={script}", stock.url,
    )  # fmt: skip
    failed = re.search(r"number of failed transactions: (\d+)", said)
    rate = re.search(r"tps = ([\d.]+)", said)
    assert failed is not None, said
    assert rate is not None, said
    assert failed[1] == "0", said
    with server.session(stock.url.partition("///")[2].partition("?")[0]) as session:
        sold = session.execute("SELECT count(*) FROM numbers WHERE state = 'assigned'").fetchone()
    assert sold == (share * CLIENTS,), sold
    return float(rate[1])
