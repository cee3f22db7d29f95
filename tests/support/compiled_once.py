"""Statements of the ledger are compiled once a process, not once for each test's database.

SQLAlchemy keeps what it has compiled with the engine, under a key that has the engine's dialect in
it. Every test, and every task of a run, connects to a ledger with an engine of its own, and spends
more time on compiling than the database does on all of its statements. The dialects are all alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_COMPILED: dict[Any, Any] = {}


class _Alike:
    """Equal to every other of its class."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def compile_once() -> None:
    """From now on, for all engines on PostgreSQL through psycopg."""
    PGDialect_psycopg.__eq__ = _Alike.__eq__  # type: ignore[method-assign, assignment]
    PGDialect_psycopg.__hash__ = _Alike.__hash__  # type: ignore[method-assign, assignment]
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    if type(connection.dialect) is PGDialect_psycopg:
        connection.execution_options(compiled_cache=_COMPILED)
