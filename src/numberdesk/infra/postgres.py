"""PostgreSQL as an engine: connections that find the primary, fit servers only, lost commits looked up.

Touches: database, clock, randomness.

A connection that is cut while COMMIT is under way leaves the outcome unknown. So every
transaction begins by writing its number into a row of `writers` that only this process writes.
Whoever comes back locks that row, which waits until the old transaction has ended one way or the
other, and reads the number (docs/decisions/0008-postgresql.md).

Behind a pooler of transactions (PgBouncer) each transaction may be in another session, and on another server after a
failover: statements are not prepared then, and the server is looked at as every transaction that writes begins.

A server may also be silent: it hangs, or its synchronous standby is gone and COMMIT waits for it for
ever. So every wait has an end, after which the connection is given up, like one that was cut.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from typing import Any, ClassVar, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from numberdesk.infra.bounded_connection import Bounded
from numberdesk.infra.failures import (
    CommitLostError,
    CommitUnknownError,
    DatabaseError,
    StorageFailedError,
    TryAgainError,
    UnfitServerError,
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
# A transaction of a process that hangs must not keep wallets locked; a batch takes milliseconds. And no role's or
# database's statement_timeout: at a COMMIT that waits for a standby the server would take that for leave to answer
# without it. SET LOCAL, so that it holds behind a pooler too.
_BOUNDS: Final = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = 0; "
_NOW: Final = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
_NOTE: Final = f"UPDATE writers SET transactions = {{number}}, used_at = {_NOW} WHERE id = '{{writer}}'"  # noqa: S608  no user text
_FITNESS: Final = (
    "SELECT pg_is_in_recovery()::text, current_setting('fsync'), current_setting('full_page_writes'), "
    "current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), "
    "pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
)
_BEGIN: Final = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_BOUNDS}"
    f"SET LOCAL idle_in_transaction_session_timeout = '10s'; {_NOTE}"
)
_BEGIN_POOLED: Final = f"{_BEGIN.removesuffix(_NOTE)}{_FITNESS}; {_NOTE}"
_MIGRATIONS: Final = 7091844023
"""The advisory lock of whoever changes the schema."""
_REGISTER: Final = (
    f"BEGIN; {_BOUNDS}INSERT INTO writers (id, transactions, used_at) VALUES ('{{writer}}', 0, {_NOW}) "  # noqa: S608  no user text
    "ON CONFLICT DO NOTHING; COMMIT"
)
_FORGET: Final = (
    f"DELETE FROM writers WHERE id IN (SELECT id FROM writers WHERE used_at < {_NOW} - 30 * 86400000000 "  # noqa: S608  no user text
    "FOR UPDATE SKIP LOCKED)"
)
_LEAVE: Final = "DELETE FROM writers WHERE id IN (SELECT id FROM writers WHERE id = '{writer}' FOR UPDATE SKIP LOCKED)"
_LOOK_UP: Final = "SELECT transactions FROM writers WHERE id = %s FOR UPDATE"

# Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
_CUT: Final = ("08", "57P01", "57P02", "57P03", "25006")  # connection, shutdown, crash, starting up, now a standby
_ENDED: Final = ("FATAL", "PANIC")
"""Severities after which the session is over, whatever the reason: idle too long, a transaction too long, a crash."""
_AGAIN: Final = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock timeout
# 42501: not permitted to this user. XX: damaged pages, and what the server has no code for, like a disk's quota.
_STORAGE: Final = ("53", "54", "55", "57", "58", "25", "42501", "XX")
_RETRY_SECONDS: Final = 0.1
_MOST_TRANSACTIONS: Final = 2000
"""Noted in one row of `writers`. While anybody looks at an old state, each change of a row has to pass all its former
versions since: after 60,000 of them that took a millisecond."""
_SHORTEST_SECONDS: Final = 2.0
"""What a transaction is given at least: a thousand lines of an import are one."""
_COMMIT_SECONDS: Final = 1.0
"""What its COMMIT is given at least, however long the rest took."""


class Postgres:
    """One PostgreSQL database, on one primary at a time.

    `resolve_seconds` bounds how long a transaction that writes may take (two seconds at least), and how
    long the outcome of a lost commit is looked up.
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
        self._write_seconds = max(resolve_seconds, _SHORTEST_SECONDS)
        self._writer = _new_writer()
        self._former: str | None = None
        self._registered = False
        self._number = 0
        self.pooled = False

    def connect(self) -> Bounded:
        """A new connection to the primary, bounded as a transaction that writes is."""
        connection = Bounded.connect(self._conninfo)
        self.bound(connection, self._write_seconds)
        connection.add_notice_handler(connection.heed)
        connection.find_pooler()
        self.pooled = connection.pooled
        return connection

    def bound(self, driver: Bounded, seconds: float | None) -> None:
        """Let the connection wait for so long from now on; None is for ever."""
        driver.end = math.inf if seconds is None else time.monotonic() + seconds

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
        event.listen(engine, "connect", lambda connection, _record: self.bound(connection, None))
        if writing:
            event.listen(engine, "connect", self._lock_migrations)
        return engine

    def _lock_migrations(self, connection: Bounded, _record: Any) -> None:
        """Until the connection is closed: a session's lock, since every revision commits by itself.

        Behind a pooler no session is ours for so long, but a transaction is: another connection stays in one.
        """
        if not connection.pooled:
            connection.execute(f"SELECT pg_advisory_lock({_MIGRATIONS})")
            connection.commit()
            return
        connection.held = holder = self.connect()
        self.bound(holder, None)
        holder.execute("SET LOCAL statement_timeout = 0")
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        holder.execute(f"SELECT pg_advisory_xact_lock({_MIGRATIONS})")

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
        complaint = _complaint(*driver.execute(_FITNESS).fetchone())
        if complaint is not None:
            raise DatabaseError(complaint)

    def fold_rarely(self, driver: Bounded) -> None:
        """The server decides itself when it writes what its log has."""

    def begin(self, driver: Bounded) -> None:
        """Begin a write transaction; flows lock the rows they change in sorted order."""
        self.bound(driver, self._write_seconds)
        if not driver.checked:
            self._check_anew(driver)
        if self._number >= _MOST_TRANSACTIONS:  # whose outcomes have all been told: nobody asks for that row any more
            self._renew()
        if not self._noted(driver):  # the database is an older one, restored or promoted, and has not this writer's row
            driver.execute("ROLLBACK", prepare=False)
            self._renew()
            if not self._noted(driver):
                raise StorageFailedError(f"the row of writer {self._writer} is not there, though it was just made")

    def _check_anew(self, driver: Bounded) -> None:
        """Look at a server that may be another than at the start: a failover leads wherever it leads.

        One that is refused is left, so that the next try may find another; a standby may become the primary.
        """
        try:
            self.check(driver)
        except DatabaseError as error:
            standby = driver.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
            driver.close()
            raise (TryAgainError if standby else UnfitServerError)(str(error)) from error
        driver.checked = True

    def _noted(self, driver: Bounded) -> bool:
        """Begin with the transaction's number in this writer's row; whether there is one."""
        if not self._registered:
            self._register(driver)
        driver.may_cancel = True
        self._number += 1
        begin = _BEGIN_POOLED if driver.pooled else _BEGIN
        cursor = driver.execute(begin.format(number=self._number, writer=self._writer), prepare=False)
        complaint = None
        while cursor.nextset():  # the last of these statements is the note
            if cursor.description is not None:
                complaint = _complaint(*(cursor.fetchone() or ()))
        if complaint is not None:
            driver.execute("ROLLBACK", prepare=False)
            raise UnfitServerError(complaint)
        return cursor.rowcount == 1

    def _renew(self) -> None:
        """Be another writer from the next transaction on, with a row of its own."""
        self._former = self._writer
        self._writer = _new_writer()
        self._registered = False
        self._number = 0

    def _register(self, driver: Bounded) -> None:
        """Make this writer's row. Whatever fails here may be done again.

        A row that is locked is left: a transaction that was given up may still be on its way in it.
        """
        driver.may_cancel = False
        driver.execute(_REGISTER.format(writer=self._writer), prepare=False)
        self._registered = True
        with contextlib.suppress(psycopg.Error):  # only tidying up, which the next process does as well
            driver.execute(_FORGET if self._former is None else _LEAVE.format(writer=self._former), prepare=False)

    def commit(self, driver: Bounded) -> None:
        """Commit. Raises CommitLostError when the answer never comes, or comes without the standby's."""
        driver.end = max(driver.end, time.monotonic() + _COMMIT_SECONDS)
        driver.may_cancel = False
        driver.warning = None
        try:
            tag = driver.execute("COMMIT", prepare=False).statusmessage
        except psycopg.Error as error:
            if driver.closed or _is_cut(error):
                raise CommitLostError(str(error)) from error
            raise
        if tag != "COMMIT":
            raise RuntimeError(f"COMMIT of a transaction in which a statement had failed: {tag}")
        if driver.warning is not None:
            raise CommitLostError(driver.warning)

    def usable(self, driver: Any) -> bool:
        """Whether the connection is out of its transaction and may be used again."""
        return not driver.closed and driver.info.transaction_status == TransactionStatus.IDLE

    def resolve_commit(self) -> bool:
        """What became of the transaction whose commit was lost: whether it was kept.

        Asks until the database answers. Raises CommitUnknownError when that takes too long.
        """
        end = time.monotonic() + self._resolve_seconds
        while True:
            try:
                return self._was_kept(end)
            except psycopg.OperationalError as error:
                if time.monotonic() + _RETRY_SECONDS >= end:
                    raise CommitUnknownError(f"the commit's outcome could not be looked up: {error}") from error
            time.sleep(_RETRY_SECONDS)

    def _was_kept(self, end: float) -> bool:
        """Ask once. That it was kept is true when this transaction is committed too, which waits for the standby."""
        with contextlib.closing(self.connect()) as connection:
            connection.end = end
            connection.may_cancel = False
            connection.execute(_BOUNDS, prepare=False)
            row = connection.execute(_LOOK_UP, [self._writer]).fetchone()
            if row is None:
                raise CommitUnknownError(f"the row of writer {self._writer} is gone, so the commit cannot be looked up")
            if row[0] != self._number:
                return False
            connection.warning = None
            connection.commit()
            if connection.warning is not None:
                raise psycopg.OperationalError(connection.warning)
            return True

    def failure(self, error: BaseException | None) -> StorageFailedError | None:
        """The storage's failure that an error tells of; None for a defect."""
        if not isinstance(error, psycopg.Error):
            return None
        text = str(error).strip() or type(error).__name__
        if _is_cut(error) or _is_any(error, _AGAIN):  # what COMMIT met does not come here before it is looked up
            return TryAgainError(text)
        if _is_any(error, _STORAGE):
            return StorageFailedError(text)
        return None

    def is_insert_race(self, error: BaseException | None) -> bool:
        """Whether a key was there that had not been when it was looked for, or a flow is wrong: nobody can tell yet."""
        return isinstance(error, psycopg.errors.UniqueViolation)


def _new_writer() -> str:
    return f"wrt_{secrets.token_hex(16)}"


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


def _is_cut(error: psycopg.Error) -> bool:
    """Whether the session has ended, and a transaction in it that was not being committed is rolled back."""
    unanswered = error.sqlstate is None and isinstance(error, psycopg.OperationalError)
    return unanswered or _is_any(error, _CUT) or error.diag.severity_nonlocalized in _ENDED


def _is_any(error: psycopg.Error, codes: tuple[str, ...]) -> bool:
    return error.sqlstate is not None and error.sqlstate.startswith(codes)


def _prepare_reading(connection: Bounded, _record: Any) -> None:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
