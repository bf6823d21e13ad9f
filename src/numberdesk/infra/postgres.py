"""PostgreSQL as an engine: connections that find the primary, fit servers only, lost commits looked up.

Touches: database, network, clock, randomness.

A connection that is cut while COMMIT is under way leaves the outcome unknown. So every
transaction begins by writing its number into a row of `writers` that only this process writes.
Whoever comes back locks that row, which waits until the old transaction has ended one way or the
other, and reads the number (docs/decisions/0008-postgresql.md).
"""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import Any, ClassVar, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from numberdesk.infra.failures import (
    CommitLostError,
    CommitUnknownError,
    DatabaseError,
    StorageFailedError,
    TryAgainError,
)

OLDEST_VERSION: Final = 14
_DEFAULTS: Final[dict[str, str]] = {
    "fallback_application_name": "numberdesk",
    "target_session_attrs": "read-write",  # of several hosts the primary, of one host not a standby
    "client_encoding": "utf8",  # whatever the database's is, which `check` judges
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
# A transaction of a process that hangs must not keep wallets locked; a batch takes milliseconds. SET LOCAL, so
# that it holds behind a pooler too.
_NOW: Final = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
_NOTE: Final = f"UPDATE writers SET transactions = {{number}}, used_at = {_NOW} WHERE id = '{{writer}}'"  # noqa: S608  no user text
_BEGIN: Final = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
    "SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s'; "
) + _NOTE
_REGISTER: Final = f"INSERT INTO writers (id, transactions, used_at) VALUES (%s, 0, {_NOW})"  # noqa: S608  no user text
_FORGET: Final = f"DELETE FROM writers WHERE used_at < {_NOW} - 30 * 86400000000"  # noqa: S608  no user text
_LOOK_UP: Final = "SELECT transactions FROM writers WHERE id = %s FOR UPDATE"

# Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
_CUT: Final = ("08", "57P01", "57P02", "57P03", "25006")  # connection, shutdown, crash, starting up, now a standby
_AGAIN: Final = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock timeout
_STORAGE: Final = ("53", "54", "55", "57", "58", "25", "42501", "XX001", "XX002")  # 42501: not permitted to this user
_RETRY_SECONDS: Final = 0.1


class Postgres:
    """One PostgreSQL database, on one primary at a time.

    `resolve_seconds` bounds how long the outcome of a lost commit is looked up.
    """

    name: ClassVar[str] = "postgresql"
    one_flow_per_commit: ClassVar[bool] = True
    """Each flow takes its rows in sorted order; two flows in one transaction could still wait crosswise."""
    file: ClassVar[str | None] = None

    def __init__(self, url: str, *, resolve_seconds: float) -> None:
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error as error:
            reason = str(error).partition('"')[0].strip(" :\n")  # what libpq quotes after it may be the password
            raise DatabaseError(f"NUMBERDESK_DATABASE_URL is not a PostgreSQL URL: {reason}") from None
        self._conninfo = make_conninfo("", **(_DEFAULTS | given))
        self._resolve_seconds = resolve_seconds
        self._writer = f"wrt_{secrets.token_hex(16)}"
        self._registered = False
        self._number = 0

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection to the primary."""
        return psycopg.connect(self._conninfo)

    def writing(self) -> Engine:
        """An engine for the one connection that writes; transactions are begun by hand."""
        return self._engine(poolclass=QueuePool, pool_size=1, max_overflow=0)

    def reading(self, connections: int) -> Engine:
        """An engine for at most so many readers at once, each with one view of the whole database."""
        engine = self._engine(poolclass=QueuePool, pool_size=connections, max_overflow=0)
        event.listen(engine, "connect", _prepare_reading)
        return engine

    def migrating(self, *, writing: bool) -> Engine:
        """An engine that keeps no connection. Writers wait for each other."""
        engine = self._engine(poolclass=NullPool)
        if writing:
            event.listen(engine, "connect", _lock_migrations)
        return engine

    def _engine(self, **options: Any) -> Engine:
        # Reading every connection's hstore type, as the dialect would, costs a round trip that nothing needs.
        return create_engine(
            "postgresql+psycopg://", creator=self.connect, use_native_hstore=False, hide_parameters=True, **options
        )

    def check(self, driver: Any) -> None:
        """Refuse a server that could lose what it acknowledged. Raises DatabaseError with what to change."""
        version = driver.info.server_version // 10_000
        if version < OLDEST_VERSION:
            raise DatabaseError(f"The database is PostgreSQL {version}; {OLDEST_VERSION} or newer is needed")
        names = (
            "pg_is_in_recovery()::text",
            *(
                f"current_setting('{name}')"
                for name in ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
            ),
            "pg_encoding_to_char(encoding)",
        )
        query = f"SELECT {', '.join(names)} FROM pg_database WHERE datname = current_database()"  # noqa: S608  constants
        standby, fsync, full_pages, synchronous, standbys, encoding = driver.execute(query).fetchone()
        complaint = _complaint(standby, fsync, full_pages, synchronous, standbys, encoding)
        if complaint is not None:
            raise DatabaseError(complaint)

    def begin(self, driver: Any) -> None:
        """Begin a write transaction; flows lock the rows they change in sorted order."""
        if not self._registered:
            driver.execute(_REGISTER, [self._writer])
            driver.execute(_FORGET)
            self._registered = True
        self._number += 1
        driver.execute(_BEGIN.format(number=self._number, writer=self._writer), prepare=False)

    def commit(self, driver: Any) -> None:
        """Commit. Raises CommitLostError when the answer never comes."""
        try:
            driver.execute("COMMIT", prepare=False)
        except psycopg.Error as error:
            if driver.closed or _is_any(error, _CUT):
                raise CommitLostError(str(error)) from error
            raise

    def usable(self, driver: Any) -> bool:
        """Whether the connection is out of its transaction and may be used again."""
        return not driver.closed and driver.info.transaction_status == TransactionStatus.IDLE

    def settle_commit(self) -> bool:
        """What became of the transaction whose commit was lost: whether it was kept.

        Asks until the database answers. Raises CommitUnknownError when that takes too long.
        """
        end = time.monotonic() + self._resolve_seconds
        while True:
            try:
                return self._was_kept()
            except psycopg.OperationalError as error:
                if time.monotonic() > end:
                    raise CommitUnknownError(f"the commit's outcome could not be looked up: {error}") from error
            time.sleep(_RETRY_SECONDS)

    def _was_kept(self) -> bool:
        with contextlib.closing(self.connect()) as connection, connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '2s'")
            row = connection.execute(_LOOK_UP, [self._writer]).fetchone()
        if row is None:
            raise CommitUnknownError(f"the row of writer {self._writer} is gone, so the commit cannot be looked up")
        return bool(row[0] == self._number)

    def failure(self, error: BaseException | None) -> StorageFailedError | None:
        """The storage's failure that an error tells of; None for a defect."""
        if not isinstance(error, psycopg.Error):
            return None
        text = str(error).strip() or type(error).__name__
        if _is_any(error, (*_CUT, *_AGAIN)) or (error.sqlstate is None and isinstance(error, psycopg.OperationalError)):
            return TryAgainError(text)
        if _is_any(error, _STORAGE):
            return StorageFailedError(text)
        return None


def _complaint(standby: str, fsync: str, full_pages: str, synchronous: str, standbys: str, encoding: str) -> str | None:
    """What is wrong with a server's settings, in words that an operator can act on."""
    if standby == "true":
        return "The database is a standby; give NUMBERDESK_DATABASE_URL the primary, or all hosts of the cluster"
    if fsync == "off" or full_pages == "off":
        name = "fsync" if fsync == "off" else "full_page_writes"
        return f"PostgreSQL runs with {name}=off and can lose paid purchases: set {name}=on"
    if synchronous == "off" or (standbys and synchronous == "local"):
        name = f"synchronous_commit={synchronous}"
        return f"PostgreSQL runs with {name} and can lose paid purchases: set synchronous_commit=on"
    if encoding != "UTF8":
        return f"The database is encoded in {encoding}; create one with UTF8"
    return None


def _is_any(error: psycopg.Error, codes: tuple[str, ...]) -> bool:
    return error.sqlstate is not None and error.sqlstate.startswith(codes)


def _prepare_reading(connection: Any, _record: Any) -> None:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _lock_migrations(connection: Any, _record: Any) -> None:
    """Until the connection is closed: a session's lock, since every revision commits by itself."""
    connection.execute("SELECT pg_advisory_lock(7091844023)")
    connection.commit()
