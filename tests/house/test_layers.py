"""The layers are kept, and the check that says so is not blind: imports that break them are planted and found."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

import numberdesk

PACKAGE: Final = Path(numberdesk.__file__).parent
PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
LINTER: Final = Path(sys.executable).with_name("lint-imports")


class Checked:
    """A copy of the package under the contracts of pyproject.toml."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "src" / "numberdesk"
        self._folder = folder
        for name in ("numberdesk", "carrier_mock"):
            source, copy = PACKAGE.with_name(name), self.package.with_name(name)
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PYPROJECT, folder)

    def plant(self, path: str, statement: str) -> None:
        """Add a statement at the end of a module; a module is made where its folder has none of that name."""
        module = self.package / path
        assert not module.with_suffix("").is_dir(), f"{path} would hide behind a package"
        module.parent.mkdir(exist_ok=True)
        with module.open("a") as file:
            file.write(f"\n{statement}\n")

    def broken(self) -> dict[str, str]:
        """The names of the contracts that are broken, each with the report of what breaks it."""
        done = subprocess.run(
            [LINTER, "--no-cache", "--no-logo"],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": "src", "COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        verdicts = dict(re.findall(r"^(.+?) ?(KEPT|BROKEN)(?: \(.*\))?$", done.stdout, re.MULTILINE))
        assert verdicts, done.stdout + done.stderr
        assert done.returncode == ("BROKEN" in verdicts.values())
        headed = re.split(r"^(.+)\n-+\n", done.stdout, flags=re.MULTILINE)
        reports = dict(zip(headed[1::2], headed[2::2], strict=True))
        return {name: reports[name] for name, verdict in verdicts.items() if verdict == "BROKEN"}


LAYERS: Final = "Imports point down only"
PURE: Final = "core and models are pure: standard library only, and none of it that does I/O"
SQL: Final = "SQL only in features, verify, tables, migrations and infra"
WEB: Final = "The web framework only in the HTTP entry point"
ADAPTERS: Final = "Adapters of carriers know no database, and only infra.http speaks to the network"
MOCK: Final = "The mock of carriers needs core alone"
CYCLES: Final = "No package imports its sibling back"


FEATURES: Final = (
    "accounts", "carriers", "catalog", "connections", "ledger", "numbers", "orders", "outbox", "usage", "webhooks",
)  # fmt: skip


def speaks_sql(code: str) -> bool:
    """Whether a module imports the tables, or the library that makes SQL of them."""
    names = [
        name
        for node in ast.walk(ast.parse(code))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    ]
    return any(re.match(r"(sqlalchemy|sqlite3|psycopg|numberdesk\.tables)(\.|$)", name) for name in names)


PLANTS: Final = (
    ("core/money.py", "import sqlalchemy", PURE),
    ("core/money.py", "import psycopg", PURE),
    ("core/money.py", "import time", PURE),
    ("ledger/model.py", "import random", PURE),
    ("core/money.py", "from numberdesk.infra import clock", LAYERS),
    ("accounts/store.py", "from numberdesk.ledger import store", LAYERS),
    ("numbers/model.py", "from numberdesk.catalog import model", LAYERS),
    ("tables/ledger.py", "from numberdesk.ledger import model", LAYERS),
    ("infra/writer.py", "from numberdesk.flows import open_orders", LAYERS),
    ("flows/purchase/open_orders.py", "from numberdesk import wiring", LAYERS),
    ("views/numbers.py", "from numberdesk.api import shapes", LAYERS),
    ("api/app.py", "from numberdesk import worker", LAYERS),
    ("worker.py", "from numberdesk.api import app", LAYERS),
    ("flows/purchase/open_orders.py", "import sqlalchemy", SQL),
    ("flows/purchase/open_orders.py", "from numberdesk.tables import orders", SQL),
    ("api/health.py", "import sqlite3", SQL),
    ("flows/purchase/open_orders.py", "import psycopg", SQL),
    ("cli/orders.py", "from numberdesk.tables import orders", SQL),
    ("flows/purchase/open_orders.py", "import starlette", WEB),
    ("infra/writer.py", "import uvicorn", WEB),
    ("carriers/adapters/vonage.py", "from numberdesk.infra import reader", ADAPTERS),
    ("carriers/adapters/planted.py", "import httpx2", ADAPTERS),
    ("carriers/adapters/planted.py", "from numberdesk.tables import orders", ADAPTERS),
    ("outbox/model.py", "import threading", PURE),
    ("numbers/planted.py", "from numberdesk.orders import model", LAYERS),
    ("orders/model.py", "import os", PURE),
    ("orders/planted.py", "import starlette", WEB),
    ("api/routes/planted.py", "import sqlalchemy", SQL),
    ("api/routes/planted.py", "from numberdesk.tables.numbers import numbers", SQL),
    ("planted/__init__.py", "import sqlalchemy", SQL),
    ("planted/__init__.py", "import uvicorn", WEB),
    ("../carrier_mock/planted.py", "from numberdesk.infra import clock", MOCK),
)
"""Modules, imports that they may not have, and the contracts that say so."""


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    return Checked(tmp_path)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says of a package with all of PLANTS in it: one run, for it reads hundreds of files."""
    checked = Checked(tmp_path_factory.mktemp("planted"))
    for path, statement, _ in PLANTS:
        checked.plant(path, statement)
    return checked.broken()


def test_the_package_as_it_is_keeps_every_contract(checked: Checked) -> None:
    assert checked.broken() == {}


@pytest.mark.parametrize(("path", "statement", "contract"), PLANTS)
def test_a_planted_import_breaks_its_contract(
    reports: dict[str, str], path: str, statement: str, contract: str
) -> None:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    importer = module.removeprefix("...") if module.startswith("...") else f"numberdesk.{module}"
    words = statement.split()
    imported = re.escape(words[1]) + (rf"(\.{words[3]})?" if words[0] == "from" else "")
    assert re.search(rf"\b{re.escape(importer)} -> {imported} ", reports[contract])


def test_a_package_in_no_layer_and_two_that_import_each_other_break_their_contracts(checked: Checked) -> None:
    checked.plant("helpers/__init__.py", "from numberdesk.core import money")
    checked.plant("infra/planted.py", "from numberdesk.tables import base")
    checked.plant("tables/base.py", "from numberdesk.infra import planted")
    broken = checked.broken()
    assert CYCLES in broken
    assert "helpers" in broken[LAYERS]


@pytest.mark.parametrize("feature", FEATURES)
def test_the_sql_of_a_feature_is_in_its_stores(feature: str) -> None:
    files = (PACKAGE / feature).rglob("*.py")
    assert {path.name for path in files if speaks_sql(path.read_text()) and not path.stem.endswith("store")} == set()


def test_every_feature_of_the_contract_is_looked_at_for_sql() -> None:
    layers = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    assert tuple(layers[layers.index("verify") + 1].split(" | ")) == FEATURES


@pytest.mark.parametrize(
    ("code", "speaks"),
    [
        ("from sqlalchemy import select", True),
        ("import sqlalchemy.sql", True),
        ("from numberdesk.tables.orders import orders", True),
        ("def late():\n    from numberdesk.tables import orders", True),
        ("from numberdesk.infra.db import Tx", False),
        ("import csv", False),
    ],
)
def test_a_module_that_speaks_sql_is_told_from_one_that_does_not(code: str, speaks: bool) -> None:  # noqa: FBT001  a case's answer
    assert speaks_sql(code) is speaks
