"""What the quickstarts and how-to pages print can be run, from top to bottom: here it is."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BEGINNINGS: Final = ("numberdesk ", "curl ", "cat >", "export ", "mkdir ", "echo ", "sqlite3 ", "NUMBERDESK_")
"""How blocks begin that are commands; other blocks are what is printed, or for the test's own hands."""

NOT_RUN: Final = ("numberdesk serve", "export KEY=nd_test_...")
"""Lines that the test does itself: it starts the server, and takes the key that was printed."""

PAGES: Final = {
    "docs/start/customer.md": "demo",
    "docs/start/operator.md": "serve",
    "docs/start/running.md": "serve",
    "docs/how-to/sell-numbers.md": "",
    "docs/how-to/connect-a-carrier.md": "",
    "docs/how-to/money.md": "",
    "docs/how-to/events.md": "",
    "docs/how-to/make-it-ring.md": "demo",
    "docs/how-to/calls.md": "",
    "docs/how-to/end-a-rental.md": "demo",
}
"""Each page, and the server that it speaks of."""


def scripts(text: str) -> list[str]:
    """The blocks of a page that are commands."""
    found: list[str] = []
    block: list[str] = []
    for line in [*text.splitlines(), "."]:
        if line.startswith("    ") or (not line and block):
            block.append(line[4:])
        elif block:
            found.append("\n".join(block).strip("\n"))
            block = []
    parts = [part for whole in found for part in _apart(whole)]
    return [part for part in parts if part.startswith(BEGINNINGS) and part not in NOT_RUN]


def _apart(block: str) -> list[str]:
    """Empty lines part blocks, but not within a file that is written."""
    return [block] if "<<'END'" in block and block.count("\n\n") == 0 else re.split(r"\n\n", block)


@contextmanager
def _server(kind: str, folder: Path, settings: dict[str, str]) -> Iterator[None]:
    if not kind:
        yield
        return
    command = [sys.executable, "-m", "numberdesk", "serve", *(["--demo"] if kind == "demo" else [])]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{settings['NUMBERDESK_PORT']}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def test_every_page_with_commands_is_run() -> None:
    pages = {
        str(path.relative_to(ROOT)) for part in ("start", "how-to") for path in (ROOT / "docs" / part).glob("*.md")
    }
    assert pages - PAGES.keys() == {"docs/start/developer.md"}  # make's own targets, which the house runs anyway


def test_commands_are_told_from_what_they_print() -> None:
    page = "Do:\n\n    cat > a <<'END'\n    x\n    END\n\n    curl x \\\n      -d y\n\nIt says:\n\n    {}\n"
    assert scripts(page) == ["cat > a <<'END'\nx\nEND", "curl x \\\n  -d y"]


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_prints_runs(page: str, tmp_path: Path) -> None:
    port = _free_port()
    settings = {**os.environ, "NUMBERDESK_PORT": port, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    blocks = scripts((ROOT / page).read_text())
    assert blocks
    key = ""
    if not PAGES[page]:
        subprocess.run([sys.executable, "-m", "numberdesk", "db", "upgrade"], cwd=tmp_path, env=settings, check=True)
    with _server(PAGES[page], tmp_path, settings):
        if PAGES[page] == "demo":
            key = re.findall(r"nd_test_\w+", (tmp_path / "serve.log").read_text())[0]
        for block in blocks:
            # A refusal over HTTP is one that curl ends with, and what a block exports the next one has.
            # Where a webhook leads is looked up when it is made, and nothing is sent there.
            script = block.replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("//example.com/", "//1.1.1.1/")
            script = script.replace("curl ", "curl -sS --fail-with-body ")
            ran = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", f"{script}\nenv > exported"],
                cwd=tmp_path, env={**settings, "KEY": key}, capture_output=True, text=True, check=False, timeout=100,
            )  # fmt: skip
            assert ran.returncode == 0, f"{block}\n{ran.stdout}{ran.stderr}"
            exported = dict(
                re.findall(r"^(NUMBERDESK_\w+|KEY|CONNECTION)=(.*)$", (tmp_path / "exported").read_text(), re.MULTILINE)
            )
            key = exported.pop("KEY", key)
            settings |= exported
