"""The ledger's schema version, checked before every use.

Every task does this, so it reads one row and the names of the migrations; Alembic, which takes a
while to import, is only for the upgrade.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, column, inspect, select, table

from settlement.errors import LedgerVersionError
from settlement.ledger.database import Ledger
from settlement.ledger.install.roles import VERSION_TABLE

MIGRATIONS = Path(__file__).parents[1] / "migrations"
_HELD: Select[tuple[Any]] = select(column("version_num")).select_from(table(VERSION_TABLE))


def newest_version() -> str:
    """The schema version that this code was written for: the number of the newest migration."""
    numbers = [path.name.split("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*_*.py")]
    if not numbers:
        raise LedgerVersionError("this installation has no migrations: install the project again")
    return max(numbers)


def current_version(tx: Connection) -> str | None:
    """The schema version of the connected ledger, or None for an empty database."""
    if not inspect(tx).has_table(VERSION_TABLE):
        return None
    held: str | None = tx.execute(_HELD).scalar_one_or_none()
    return held


def require_newest_version(ledger: Ledger) -> None:
    """Refuse a ledger whose schema is older or newer than this code.

    :raises LedgerVersionError: naming both versions
    """
    with ledger.transaction() as tx:
        held = current_version(tx)
    wanted = newest_version()
    if held != wanted:
        raise LedgerVersionError(
            f"the ledger's schema is at version {held or 'none'}, this code needs {wanted}: "
            "run `settlement ledger upgrade`"
        )
