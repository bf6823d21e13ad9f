"""A PostgreSQL cluster under Patroni with etcd, on loopback: leaders change by themselves, by order, or by kill -9."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from testbed.postgres import QUICK, as_nobody, binaries, end_with_parent, free_port, own_folder

TOOLS: Final = Path(__file__).parents[1] / ".venv" / "ha"
_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 180.0
_PACKAGES: Final = Path("usr/lib/python3/dist-packages")
_SYNCHRONOUS: Final = {
    # What docs/postgresql.md asks for.
    "synchronous_mode": True,
    "synchronous_mode_strict": True,
    "synchronous_node_count": 1,
}


def missing() -> str:
    """Why there can be no cluster here; "" when there can."""
    if not (TOOLS / ".ready").exists():
        return "Patroni and etcd are not here: make cluster-tools fetches them, on Debian"
    return ""


class Node:
    """One server of the cluster: Patroni, and the PostgreSQL that it runs."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self.port, self.api = free_port(), free_port()
        self._cluster = cluster
        self._folder = cluster.folder / name
        self._folder.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        (self._folder / "patroni.json").write_text(json.dumps(self._configuration()))
        cluster.give_away(self._folder)

    def start(self) -> None:
        """Start Patroni, which makes or joins the cluster."""
        self._process = self._cluster.run(
            self._folder / "log",
            "/usr/bin/python3",
            self._cluster.tools / "usr/bin/patroni",
            self._folder / "patroni.json",
        )

    def kill(self) -> None:
        """End Patroni and PostgreSQL at once, as a loss of power would."""
        assert self._process is not None
        first = psutil.Process(self._process.pid)
        server = [psutil.Process(pid) for pid in self._server()]
        for process in (first, *first.children(recursive=True), *server, *(c for s in server for c in s.children())):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End both in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    @contextlib.contextmanager
    def receiving_nothing(self) -> Iterator[None]:
        """Let what the leader sends lie: the standby lags, and confirms nothing."""
        receivers = [
            child
            for pid in self._server()
            for child in psutil.Process(pid).children()
            if "walreceiver" in " ".join(child.cmdline())
        ]
        assert receivers, f"{self.name} receives nothing anyway"
        for one in receivers:
            one.suspend()
        try:
            yield
        finally:
            for one in receivers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.resume()

    def role(self) -> str:
        """What it is by Patroni: `master` or `primary`, `replica`, `sync_standby`; nothing where it is silent."""
        with contextlib.suppress(OSError, ValueError), self._ask("/patroni") as answer:
            told = json.load(answer)
            if told.get("state") != "running":
                return ""
            return "sync_standby" if told.get("sync_standby") else str(told.get("role"))
        return ""

    def leads(self) -> bool:
        """Whether it is the leader."""
        return self.role() in {"master", "primary"}

    def switch_to(self, other: Node) -> None:
        """Have the leader hand over, as an operator does for maintenance."""
        body = json.dumps({"leader": self.name, "candidate": other.name}).encode()
        with self._ask("/switchover", body) as answer:
            assert answer.status == 200

    def log(self) -> str:
        """What Patroni and PostgreSQL wrote."""
        return (self._folder / "log").read_text(errors="replace")

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://{_HOST}:{self.api}{path}", data=body)
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310  as above

    def _server(self) -> list[int]:
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
            if psutil.pid_exists(pid):
                return [pid]
        return []

    def _configuration(self) -> dict[str, Any]:
        users = {"superuser": "postgres", "replication": "replicator", "rewind": "rewinder"}
        return {
            "scope": "desk",
            "name": self.name,
            "restapi": {"listen": f"{_HOST}:{self.api}", "connect_address": f"{_HOST}:{self.api}"},
            "etcd3": {"host": f"{_HOST}:{self._cluster.etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": 20,
                    "loop_wait": 2,
                    "retry_timeout": 5,
                    **_SYNCHRONOUS,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {
                            **QUICK,
                            "synchronous_commit": "on",
                            "wal_log_hints": "on",
                            "wal_sender_timeout": "5s",
                            "max_wal_senders": 8,
                        },
                    },
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth": "trust"}],
            },
            "postgresql": {
                "listen": f"{_HOST}:{self.port}",
                "connect_address": f"{_HOST}:{self.port}",
                "data_dir": str(self._folder / "data"),
                "bin_dir": str(binaries()),
                "pgpass": str(self._folder / "pgpass"),
                "parameters": {"unix_socket_directories": str(self._folder)},
                "pg_hba": [
                    "local all all trust",
                    f"host all all {_HOST}/32 trust",
                    f"host replication all {_HOST}/32 trust",
                ],
                "authentication": {part: {"username": user, "password": user} for part, user in users.items()},
            },
        }


class Cluster:
    """Three servers and an etcd. Names of nodes are n1, n2, n3."""

    def __init__(self) -> None:
        self.folder = own_folder()
        self.tools = self.folder / "tools"
        self.etcd_port = free_port()
        for part in (_PACKAGES, Path("usr/bin"), Path("usr/lib/x86_64-linux-gnu")):
            if (TOOLS / part).is_dir():  # where whoever runs it may look
                shutil.copytree(TOOLS / part, self.tools / part, symlinks=True)
        self._etcd: subprocess.Popen[bytes] | None = None
        self.nodes = [Node(self, name) for name in ("n1", "n2", "n3")]

    def start(self) -> None:
        """Start everything, and wait until there are a leader, a synchronous standby and another one."""
        peers = f"http://{_HOST}:{free_port()}"
        clients = f"http://{_HOST}:{self.etcd_port}"
        self._etcd = self.run(
            self.folder / "etcd.log", self.tools / "usr/bin/etcd", "--data-dir", self.folder / "etcd",
            "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
            "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}", "--log-level", "warn",
        )  # fmt: skip
        for node in self.nodes:
            node.start()
        self.await_whole()

    def await_whole(self) -> None:
        """Wait until each server has its part again."""
        self._wait(
            "the cluster did not become whole", lambda: sorted(map(_part, self.nodes)) == ["leader", "replica", "sync"]
        )

    def await_pair(self) -> None:
        """Wait until there are a leader and a synchronous standby, so that commits are taken."""
        self._wait("commits are not taken", lambda: {"leader", "sync"} <= set(map(_part, self.nodes)))

    def leader(self) -> Node:
        """The leader, once there is one."""
        self._wait("there is no leader", lambda: any(node.leads() for node in self.nodes))
        return next(node for node in self.nodes if node.leads())

    def standby(self) -> Node:
        """The synchronous standby."""
        self._wait("there is no synchronous standby", lambda: any(node.role() == "sync_standby" for node in self.nodes))
        return next(node for node in self.nodes if node.role() == "sync_standby")

    def url(self, database: str) -> str:
        """All hosts: whoever connects takes the one that is the leader at the time."""
        hosts = ",".join(f"{_HOST}:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write&connect_timeout=3"

    def make_database(self, name: str) -> str:
        """Make a database and return its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as session:
            session.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return self.url(name)

    def delete(self) -> None:
        """Stop and remove every trace."""
        for node in self.nodes:
            node.stop()
        if self._etcd is not None:
            self._etcd.terminate()
            self._etcd.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def give_away(self, folder: Path) -> None:
        """Let whoever runs the servers have a folder."""
        if user := as_nobody().get("user"):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user, -1)

    def run(self, log: Path, *command: object) -> subprocess.Popen[bytes]:
        """Start a program of the tools, as nobody where we are root; it ends with this process."""
        libraries = self.tools / "usr/lib/x86_64-linux-gnu"
        env = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(libraries), "PYTHONPATH": str(self.tools / _PACKAGES)}
        with log.open("ab") as written:
            return subprocess.Popen(
                [str(part) for part in command],
                stdout=written, stderr=written, env=env, preexec_fn=end_with_parent,  # noqa: PLW1509  no lock is held
                **(as_nobody() or {"cwd": "/"}),
            )  # fmt: skip

    def _wait(self, trouble: str, done: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not done():
            if time.monotonic() > end:
                raise RuntimeError(
                    "\n".join([trouble, *(f"== {node.name}\n{node.log()[-3000:]}" for node in self.nodes)])
                )
            time.sleep(0.2)


def _part(node: Node) -> str:
    return {"master": "leader", "primary": "leader", "sync_standby": "sync", "replica": "replica"}.get(node.role(), "")
