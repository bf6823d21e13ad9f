"""The layers are kept, and the check that says so is not blind: imports that break them are planted and found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PYPROJECT, folder)

    def plant(self, path: str, statement: str) -> None:
        """Add a statement at the end of a module; a module is made where its folder has none of that name."""
        module = self.package / path
        assert not module.with_suffix("").is_dir(), f"{path} would hide behind a package"
        module.parent.mkdir(exist_ok=True)
        with module.open("a") as file:
            file.write(f"\n{statement}\n")

    def broken(self) -> set[str]:
        """The names of the contracts that are broken."""
        done = subprocess.run(
            [LINTER, "--no-cache", "--no-logo"],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": "src", "COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        verdicts = [line.strip() for line in done.stdout.splitlines()]
        broken = {line.removesuffix(" BROKEN") for line in verdicts if line.endswith(" BROKEN")}
        kept = {line for line in verdicts if line.endswith(" KEPT")}
        assert broken or kept, done.stdout + done.stderr
        assert done.returncode == bool(broken)
        return broken


LAYERS: Final = "Imports point down only"
PURE: Final = "core and models are pure: standard library only, and none of it that does I/O"
SQL: Final = "SQL only in stores, tables, migrations and infra.db"
WEB: Final = "The web framework only in the HTTP entry point"
ADAPTERS: Final = "Adapters of carriers know no database, and only infra.http speaks to the network"
CYCLES: Final = "No package imports its sibling back"


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    return Checked(tmp_path)


def test_the_package_as_it_is_keeps_every_contract(checked: Checked) -> None:
    assert checked.broken() == set()


@pytest.mark.parametrize(
    ("path", "statement", "contract"),
    [
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
        ("helpers/__init__.py", "from numberdesk.core import money", LAYERS),
        ("flows/purchase/open_orders.py", "import sqlalchemy", SQL),
        ("flows/purchase/open_orders.py", "from numberdesk.tables import orders", SQL),
        ("api/health.py", "import sqlite3", SQL),
        ("flows/purchase/open_orders.py", "import psycopg", SQL),
        ("cli/books.py", "from numberdesk.tables import orders", SQL),
        ("flows/purchase/open_orders.py", "import starlette", WEB),
        ("infra/writer.py", "import uvicorn", WEB),
        ("carriers/adapters/vonage.py", "from numberdesk.infra import reader", ADAPTERS),
        ("carriers/adapters/planted.py", "import httpx2", ADAPTERS),
        ("carriers/adapters/planted.py", "from numberdesk.tables import orders", ADAPTERS),
    ],
)
def test_a_planted_import_breaks_its_contract(checked: Checked, path: str, statement: str, contract: str) -> None:
    checked.plant(path, statement)
    assert contract in checked.broken()


def test_two_packages_that_import_each_other_break_their_contract(checked: Checked) -> None:
    checked.plant("infra/planted.py", "from numberdesk.tables import base")
    checked.plant("tables/base.py", "from numberdesk.infra import planted")
    assert CYCLES in checked.broken()
