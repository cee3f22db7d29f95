"""The ledger of the simulation: a real PostgreSQL database whose clock is the simulated one.

One database serves all worlds of a process, one after the other: emptying it takes a millisecond,
creating one takes a hundred.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.ledger.schema import metadata
from simulation.clock import SimulatedClock
from simulation.moments import Moment, Moments

DATABASE = "simulated_ledger"
LOCK_TIMEOUT_MS = 3_000
OPTIONS = (
    f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_MS} -c search_path=sim,pg_catalog,public "
    "-c plan_cache_mode=force_generic_plan -c jit=off"
)
FAST_AND_UNSAFE = (
    *("fsync", "synchronous_commit", "full_page_writes", "autovacuum"),
    *("track_activities", "track_counts", "update_process_title"),
)
TABLES = tuple(table.name for table in metadata.sorted_tables)
SEQUENCES = ("attempt_id_seq", "snapshot_id_seq")
DELETES_TO_TRUNCATE = 50
"""Deleting is cheap as long as not too many deleted rows lie about."""
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")
Driver = TypeVar("Driver", bound=psycopg.Connection[Any])


@contextmanager
def own_server() -> Iterator[EmbeddedServer]:
    """An embedded PostgreSQL of this process's own, its socket in a short path."""
    with tempfile.TemporaryDirectory(prefix="sim") as folder:
        server = EmbeddedServer.start(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@dataclass(frozen=True)
class Backup:
    """The content of a ledger at one moment."""

    tables: Mapping[str, bytes]
    sequences: Mapping[str, int]


class Databases:
    """The database that one world after the other lives in."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._emptied = 0
        self._ledger: SimulatedLedger | None = None
        self._keeper: psycopg.Connection[tuple[Any, ...]]
        self.watcher: psycopg.Connection[tuple[Any, ...]]
        """Looks at the ledger's tables from outside: no moments, no locks, nothing of its code."""

    def prepare(self) -> None:
        """Trade safety for speed, and give the empty database tables and the simulated clock."""
        admin = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for setting in FAST_AND_UNSAFE:
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        admin.dispose()
        ledger = Ledger.connect(self._url)
        upgrade_ledger(ledger)
        with ledger.transaction() as tx:
            tx.execute(text("CREATE SCHEMA sim"))
            tx.execute(
                text(
                    "CREATE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
                    "VOLATILE AS $$ SELECT pg_catalog.current_setting('sim.now')::timestamptz $$"
                )
            )
        ledger.engine.dispose()
        self._keeper = _connect(psycopg.Connection, self._url)
        self.watcher = _connect(psycopg.Connection, self._url)
        self._keeper.execute("SET session_replication_role = replica")  # no triggers

    def ledger(self, clock: SimulatedClock, moments: Moments) -> SimulatedLedger:
        """The ledger, for a world that lives in it from now on."""
        if self._ledger is None:
            self._ledger = SimulatedLedger(self._url, clock, moments)
        self._ledger.live_in(clock, moments)
        return self._ledger

    def empty(self) -> None:
        """Forget everything."""
        self._emptied += 1
        if self._emptied % DELETES_TO_TRUNCATE == 0:
            self._keeper.execute(f"TRUNCATE {', '.join(TABLES)}".encode())
        else:
            deletes = ";".join(f"DELETE FROM {name}" for name in TABLES)
            self._keeper.execute(deletes.encode(), prepare=False)
        self._set_sequences(dict.fromkeys(SEQUENCES, 0))

    def back_up(self) -> Backup:
        """What the database holds now."""
        tables: dict[str, bytes] = {}
        for name in TABLES:
            with self._keeper.cursor().copy(f"COPY {name} TO STDOUT".encode()) as copy:
                tables[name] = b"".join(bytes(block) for block in copy)
        sequences: dict[str, int] = {}
        for name in SEQUENCES:
            query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}"
            row = self._keeper.execute(query.encode()).fetchone()
            sequences[name] = int(row[0]) if row else 0
        return Backup(tables, sequences)

    def restore(self, backup: Backup) -> None:
        """Hold again what it held then, and nothing else."""
        self.empty()
        for name, content in backup.tables.items():
            with self._keeper.cursor().copy(f"COPY {name} FROM STDIN".encode()) as copy:
                copy.write(content)
        self._set_sequences(backup.sequences)

    def close(self) -> None:
        """Close the connections of this object."""
        self._keeper.close()
        self.watcher.close()
        if self._ledger is not None:
            self._ledger.engine.dispose()

    def _set_sequences(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            self._keeper.execute("SELECT setval(%s, %s, %s)", (name, max(1, value), value > 0))


class _QuickConnection(psycopg.Connection[Any]):
    """Transactions begin and end in one round trip each; what is prepared outlives a rollback."""

    def begin(self, now: datetime) -> None:
        """Begin a transaction, and tell the database what time it is."""
        self._command(f"BEGIN; SET LOCAL sim.now = '{now.isoformat()}'")

    def commit(self) -> None:
        """Commit."""
        self._command("COMMIT")

    def rollback(self) -> None:
        """Roll back, if there is anything."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self._command("ROLLBACK")

    def _command(self, command: str) -> None:
        result = self.pgconn.exec_(command.encode())
        if result.status != ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


class _WarmEngine:
    """An engine whose connections stay at hand: opening one thousands of times a second adds up."""

    def __init__(self, engine: Engine) -> None:
        self.url = engine.url
        self._engine = engine
        self._idle: list[Connection] = []

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction, as the engine gives it."""
        connection = self._idle.pop() if self._idle else self._engine.connect()
        try:
            with connection.begin():
                yield connection
        finally:
            self._idle.append(connection)

    def dispose(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.close()
        self._engine.dispose()


class SimulatedLedger(Ledger):
    """The real ledger with the simulated clock; its process can be killed at any moment."""

    def __init__(self, url: URL, clock: SimulatedClock, moments: Moments) -> None:
        engine = create_engine(url, creator=lambda: _connect(_QuickConnection, url))
        super().__init__(_WarmEngine(engine))  # type: ignore[arg-type]
        self.writes = 0
        self._clock = clock
        self._moments = moments
        self._open = 0
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", self._before_statement)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction of the real ledger, with moments around it."""
        self._moments.reach(Moment.BEFORE_TRANSACTION, quiet=self._open == 0)
        self._open += 1
        try:
            with super().transaction() as tx:
                yield tx
                self._moments.reach(Moment.BEFORE_COMMIT)
        finally:
            self._open -= 1
        self._moments.reach(Moment.AFTER_COMMIT)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody holds a transaction open."""
        return self._open == 0

    def live_in(self, clock: SimulatedClock, moments: Moments) -> None:
        """Serve another world from now on."""
        self._clock, self._moments = clock, moments

    def _begin(self, connection: Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, _QuickConnection)
        driver.begin(self._clock())

    def _before_statement(
        self, connection: Connection, cursor: object, statement: str, *others: object
    ) -> None:
        if statement.startswith(WRITES):
            self.writes += 1
            self._moments.reach(Moment.WRITE)


def _connect(kind: type[Driver], url: URL) -> Driver:
    """Every statement is prepared at its first use, and stays so."""
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = kind.connect(plain, autocommit=True, options=OPTIONS, prepare_threshold=0)
    connection.prepared_max = None
    return connection
