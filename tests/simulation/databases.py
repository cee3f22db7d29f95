"""Ledgers of the simulation: real PostgreSQL databases whose clock is the simulated one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import PoolProxiedConnection

from settlement.ledger.database import Ledger
from settlement.ledger.embedded import EmbeddedServer
from settlement.ledger.upgrade import upgrade_ledger
from simulation.clock import SimulatedClock
from simulation.moments import Moment, Moments

TEMPLATE = "simulated_ledger"
SEARCH_PATH = "sim,pg_catalog,public"
LOCK_TIMEOUT_MS = 3_000
FAST_AND_UNSAFE = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")
WRITES = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def own_server() -> Iterator[EmbeddedServer]:
    """An embedded PostgreSQL of this process's own, its socket in a short path."""
    with tempfile.TemporaryDirectory(prefix="sim") as folder:
        server = EmbeddedServer.start(Path(folder))
        try:
            yield server
        finally:
            server.stop()


class Databases:
    """Creates, copies and drops the databases of one server."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._admin = create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT")
        self._names = 0

    def prepare(self) -> None:
        """Trade safety for speed, and make the template that every world starts from."""
        for setting in FAST_AND_UNSAFE:
            self._run(f"ALTER SYSTEM SET {setting} = off")
        self._run("SELECT pg_reload_conf()")
        ledger = Ledger.connect(self._server.url(TEMPLATE))
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

    def copy(self, name: str = TEMPLATE) -> str:
        """Name of a new database with the content of another, which nobody may have open."""
        self._names += 1
        copied = f"world_{self._names}"
        self._run(f"CREATE DATABASE {copied} TEMPLATE {name}")
        return copied

    def drop(self, name: str) -> None:
        """Drop a database."""
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> URL:
        """URL of a database."""
        return self._admin.url.set(database=name)

    def close(self) -> None:
        """Close the connections of this object."""
        self._admin.dispose()

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


class SimulatedLedger(Ledger):
    """The real ledger on a database with the simulated clock; can be killed at any moment."""

    def __init__(self, url: URL, clock: SimulatedClock, moments: Moments) -> None:
        engine = create_engine(
            url,
            pool_size=2,
            connect_args={
                "options": f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_MS} "
                f"-c search_path={SEARCH_PATH}"
            },
        )
        super().__init__(engine)
        self._moments = moments
        self._open = 0
        _follow(engine, clock)
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

    def _before_statement(
        self, connection: Connection, cursor: object, statement: str, *others: object
    ) -> None:
        if statement.startswith(WRITES):
            self._moments.reach(Moment.WRITE)


class Watcher:
    """Looks at a ledger's tables from outside: no moments, no locks, nothing of its code."""

    def __init__(self, url: URL, clock: SimulatedClock) -> None:
        options = f"-c timezone=UTC -c search_path={SEARCH_PATH}"
        self._engine = create_engine(url, pool_size=1, connect_args={"options": options})
        _follow(self._engine, clock)
        self._connection = self._engine.connect()

    def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        """All rows of a query."""
        with self.reading() as tx:
            return [tuple(row) for row in tx.execute(text(statement), parameters)]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing, for the ledger's own reading functions."""
        with self._connection.begin() as transaction:
            yield self._connection
            transaction.rollback()

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
        self._engine.dispose()


def _follow(engine: Engine, clock: SimulatedClock) -> None:
    """Tell the database what time it is, whenever a connection is taken and time has passed."""

    def set_clock(dbapi_connection: object, record: object, proxy: PoolProxiedConnection) -> None:
        now = clock().isoformat()
        info = proxy.info
        if info.get("now") == now:
            return
        proxy.execute("SELECT set_config('sim.now', %s, false)", (now,))
        proxy.commit()
        info["now"] = now

    event.listen(engine, "checkout", set_clock)
