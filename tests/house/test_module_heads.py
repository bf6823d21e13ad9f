"""Every module says at its top what it is for and what it touches, and what it says is compared with its code.

A head is a sentence, an empty line, and a line `Touches: ...` that ends with a period:

    \"\"\"The books' SQL: wallets, transfers, holds.

    Touches: wallets, transfers, holds.
    \"\"\"

The line names what the module's own code uses, never what the functions it calls do elsewhere:

- a table of `numberdesk.tables` by its name;
- `database` for SQLAlchemy, Alembic, psycopg or what infra offers of the database (Tx, Database, Reader, Writer and so
  on), unless tables are named, which say it already. So a flow that takes a Tx touches the database, and an entry point
  that hands `lambda tx: find_wallet(tx, ...)` to a reader does not. Errors of infra.db do not count;
- `clock`, `randomness`, `environment` (variables, settings, signals, standard streams), `files`, `threads` and
  `network` for what stands under those words in _BY_NAME and _BY_METHOD;
- `nothing` for the rest. Writing to the log does not count.

numberdesk.tables only describes tables: there neither tables nor SQLAlchemy count.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import numberdesk
from numberdesk import tables

ROOT: Final = Path(numberdesk.__file__).parent
MODULES: Final = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)
TABLES: Final = frozenset(tables.metadata.tables)

_BY_NAME: Final = {
    "alembic": "database",
    "psycopg": "database",
    "sqlalchemy": "database",
    "numberdesk.infra.db.Database": "database",
    "numberdesk.infra.db.Tx": "database",
    "numberdesk.infra.reader": "database",
    "numberdesk.infra.statements": "database",
    "numberdesk.infra.writer": "database",
    "numberdesk.tables.metadata": "database",
    "asyncio.sleep": "clock",
    "asyncio.timeout": "clock",
    "asyncio.wait_for": "clock",
    "datetime.date.today": "clock",
    "datetime.datetime.now": "clock",
    "datetime.datetime.today": "clock",
    "datetime.datetime.utcnow": "clock",
    "numberdesk.infra.clock.now": "clock",
    "structlog.processors.TimeStamper": "clock",
    "time": "clock",
    "numberdesk.infra.clock.new_id": "randomness",
    "numberdesk.infra.clock.random_bytes": "randomness",
    "os.urandom": "randomness",
    "random": "randomness",
    "secrets": "randomness",
    "uuid": "randomness",
    "uuid_utils": "randomness",
    "getpass": "environment",
    "numberdesk.infra.settings.load_settings": "environment",
    "os.environ": "environment",
    "os.getenv": "environment",
    "os.getpid": "environment",
    "os.kill": "environment",
    "platform": "environment",
    "pydantic_settings": "environment",
    "rich.console": "environment",
    "signal": "environment",
    "subprocess": "environment",
    "sys.argv": "environment",
    "sys.exit": "environment",
    "sys.stderr": "environment",
    "sys.stdin": "environment",
    "sys.stdout": "environment",
    "glob": "files",
    "numberdesk.infra.spool": "files",
    "open": "files",
    "pathlib": "files",
    "shutil": "files",
    "sqlite3": "files",
    "tempfile": "files",
    "typing.BinaryIO": "files",
    "typing.IO": "files",
    "typing.TextIO": "files",
    "asyncio.run_coroutine_threadsafe": "threads",
    "asyncio.to_thread": "threads",
    "concurrent.futures": "threads",
    "multiprocessing": "threads",
    "threading": "threads",
    "asyncio.open_connection": "network",
    "asyncio.start_server": "network",
    "http.client": "network",
    "httpx": "network",
    "httpx2": "network",
    "psycopg.connect": "network",
    "socket": "network",
    "ssl": "network",
    "urllib.request": "network",
    "uvicorn": "network",
}
"""What a dotted name, or anything under it, touches."""

_BY_METHOD: Final = {
    "call_at": "clock",
    "call_later": "clock",
    "call_soon_threadsafe": "threads",
    "create_server": "network",
    "run_in_executor": "threads",
}
"""What a method of an event loop touches, whatever the loop is called."""

_WORDS: Final = frozenset(_BY_NAME.values())


class HeadError(AssertionError):
    """A module's head is not as it must be; the text says what is wrong."""


def declared(source: str) -> set[str]:
    """What a module says that it touches. Raises HeadError when its head has not the form."""
    paragraphs = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
    if not paragraphs[0].endswith("."):
        raise HeadError("the docstring must begin with a sentence, and an empty line after it")
    line = " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
    if not line.startswith("Touches: ") or not line.endswith("."):
        raise HeadError("after the first sentence must stand a line `Touches: ...` that ends with a period")
    words = line.removeprefix("Touches: ").removesuffix(".").split(", ")
    if len(set(words)) != len(words):
        raise HeadError("a word is there twice")
    if words == ["nothing"]:
        return set()
    for word in words:
        if word not in _WORDS | TABLES:
            raise HeadError(f"{word!r} is no table and not one of {', '.join(sorted(_WORDS))}")
    return set(words)


def touched(source: str, package: str) -> set[str]:
    """What a module's code touches. `package` is its dotted name, or that of the package it stands in."""
    tree = ast.parse(source)
    describes_tables = f"{package}.".startswith("numberdesk.tables.")
    methods = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = {word for method, word in _BY_METHOD.items() if method in methods}
    for name in _names_used(tree, _origins(tree)):
        if not (describes_tables and name.startswith(("numberdesk.tables.", "sqlalchemy"))):
            found |= _table(name) or {word for known, word in _BY_NAME.items() if f"{name}.".startswith(f"{known}.")}
    return found - {"database"} if TABLES & found else found


def _table(name: str) -> set[str]:
    """The table that a dotted name means: numberdesk.tables.holds, and numberdesk.tables.ledger.holds as well."""
    if not name.startswith("numberdesk.tables."):
        return set()
    first, second, *_ = [*name.split(".")[2:], ""]
    return {second} & TABLES or {first} & TABLES


def check(source: str, package: str) -> None:
    """Compare a module's head with its code. Raises HeadError."""
    says, does = declared(source), touched(source, package)
    if does - says:
        raise HeadError(f"it also touches {', '.join(sorted(does - says))}")
    if says - does:
        raise HeadError(f"it does not touch {', '.join(sorted(says - does))}")


def _origins(tree: ast.Module) -> dict[str, str]:
    """The dotted name behind each name that the module's imports bind."""
    origins = {"open": "open"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                origins[alias.asname or bound] = bound
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                origins[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return origins


def _names_used(tree: ast.Module, origins: dict[str, str]) -> Iterator[str]:
    """Dotted names as the code uses them: `time.monotonic`, and also `time` itself."""
    for node in ast.walk(tree):
        attributes, base = [], node
        while isinstance(base, ast.Attribute):
            attributes.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name) and base.id in origins:
            yield ".".join([origins[base.id], *reversed(attributes)])


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)


def test_the_head_of_a_module_says_what_its_code_touches() -> None:
    wrong = []
    for path in MODULES:
        try:
            check(path.read_text(), _dotted(path))
        except HeadError as error:
            wrong.append(f"{_dotted(path)}: {error}")
    assert wrong == []


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) > 50
    assert {"accounts", "wallets", "transfers", "numbers"} <= TABLES


def _module(head: str, code: str) -> str:
    return f'"""{head}\n"""\n{textwrap.dedent(code)}'


def _checked(touches: str, code: str, package: str = "numberdesk.flows.planted") -> None:
    check(_module(f"What it is for.\n\nTouches: {touches}.", code), package)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "What it is for",
        "What it is for.",
        "What it is for.\nTouches: nothing.",
        "What it is for.\n\nTouches: nothing",
        "What it is for.\n\nIt touches nothing.",
        "What it is for.\n\nMore about it.\n\nTouches: nothing.",
        "What it is for.\n\nTouches: .",
        "What it is for.\n\nTouches: the database.",
        "What it is for.\n\nTouches: clock, clock.",
        "What it is for.\n\nTouches: nothing, clock.",
    ],
)
def test_a_head_without_its_form_is_refused(head: str) -> None:
    with pytest.raises(HeadError):
        declared(_module(head, ""))


def test_a_head_may_wrap_and_go_on_in_prose() -> None:
    head = "What it is for,\nin two lines.\n\nTouches: clock,\nfiles.\n\nMore about it."
    assert declared(_module(head, "")) == {"clock", "files"}


@pytest.mark.parametrize(
    ("touches", "code"),
    [
        ("clock", "import time\ntime.monotonic()"),
        ("clock", "from time import time_ns as ticks\nticks()"),
        ("clock", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
        ("clock", "import datetime as dt\ndt.datetime.now()"),
        ("clock", "from numberdesk.infra import clock\nclock.now()"),
        ("clock", "def wait(loop): loop.call_later(1, print)"),
        ("randomness", "import secrets\nsecrets.token_bytes(8)"),
        ("randomness", "from uuid import uuid4\nuuid4()"),
        ("randomness", "from numberdesk.infra.clock import new_id\nnew_id('ord')"),
        ("environment", "import os\nos.environ['HOME']"),
        ("environment", "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings): ..."),
        ("environment", "import sys\nsys.stderr.write('')"),
        ("threads", "import asyncio\nasyncio.to_thread(print)"),
        ("threads", "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1)"),
        ("threads", "def ask(loop): loop.run_in_executor(None, print)"),
        ("network", "import socket\nsocket.socket()"),
        ("network", "import uvicorn.config\nuvicorn.config.Config(None)"),
        ("files", "from pathlib import Path\nPath('x').write_text('')"),
        ("files", "open('x')"),
        ("files", "import tempfile\ntempfile.TemporaryFile()"),
        ("database", "import sqlalchemy as sa\nsa.select()"),
        ("database", "from psycopg.pq import TransactionStatus\nTransactionStatus.IDLE"),
        ("database, network", "import psycopg\npsycopg.connect('host=x')"),
        ("database", "from numberdesk.infra.db import Tx\ndef apply(tx: Tx): ..."),
        ("database", "from numberdesk.tables import metadata\nmetadata.create_all()"),
        ("wallets", "from numberdesk.tables import wallets\nwallets.insert()"),
        ("wallets", "from sqlalchemy import select\nfrom numberdesk.tables import wallets as w\nselect(w.c.held)"),
        ("orders, wallets", "from numberdesk import tables\n(tables.orders.c.id, tables.wallets)"),
        ("orders", "from numberdesk.tables.orders import orders\norders.insert()"),
        (
            "idempotency_records",
            "from numberdesk.tables.orders import idempotency_records\nidempotency_records.insert()",
        ),
    ],
)
def test_each_use_is_seen_and_must_be_declared(touches: str, code: str) -> None:
    _checked(touches, code)
    with pytest.raises(HeadError, match="also touches"):
        _checked("nothing", code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "import datetime\ndatetime.datetime(2026, 1, 1)",
        "import asyncio\nasyncio.create_task",
        "import os\nos.path.join('a', 'b')",
        "def now(services): return services.now()",
        "from numberdesk.infra.db import StorageFailedError\nraise StorageFailedError",
        "from numberdesk.infra.log import get_log\nget_log().info('done')",
        (
            "from numberdesk.ledger.store import find_wallet\n"
            "async def balance(reader): return await reader.read(lambda tx: find_wallet(tx, 'acc_1'))"
        ),
    ],
)
def test_what_is_not_used_directly_is_not_declared(code: str) -> None:
    _checked("nothing", code)
    with pytest.raises(HeadError, match="does not touch"):
        _checked("clock", code)


def test_a_declared_table_that_is_not_used_is_refused() -> None:
    code = "from numberdesk.tables import wallets, holds\nwallets.insert()"
    with pytest.raises(HeadError, match="does not touch holds"):
        _checked("wallets, holds", code)


def test_a_used_table_that_is_not_declared_is_refused() -> None:
    code = "from numberdesk.tables import wallets, holds\n(wallets.insert(), holds.insert())"
    with pytest.raises(HeadError, match="also touches holds"):
        _checked("wallets", code)


def test_named_tables_say_already_that_the_database_is_touched() -> None:
    code = "from sqlalchemy import select\nfrom numberdesk.tables import wallets\nselect(wallets)"
    with pytest.raises(HeadError, match="does not touch database"):
        _checked("wallets, database", code)


def test_only_the_tables_package_may_describe_tables_and_touch_nothing() -> None:
    code = "from sqlalchemy import Table\nfrom numberdesk.tables.base import metadata\nTable('t', metadata)"
    _checked("nothing", code, "numberdesk.tables.planted")
    with pytest.raises(HeadError, match="also touches database"):
        _checked("nothing", code, "numberdesk.tables_of_others")
