"""Prism, which holds requests and answers against a carrier's official OpenAPI document: a stand-in, or in between."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PROGRAM: Final = ROOT / "tests" / "contract" / "node_modules" / ".bin" / "prism"
SPECS: Final = Path(os.environ.get("NUMBERDESK_CARRIER_SPECS", ROOT.parent / "shared" / "specs"))
_START_SECONDS: Final = 60.0

Mend = Callable[[dict[str, Any]], None]
"""Changes a document where it is known to be wrong."""


def missing() -> str:
    """Why contract tests cannot run here; "" when they can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not PROGRAM.exists():
        return "Prism is not installed: make contract does it"
    if not SPECS.is_dir():
        return "the carriers' OpenAPI documents are not here: NUMBERDESK_CARRIER_SPECS says where they are"
    return ""


@contextlib.contextmanager
def mock(name: str, mend: Mend | None = None) -> Iterator[str]:
    """A stand-in that answers with the document's examples, and refuses requests that are not in it; its address."""
    with _prism(["mock"], name, mend, []) as url:
        yield url


@contextlib.contextmanager
def between(name: str, upstream: str, mend: Mend | None = None) -> Iterator[str]:
    """A proxy before a server that answers 500 where a request or an answer is not in the document; its address."""
    with _prism(["proxy", "--errors"], name, mend, [upstream]) as url:
        yield url


@contextlib.contextmanager
def _prism(command: list[str], name: str, mend: Mend | None, upstream: list[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="nd-prism-") as folder:
        document = json.loads((SPECS / name).read_text())
        if mend is not None:
            mend(document)
        file = Path(folder) / name
        file.write_text(json.dumps(document))
        port = _free_port()
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                ["node", str(PROGRAM.resolve()), *command, "-h", "127.0.0.1", "-p", str(port), str(file), *upstream],  # noqa: S607  whichever node there is
                stdout=log,
                stderr=log,
                env={**os.environ, "NO_COLOR": "1", "SCARF_ANALYTICS": "false"},
            )
        try:
            _wait(process, port, Path(folder) / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Prism did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
