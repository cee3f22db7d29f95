"""One reading is one state of the trades: by the transaction it is in, or by a copy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from settlement.errors import WarehouseError
from settlement.warehouse import cells
from settlement.warehouse.drivers import Dialect
from settlement.warehouse.session import Session
from settlement.warehouse.statements import Statements

_READS_NO_TABLE = frozenset({"COLUMN_DATA_SCAN", "CTE_SCAN", "DELIM_SCAN", "DUMMY_SCAN"})
"""Leaves of DuckDB's plans: constants, and what another part of the plan has read."""


def is_promised(
    session: Session,
    dialect: Dialect,
    statements: Statements,
    doing: str,
    values: Mapping[str, object],
) -> bool:
    """Whether two statements of the session are sure to read the same trades.

    On PostgreSQL they are; on Snowflake no transaction makes them. DuckDB keeps one state of the
    tables of its own database, but reads files, and what other databases hold, anew each time.
    """
    if dialect != "duckdb":
        return dialect == "postgres"
    _, name = session.first_row(doing, "SELECT current_database()", {})
    _, plan = session.first_row(doing, statements.plan_of_trades(), values)
    if name is None or plan is None:
        raise WarehouseError(f"{doing}: DuckDB does not explain trades.sql.", to_do="report this")
    database = cells.text(name[0], "current_database")
    nodes = json.loads(cells.text(plan[1], "explain_value"))
    return all(_is_own_table(leaf, database) for node in nodes for leaf in _leaves(node))


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not node["children"]:
        yield node
    for child in node["children"]:
        yield from _leaves(child)


def _is_own_table(leaf: Mapping[str, Any], database: str) -> bool:
    """Whether a leaf of a plan is known to read nothing but the database itself; else: no.

    A plan without any trades (EMPTY_RESULT) does not show what they would have been read from.
    """
    if leaf["name"].strip() in _READS_NO_TABLE:
        return True
    table = leaf["extra_info"].get("Table", "")
    quoted = database.replace('"', '""')
    return isinstance(table, str) and table.startswith((f"{database}.", f'"{quoted}".'))
