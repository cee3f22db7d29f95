"""Empty ledgers, one a test: a database that has served a test is emptied and serves another.

To copy the template and to drop the copy costs more than most tests do. A database whose schema a
test has changed, or whose rows that come with the schema, is dropped instead. Each test knows its
database by another name: whatever an earlier one has left behind cannot connect to it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from settlement.ledger.install.roles import VERSION_TABLE
from settlement.ledger.schema import metadata

USES = 40
"""What is deleted stays in the files until then."""
SCHEMA = """
SELECT md5(string_agg(part, chr(10) ORDER BY part)) FROM (
    SELECT concat_ws(' ', 'class', oid, relname, relkind, relowner, relacl, reloptions,
        relhasrules, relhastriggers, relrowsecurity) AS part
    FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')
        AND oid >= 16384
    UNION ALL
    SELECT concat_ws(' ', 'column', attrelid, attnum, attname, atttypid, atttypmod, attnotnull,
        atthasdef, attacl) FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
        AND attrelid IN (SELECT oid FROM pg_class WHERE relkind IN ('r', 'v'))
    UNION ALL SELECT concat_ws(' ', 'default', oid, adbin) FROM pg_attrdef
    UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgname, tgenabled, tgfoid) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', 'constraint', oid, conname, convalidated) FROM pg_constraint
        WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'function', oid, prosrc, proacl) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'schema', oid, nspname, nspacl) FROM pg_namespace
        WHERE nspname !~ '^pg_'
    UNION ALL SELECT concat_ws(' ', 'privilege', oid, defaclacl) FROM pg_default_acl
    UNION ALL SELECT concat_ws(' ', 'setting', setconfig) FROM pg_db_role_setting s
        JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = current_database()
    UNION ALL SELECT concat_ws(' ', 'version', version_num) FROM ledger_version
) AS parts
"""
TABLES = [table.name for table in metadata.sorted_tables]
FILLED = " UNION ALL ".join(
    f"(SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name}))" for name in TABLES
)
ALL_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
BEGIN_AGAIN = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""
LEAVE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"


class Washed(NamedTuple):
    """An empty ledger that is free, and how often it has served."""

    name: str
    uses: int


class WashedLedgers:
    """The free ledgers of a server, all made from one template."""

    def __init__(self, admin: Engine, template: str) -> None:
        self._admin = admin
        self._template = template
        self._free: list[Washed] = []
        with self._connected(template) as connection:
            self._schema = connection.execute(text(SCHEMA)).scalar_one()
            assert connection.execute(text(FILLED)).all() == [], "no row comes with the schema"
            tables = connection.execute(text(ALL_TABLES)).scalars().all()
            assert sorted(tables) == sorted([*TABLES, VERSION_TABLE]), "each one is emptied"

    @contextmanager
    def one(self) -> Iterator[URL]:
        """An empty ledger under a name of its own, to the end of the block."""
        taken = self._free.pop() if self._free else self._copied()
        yield self._admin.url.set(database=taken.name)
        used = Washed(_new_name(), taken.uses + 1)
        with self._admin.connect() as connection:
            connection.execute(text(LEAVE), {"name": taken.name})
            connection.execute(text(f"ALTER DATABASE {taken.name} RENAME TO {used.name}"))
            if used.uses < USES and self._is_washed(used.name):
                self._free.append(used)
            else:
                connection.execute(text(f"DROP DATABASE {used.name} WITH (FORCE)"))

    def _copied(self) -> Washed:
        name = _new_name()
        copied = f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy"
        with self._admin.connect() as connection:
            connection.execute(text(copied))
        return Washed(name, uses=0)

    def _is_washed(self, name: str) -> bool:
        """Empty it, if its schema is still that of the template."""
        with suppress(ProgrammingError), self._connected(name) as connection:
            if connection.execute(text(SCHEMA)).scalar_one() != self._schema:
                return False
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for (table,) in connection.execute(text(FILLED)).all():
                connection.execute(text(f"DELETE FROM {table}"))  # append-only otherwise
            connection.execute(text(BEGIN_AGAIN))
            return True
        return False  # a table is gone

    @contextmanager
    def _connected(self, name: str) -> Iterator[Connection]:
        engine = create_engine(self._admin.url.set(database=name), poolclass=NullPool)
        with engine.begin() as connection:
            yield connection


def _new_name() -> str:
    return f"ledger_{uuid.uuid4().hex[:12]}"
