"""PgBouncer before a PostgreSQL server, on loopback, in transaction pooling: killed with -9 and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg

from testbed.patroni import TOOLS
from testbed.postgres import as_nobody, end_with_parent, free_port, own_folder

_PROGRAM: Final = Path("usr/sbin/pgbouncer")
_LIBRARIES: Final = Path("usr/lib/x86_64-linux-gnu")
_PATIENCE: Final = 20.0


def missing() -> str:
    """Why there can be no PgBouncer here; "" when there can."""
    if not (TOOLS / _PROGRAM).exists():
        return "PgBouncer is not here: make cluster-tools fetches it, on Debian"
    return ""


class Pooler:
    """PgBouncer before one server, with so few sessions there that transactions of everybody take turns in them."""

    def __init__(self, server_port: int, *, sessions: int = 6, pool_mode: str = "transaction") -> None:
        self.folder = own_folder()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        for part in (_PROGRAM, _LIBRARIES):  # where whoever runs it may look
            (self.folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOOLS / _PROGRAM, self.folder / _PROGRAM)
        shutil.copytree(TOOLS / _LIBRARIES, self.folder / _LIBRARIES, symlinks=True)
        (self.folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={server_port} user=postgres\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = {pool_mode}\ndefault_pool_size = {sessions}\nmax_client_conn = 500\n"
            "server_login_retry = 1\n"
        )

    def start(self) -> None:
        """Start it, and wait until it lets clients in."""
        env = {"LD_LIBRARY_PATH": str(self.folder / _LIBRARIES), "PATH": os.environ["PATH"]}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.folder / _PROGRAM, self.folder / "pgbouncer.ini"],
                stdout=log, stderr=log, env=env, preexec_fn=end_with_parent,  # noqa: PLW1509  no lock is held
                **as_nobody(),
            )  # fmt: skip
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres").close()
            except psycopg.OperationalError as error:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise RuntimeError(f"PgBouncer did not start: {error}\n{self.log()}") from error
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it at once, with whatever goes through it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def delete(self) -> None:
        """End it and remove every trace."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, direct: str) -> str:
        """The address of a database by way of it."""
        parts = urlsplit(direct)
        return urlunsplit(parts._replace(netloc=f"postgres@127.0.0.1:{self.port}"))

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text(errors="replace")
