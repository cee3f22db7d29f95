"""Connecting to the ledger and keeping its transactions short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from settlement.errors import ConfigurationError, LedgerUnavailableError

CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_MS = 60_000
INSUFFICIENT_PRIVILEGE = "42501"
"""SQLSTATE. The driver's own class would import it into every reading of the DAG files."""


class Ledger:
    """The ledger's database. All reads and writes go through `transaction`.

    Its clock is the database's: by `now` dates are due, late or old. By the clocks of workers
    tasks only pause, and look again.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, url: str | URL) -> Ledger:
        """A ledger on the PostgreSQL database at `url`; nothing is opened yet.

        :raises ConfigurationError: if the URL is not a PostgreSQL URL
        """
        parsed = make_url(url)
        if parsed.get_backend_name() != "postgresql":
            raise ConfigurationError(
                f"the ledger needs PostgreSQL, not {parsed.get_backend_name()}: "
                "set the Airflow connection of the ledger to type postgres"
            )
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=2,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_MS}",
            },
        )
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed as a whole, or nothing of it.

        :raises LedgerUnavailableError: if the database cannot be reached, drops the connection or
            keeps a lock for too long
        :raises ConfigurationError: if the login may not do what was asked of it
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
                raise
            raise ConfigurationError(
                f"the ledger's login {self.engine.url.username} may not do this "
                f"({_first_line(error)}): use a login that is a member of settlement_writer, or "
                "the owner for `settlement ledger upgrade`"
            ) from error
        except (OperationalError, InterfaceError) as error:
            raise LedgerUnavailableError(
                f"the ledger at {self.engine.url.host or 'its socket'} does not answer or is "
                f"locked ({_first_line(error)}).",
                to_do="check the database, then clear the task",
            ) from error

    def now(self) -> datetime:
        """The database's clock."""
        with self.transaction() as tx:
            return clock(tx)


NOW = func.clock_timestamp()
"""The database's clock, inside a statement."""


def clock(tx: Connection) -> datetime:
    """The database's clock, as of this statement; inside a statement use `NOW`."""
    now: datetime = tx.execute(select(NOW)).scalar_one()
    return now


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
