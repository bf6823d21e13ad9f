"""A statement as a page to read and to print: nothing of it comes from elsewhere, and it runs nothing.

Touches: nothing.

On a narrow screen each row stands as a block, its cells under each other with their names. Colours follow the reader's
setting; on paper they are black on white.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from numberdesk.core.billing import in_words
from numberdesk.core.money import format_micros, with_two_places
from numberdesk.core.periods import MONTHLY, iso_seconds
from numberdesk.core.rating import Rounding
from numberdesk.core.statement import UTC_ZONE, CarriedCalls, KindTotal, Month, Zone
from numberdesk.flows.statements.read_statements import DescribedLine, Section, StatementHead
from numberdesk.views.statements import day_text

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may load for the page: nothing but its own style; and no other page may show it within itself."""

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1a1c1f;--paper:#fff;--soft:#5c636b;--line:#d8dce0;--band:#f4f6f8}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9eb;--paper:#15181b;--soft:#a3abb3;--line:#363c42;--band:#1e2327}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:75rem;font:15px/1.45 system-ui,sans-serif;color:var(--ink);
background:var(--paper)}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:.15rem 0;color:var(--soft);overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .5rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;border-bottom-width:2px}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.edge td,.edge th{background:var(--band);font-weight:600}
.calls td{color:var(--soft);font-size:.9em;border-bottom-style:dotted}
.what{overflow-wrap:anywhere}.sums{width:auto;min-width:20rem;margin-top:1rem}
@media screen and (max-width:700px){
body{padding:1rem}.sums{width:100%;min-width:0}
.lines thead{display:none}.lines tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
.lines td,.lines th{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.1rem .5rem;text-align:right}
.lines td::before{content:attr(data-name);color:var(--soft);text-align:left;white-space:nowrap}
.lines td:empty{display:none}}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--soft:#444;--line:#bbb;--band:#eee}
body{padding:0;max-width:none;font-size:10pt}thead{display:table-header-group}tr{break-inside:avoid}
@page{margin:15mm}}
"""
_TITLES: Final = {Section.WALLET: "Wallet", Section.OWED: "Owed for calls"}
_KINDS: Final = {
    "top_up": "Top-up",
    "adjustment": "Adjustment",
    "rental": "Rent",
    "setup": "Setup",
    "usage": "Calls",
    "debt_payment": "Payment of what was owed",
}
_NAMES: Final = ("Date", "What", "Number", "Amount", "Balance")


class HtmlStatement:
    """The form of a statement as a page."""

    def begin(self, head: StatementHead, totals: Sequence[KindTotal]) -> str:
        """The head of the page, and what the month comes to."""
        title = f"Statement {head.month.name}"
        edges, currency = head.edges, head.account.currency
        until = "still open" if head.is_open else "closed"
        sums = [("Opening balance", edges.opening), *((_kind(one.kind), one.amount) for one in totals)]
        sums.append(("Balance so far" if head.is_open else "Closing balance", edges.closing))
        if edges.owed_opening or edges.owed_closing:
            sums.append(("Owed for calls", edges.owed_closing))
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td class="n">{_money(amount, currency)}</td></tr>'
            for name, amount in sums
        )
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}: {_text(head.account.name)}'
            '</title><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="robots" content="noindex"><style>{_STYLE}</style></head><body>\n'
            f"<h1>{title}</h1><p>{_text(head.account.name)} ({_text(head.account.id)})</p>"
            f"<p>{_edge_days(head.month)}, {until}; made "
            f'{iso_seconds(head.made_at)}; amounts in {_text(currency)}</p>\n<table class="sums">{rows}</table>\n'
        )

    def open_section(self, head: StatementHead, section: Section, opening: int) -> str:
        """The title and the beginning of a table."""
        names = "".join(f'<th scope="col"{_right(name)}>{name}</th>' for name in _NAMES)
        table = f'<table class="lines"><thead><tr>{names}</tr></thead><tbody>\n'
        day = _day(head.month.begins_at, head.month.zone)
        return f"<h2>{_TITLES[section]}</h2>\n{table}" + _edge(day, "Opening balance", opening)

    def lines(self, head: StatementHead, lines: Sequence[DescribedLine]) -> str:
        """Rows of lines, and of the calls that they are made of."""
        zone = head.month.zone
        return "".join(_line(line, zone) + "".join(_calls(line, one) for one in line.calls) for line in lines)

    def close_section(self, head: StatementHead, section: Section, closing: int) -> str:  # noqa: ARG002
        """The end of the table."""
        name = "Balance so far" if head.is_open else "Closing balance"
        day = _day(min(head.month.ends_at - 1, head.made_at), head.month.zone)
        return _edge(day, name, closing) + "</tbody></table>\n"

    def end(self, head: StatementHead) -> str:  # noqa: ARG002  a form's signature
        """The end of the page."""
        return "</body></html>\n"


def _line(line: DescribedLine, zone: Zone) -> str:
    transfer, what = line.transfer, _kind(line.transfer.kind)
    if line.period is not None:
        what += f" {_day(line.period.begins_at)} to {_day(line.period.ends_at)}"
        if line.period.term != MONTHLY:
            what += f" ({in_words(line.period.term)})"
    if transfer.reference is not None:
        what += f", {transfer.reference}"
    balance = "" if line.balance is None else _amount(line.balance)
    return _row("", _day(transfer.created_at, zone), what, line.e164 or "", _amount(line.amount), balance)


def _calls(line: DescribedLine, calls: CarriedCalls) -> str:
    fee = f" and {format_micros(calls.rate.connect)} a call" if calls.rate.connect else ""
    if calls.rate.rounding is not Rounding.UP:
        fee += f", rounded {calls.rate.rounding.replace('_', ' ')}"
    what = (
        f"{calls.calls} {calls.direction.value}, {calls.seconds} s, billed {calls.billed} s at "
        f"{format_micros(calls.rate.per_minute)} a minute ({calls.rate.increments}){fee}: "
        f"{_amount(-calls.amount if line.amount < 0 else calls.amount)}"
    )
    return _row("calls", day_text(calls.day), what, calls.e164, "", "")


def _edge(day: str, name: str, balance: int) -> str:
    return _row("edge", day, name, "", "", _amount(balance))


def _row(kind: str, *cells: str) -> str:
    made = "".join(
        f'<td data-name="{name}"{_right(name)}>{_text(cell)}</td>' for name, cell in zip(_NAMES, cells, strict=True)
    )
    return f'<tr class="{kind}">{made}</tr>\n' if kind else f"<tr>{made}</tr>\n"


def _right(name: str) -> str:
    return ' class="n"' if name in ("Amount", "Balance") else ' class="what"' if name == "What" else ""


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " ").capitalize())


def _amount(micros: int) -> str:
    return with_two_places(format_micros(micros))


def _money(amount: int, currency: str) -> str:
    return f"{_amount(amount)} {_text(currency)}"


def _day(instant: int, zone: Zone = UTC_ZONE) -> str:
    return day_text(instant, zone)


def _edge_days(month: Month) -> str:
    """From when to when it is. Of a zone the instants are named: a month whose zone is new begins at no midnight."""
    days = f"{_day(month.begins_at, month.zone)} to {_day(month.ends_at - 1, month.zone)}"
    if month.zone is UTC_ZONE:
        return f"{days} UTC"
    edges = f"{iso_seconds(month.begins_at)} to {iso_seconds(month.ends_at)}"
    return f"{days} {_text(month.zone.name)} ({edges}; periods and days of calls are of UTC)"


def _text(text: str) -> str:
    return escape(text)
