"""Commands for statements: the months of an account, and the statement of one in three forms.

Touches: database, environment.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import typer

from numberdesk.cli.output import fail, print_list
from numberdesk.cli.session import AccountArgument, AsJson, Limit, customer_called, services
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.statement import parse_month
from numberdesk.flows.statements.read_statements import StatementHead, find_statement, list_statements
from numberdesk.flows.statements.tell_statement import StatementForm, tell_statement
from numberdesk.infra.db import Tx
from numberdesk.views.statement_csv import CsvStatement
from numberdesk.views.statement_json import JsonStatement
from numberdesk.views.statement_page import HtmlStatement
from numberdesk.views.statements import statement_head_view
from numberdesk.wiring import Services

Result = TypeVar("Result")

statements = typer.Typer(help="Statements of months.", no_args_is_help=True)

_OPTIONS: Final = {"month": "MONTH"}


class FormatName(StrEnum):
    """In which form a statement is printed."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


_FORMS: Final[dict[FormatName, Callable[[], StatementForm]]] = {
    FormatName.JSON: JsonStatement,
    FormatName.CSV: CsvStatement,
    FormatName.HTML: HtmlStatement,
}


@statements.command("list")
def list_months(account: AccountArgument, limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List an account's months, the latest first, each with how it opens and closes."""
    with services(_OPTIONS) as running:
        owner, now = customer_called(running, account), running.now()
        found = running.reader.read_now(lambda tx: list_statements(tx, owner.id, now, before=None, limit=limit))
        columns = ("month", "status", "opening_balance", "closing_balance", "closing_owed", "currency", "line_count")
        print_list([statement_head_view(head) for head in found], columns, as_json=as_json)


@statements.command("show")
def show(
    account: AccountArgument,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Month, like 2026-03")],
    form: Annotated[FormatName, typer.Option("--format", help="How it is printed")] = FormatName.JSON,
) -> None:
    """Print the statement of a month: whole, however many lines it has."""
    with services(_OPTIONS) as running:
        owner, wanted, now = customer_called(running, account), parse_month(month), running.now()
        if wanted is None:
            raise InvalidRequest("month", "must be a month like 2026-03")
        head = running.reader.read_now(lambda tx: find_statement(tx, owner.id, wanted, now))
        if head is None:
            fail(f"{month} has not begun")
        asyncio.run(_print(running, head, _FORMS[form]()))


async def _print(running: Services, head: StatementHead, form: StatementForm) -> None:
    """Print a statement piece by piece. Commands ask in their own thread."""

    async def ask(question: Callable[[Tx], Result]) -> Result:
        return running.reader.read_now(question)

    async for piece in tell_statement(ask, head, form):
        sys.stdout.write(piece)
