"""Tell a whole statement piece by piece, in some form: never more of it is in memory than LINES_AT_ONCE lines.

Touches: database.

Each piece is read in a transaction of its own, so a long statement keeps nobody waiting. Lines of a month that is over
do not change; to one that is open, some may be added between two pieces behind those that were told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from numberdesk.core.statement import KindTotal
from numberdesk.flows.statements.read_statements import (
    LINES_AT_ONCE,
    DescribedLine,
    LinePlace,
    Section,
    StatementHead,
    place_of,
    read_lines,
    total_kinds,
)
from numberdesk.infra.db import Tx

Result = TypeVar("Result")


class Ask(Protocol):
    """Asks the database something."""

    def __call__(self, question: Callable[[Tx], Result]) -> Awaitable[Result]:
        """Ask in a transaction of its own."""


class StatementForm(Protocol):
    """How a statement is written: text for each of its parts, in this order."""

    def begin(self, head: StatementHead, totals: Sequence[KindTotal]) -> str:
        """What stands at the top."""

    def open_section(self, head: StatementHead, section: Section, opening: int) -> str:
        """The beginning of a section."""

    def lines(self, head: StatementHead, lines: Sequence[DescribedLine]) -> str:
        """Some lines of it."""

    def close_section(self, head: StatementHead, section: Section, closing: int) -> str:
        """Its end."""

    def end(self, head: StatementHead) -> str:
        """What stands at the bottom."""


async def tell_statement(ask: Ask, head: StatementHead, form: StatementForm) -> AsyncIterator[str]:
    """The pieces of a statement. A section closes with what its lines come to."""
    yield form.begin(head, await ask(lambda tx: total_kinds(tx, head)))
    for section, opening in ((Section.WALLET, head.edges.opening), (Section.OWED, head.edges.owed_opening)):
        yield form.open_section(head, section, opening)
        balance, place = opening, LinePlace(section)
        while found := await ask(_page(head, place)):
            told = []
            for line in found:
                balance += line.amount
                told.append(line._replace(balance=balance))
            yield form.lines(head, told)
            place = place_of(found[-1])
        yield form.close_section(head, section, balance)
    yield form.end(head)


def _page(head: StatementHead, after: LinePlace) -> Callable[[Tx], list[DescribedLine]]:
    return lambda tx: read_lines(tx, head, after, LINES_AT_ONCE)
