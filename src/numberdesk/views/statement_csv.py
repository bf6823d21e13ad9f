"""A statement as CSV: one table, in which no cell runs when a spreadsheet opens it.

Touches: nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from numberdesk.core.billing import in_words
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.statement import CarriedCalls, KindTotal
from numberdesk.flows.statements.read_statements import DescribedLine, Section, StatementHead
from numberdesk.views.csv_cells import safe_cell
from numberdesk.views.statements import day_text

COLUMNS: Final = (
    "section", "type", "at", "kind", "phone_number", "amount", "balance", "currency", "period", "period_begins_at",
    "period_ends_at", "direction", "calls", "seconds", "billed_seconds", "rate", "connect_fee", "minimum_seconds",
    "step_seconds", "part", "transaction_id", "entry", "order_id", "reference", "period_length",
    "rounding", "time_zone", "day",
)  # fmt: skip
"""What each line has. Only rows of type `line` have an amount, and only those of type `calls` a part of it.

Instants are of UTC, as are the days of calls; `day` is that of the statement's zone.
"""


class CsvStatement:
    """The form of a statement as CSV, of RFC 4180."""

    def begin(self, head: StatementHead, totals: Sequence[KindTotal]) -> str:  # noqa: ARG002  a form's signature
        """The names of the columns."""
        return _rows([dict.fromkeys(COLUMNS, "") | {name: name for name in COLUMNS}])

    def open_section(self, head: StatementHead, section: Section, opening: int) -> str:
        """What was there before."""
        return _rows([_edge(head, section, "opening", head.month.begins_at, opening)])

    def lines(self, head: StatementHead, lines: Sequence[DescribedLine]) -> str:
        """Lines, each followed by the calls that it is made of."""
        rows = []
        for line in lines:
            rows.append(_line(head, line))
            rows += [_calls(head, line, one) for one in line.calls]
        return _rows(rows)

    def close_section(self, head: StatementHead, section: Section, closing: int) -> str:
        """What is there after it."""
        return _rows([_edge(head, section, "closing", min(head.month.ends_at, head.made_at), closing)])

    def end(self, head: StatementHead) -> str:  # noqa: ARG002  a form's signature
        """Nothing more."""
        return ""


def _rows(rows: Sequence[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([safe_cell(row.get(name, "")) for name in COLUMNS])
    return out.getvalue()


def _edge(head: StatementHead, section: Section, kind: str, at: int, balance: int) -> dict[str, str]:
    return {
        "section": section.value,
        "type": kind,
        "at": iso_seconds(at),
        "day": day_text(min(at, head.month.ends_at - 1), head.month.zone),
        "balance": format_micros(balance),
        "currency": head.account.currency,
        "time_zone": head.month.zone.name,
    }


def _line(head: StatementHead, line: DescribedLine) -> dict[str, str]:
    transfer, period = line.transfer, line.period
    row = {
        "section": line.section.value,
        "type": "line",
        "at": iso_seconds(transfer.created_at),
        "day": day_text(transfer.created_at, head.month.zone),
        "kind": transfer.kind,
        "phone_number": line.e164 or "",
        "amount": format_micros(line.amount),
        "balance": "" if line.balance is None else format_micros(line.balance),
        "currency": head.account.currency,
        "time_zone": head.month.zone.name,
        "transaction_id": transfer.id,
        "entry": "" if transfer.entry is None else str(transfer.entry),
        "order_id": transfer.order_id or "",
        "reference": transfer.reference or "",
    }
    if period is not None:
        row |= {
            "period": str(period.number),
            "period_begins_at": iso_seconds(period.begins_at),
            "period_ends_at": iso_seconds(period.ends_at),
            "period_length": in_words(period.term),
        }
    return row


def _calls(head: StatementHead, line: DescribedLine, calls: CarriedCalls) -> dict[str, str]:
    sign = -1 if line.amount < 0 else 1
    return {
        "section": line.section.value,
        "type": "calls",
        "at": day_text(calls.day),
        "kind": line.transfer.kind,
        "phone_number": calls.e164,
        "currency": head.account.currency,
        "time_zone": head.month.zone.name,
        "direction": calls.direction.value,
        "calls": str(calls.calls),
        "seconds": str(calls.seconds),
        "billed_seconds": str(calls.billed),
        "rate": format_micros(calls.rate.per_minute),
        "connect_fee": format_micros(calls.rate.connect),
        "minimum_seconds": str(calls.rate.increments.minimum),
        "step_seconds": str(calls.rate.increments.step),
        "rounding": calls.rate.rounding.value,
        "part": format_micros(sign * calls.amount),
        "transaction_id": line.transfer.id,
    }
