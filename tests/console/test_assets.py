"""Files that pages load: those of others are as they were taken, and told with their licence."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from numberdesk.console.rendering import STATIC, asset
from numberdesk.console.tables import cell

VENDORS: Final = (STATIC / "vendor", Path(__file__).parent / "vendor")


@pytest.mark.parametrize("vendor", VENDORS, ids=["of pages", "of tests"])
def test_every_file_of_others_is_listed_with_its_version_licence_and_hash(vendor: Path) -> None:
    listed = tomllib.loads((vendor / "VENDORED.toml").read_text())
    files = {name: told["sha256"] for part in listed.values() for name, told in part["files"].items()}
    there = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()} - {"VENDORED.toml"}
    assert set(files) == there
    for name, digest in files.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
    for part in listed.values():
        assert all(part[name] for name in ("version", "licence", "source", "tarball_sha256", "why"))
        assert any(name.endswith("LICENSE.txt") for name in part["files"])


def test_our_own_files_name_no_other_host() -> None:
    for path in STATIC.glob("*.*"):
        found = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name


def test_the_address_of_a_file_changes_with_its_content() -> None:
    assert re.fullmatch(r"/console/static/console\.css\?v=[0-9a-f]{12}", asset("console.css"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+13612738809", "+13612738809"),
        ("-1.15", "-1.15"),
        ("-1-1", "'-1-1"),
        ("+1|calc", "'+1|calc"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        (None, ""),
        (("=a", "b"), "'=a b"),
        (12, "12"),
    ],
)
def test_a_cell_of_a_csv_file_is_no_formula(value: object, shown: str) -> None:
    assert cell(value) == shown
