"""The queries are Snowflake's and BigQuery's too, and a reading of either sees one state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import duckdb
import pytest
from sqlglot import ErrorLevel, exp, parse_one
from sqlglot.errors import SqlglotError

from settlement.errors import WarehouseError
from settlement.warehouse.drivers import Dialect
from settlement.warehouse.sql import SqlWarehouse
from settlement.warehouse.statements import Statements

from .cloud import StandIn
from .conftest import (
    ALICE,
    CLOUDS,
    DAY,
    END,
    NOON,
    SQL_FOLDER,
    Backend,
    in_the_cloud,
    open_day,
    partner,
    trade,
)

HOUR = timedelta(hours=1)
QUERIES = (
    "checks",
    "columns",
    "house_positions",
    "late_trades",
    "loaded_until",
    "net_positions",
    "summary",
    "trades_behind",
)
QUERIES_UNTIL = ("net_positions", "summary")

# Functions that both clouds document under these names and with this meaning; sqlglot counts AND,
# OR and CASE among them.
KNOWN_FUNCTIONS = (
    *(exp.And, exp.Or, exp.Case, exp.If, exp.Cast, exp.Coalesce),
    *(exp.Count, exp.Floor, exp.Max, exp.Min, exp.RowNumber, exp.Sum, exp.Translate, exp.Trunc),
)
# As they are written: sqlglot would understand the words of other databases here, and say nothing.
KNOWN_TYPES = {"snowflake": {"VARCHAR", "DECIMAL(38, 0)"}, "bigquery": {"STRING"}}
INTERVAL = {"snowflake": r"INTERVAL '\d+ minutes'", "bigquery": r"INTERVAL \d+ MINUTE\b"}


def findings(sql: str, dialect: Dialect) -> list[str]:
    """What a cloud would not take in a statement of its dialect, as far as it can be known here.

    :raises SqlglotError: if it is not of the dialect at all
    """
    tree = parse_one(sql, read=dialect)
    tree.sql(dialect, unsupported_level=ErrorLevel.RAISE)
    code = re.sub(r"--[^\n]*", "", sql)
    functions = [each for each in tree.find_all(exp.Func) if not isinstance(each, KNOWN_FUNCTIONS)]
    types = re.findall(r" AS (\w+(?:\([^()]*\))?)\)", code)
    return [
        *(f"function {each.sql(dialect)}" for each in functions),
        *(f"collation {each.sql(dialect)}" for each in tree.find_all(exp.Collate)),
        *(f"type {each}" for each in types if each not in KNOWN_TYPES[dialect]),
        *(at for at in re.findall(r"INTERVAL.*", code) if not re.match(INTERVAL[dialect], at)),
        *re.findall(r"\w*''\w+", code),
    ]


def statements_of(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Every statement that is sent to a cloud, by name."""
    over_tables = Statements(SQL_FOLDER, dialect)
    yield "the copy", over_tables.copy_of_trades()
    yield "loaded_until", over_tables.over_trades("loaded_until")
    over_copy = over_tables.over_copy()
    for query in QUERIES:
        yield query, over_copy.over_trades(query)
    for query in QUERIES_UNTIL:
        yield f"{query} until", over_copy.over_trades_until(query)


@pytest.mark.parametrize("dialect", CLOUDS)
def test_every_statement_is_one_of_the_dialect(dialect: Dialect) -> None:
    """Nothing in it is unsupported, unknown, or spelt as another database spells it."""
    found = {name: findings(sql, dialect) for name, sql in statements_of(dialect)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_query_is_forgotten() -> None:
    """A new SQL file is checked, too."""
    files = {path.stem for path in SQL_FOLDER.glob("*.sql")}
    assert files == {*QUERIES, "trades", "recorded_until"}


def test_the_example_is_snowflakes_too() -> None:
    """As its comment says; BigQuery's decimals are others."""
    example = SQL_FOLDER / "examples" / "trades_from_fills.sql"
    assert findings(example.read_text(), "snowflake") == []


@pytest.mark.parametrize("dialect", CLOUDS)
@pytest.mark.parametrize(
    "expression",
    [
        "ISFINITE(x)",
        "x ~ 'y'",
        'x COLLATE "C"',
        "CAST(SUM(x) AS TEXT)",
        "x - INTERVAL '5' MINUTES",
        "'it''s'",
    ],
)
def test_what_only_other_databases_take_is_found(dialect: Dialect, expression: str) -> None:
    """The check above can fail; sqlglot alone would let most of these pass."""
    try:
        found = findings(f"SELECT {expression} FROM trades", dialect)
    except SqlglotError as refused:
        found = [str(refused)]
    assert found


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest, duckdb_backend: Backend) -> Backend:
    """Each stand-in, with an empty table of trades."""
    duckdb_backend.create()
    return in_the_cloud(duckdb_backend, request.param)


def test_a_concurrent_load_is_not_seen_without_a_transaction(cloud: Backend) -> None:
    """All questions of one reading are answered from its copy."""
    cloud.insert(trade("T1"))
    loader = cloud.writable()
    warehouse = SqlWarehouse(
        lambda: StandIn(loader.cursor(), cloud.dialect), cloud.dialect, "%s", SQL_FOLDER
    )
    with closing(loader):
        with warehouse.snapshot(partner(), DAY) as snapshot:
            snapshot.check()
            before = list(snapshot.net_positions())
            loader.execute("INSERT INTO trades SELECT * REPLACE ('T2' AS trade_id) FROM trades")
            assert list(snapshot.net_positions()) == before
            assert snapshot.trade_count() == snapshot.trade_count_until(END) == 1
            assert snapshot.house_positions() == {"USD": 2}
            assert [row.trade_id for row in snapshot.trades_behind(ALICE, "BTC")] == ["T1"]
        with warehouse.snapshot(partner(), DAY) as later:
            assert later.trade_count() == 2, "the load itself did happen"


def test_late_trades_and_the_load_are_read_as_elsewhere(cloud: Backend) -> None:
    """History is compared over the copy; how far the load has come is asked without one."""
    cloud.insert(
        trade("EARLY"),
        trade("LATE", recorded_at=END + HOUR),
        trade("NEXT DAY", executed_at=END, recorded_at=END + 2 * HOUR),
    )
    with cloud.warehouse().snapshot(partner(), DAY) as snapshot:
        assert snapshot.watermark() == END + HOUR
        assert snapshot.newest_executed_at() == NOON
        assert snapshot.trade_count_until(NOON) == 1
        assert [row.trade_id for row in snapshot.trades_recorded_after(NOON)] == ["LATE"]
    assert cloud.warehouse().loaded_until(partner()) == END + 2 * HOUR


def test_the_copy_goes_with_the_session(cloud: Backend) -> None:
    """Nothing stays in the warehouse, and the next reading makes its own."""
    cloud.insert(trade("T1"))
    for _ in range(2):
        open_day(cloud.warehouse())
    with (
        closing(cloud.connect()) as connection,
        pytest.raises(duckdb.CatalogException, match="settlement_trades"),
    ):
        connection.cursor().execute("SELECT * FROM settlement_trades")


def test_a_column_that_is_missing_is_an_error_of_the_copy(cloud: Backend) -> None:
    """With the next step, like on every other database."""
    cloud.run("ALTER TABLE trades RENAME COLUMN buyer_fee TO fee_of_buyer")
    with pytest.raises(WarehouseError, match=r"copying the trades.*adapt trades\.sql.*buyer_fee"):
        open_day(cloud.warehouse())
