"""The queries are Snowflake's too, and a reading of it sees one state."""

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
from settlement.warehouse.sql import SqlWarehouse
from settlement.warehouse.statements import Statements
from settlement.warehouse.survey import ReadWindow
from settlement.warehouse.window_of_trade import window_of_trade

from .conftest import (
    ALICE,
    DAY,
    END,
    LATER,
    NOON,
    SQL_FOLDER,
    Backend,
    as_snowflake,
    open_day,
    partner,
    trade,
)
from .snowflake import StandIn

HOUR = timedelta(hours=1)
RAW_QUERIES = ("columns", "first_trade", "loaded_until")
QUERIES = (
    "all_trades",
    "beginnings",
    "checks",
    "house_positions",
    "ids_of_several_lines",
    "late_trades",
    "names",
    "net_positions",
    "outside",
    "recorded_later",
    "sample_of_ids",
    "summary",
    "trade_ids",
    "trades_behind",
    "trades_naming",
    "whereabouts",
)
QUERIES_OVER_WINDOWS = ("net_positions", "window_counts")
QUERIES_UNTIL = ("net_positions", "summary")

# Functions that Snowflake documents under these names and with this meaning; sqlglot counts AND, OR
# and CASE among them.
KNOWN_FUNCTIONS = (
    *(exp.And, exp.Or, exp.Case, exp.If, exp.Cast, exp.Coalesce, exp.Count, exp.Floor, exp.Max),
    *(
        exp.Abs,
        exp.Length,
        exp.Lower,
        exp.Min,
        exp.Round,
        exp.RowNumber,
        exp.Sum,
        exp.Trim,
        exp.Trunc,
    ),
    *(exp.Chr, exp.Collate, exp.GroupConcat, exp.Left, exp.MD5, exp.Substring),
)
# As they are written: sqlglot would understand the words of other databases here, and say nothing.
KNOWN_TYPES = {"VARCHAR", "DECIMAL(38, 0)"}
INTERVAL = r"INTERVAL '\d+ minutes'"


def findings(sql: str) -> list[str]:
    """What Snowflake would not take in a statement, as far as it can be known here.

    :raises SqlglotError: if it is not of the dialect at all
    """
    tree = parse_one(sql, read="snowflake")
    tree.sql("snowflake", unsupported_level=ErrorLevel.RAISE)
    code = re.sub(r"--[^\n]*", "", sql)
    functions = [each for each in tree.find_all(exp.Func) if not isinstance(each, KNOWN_FUNCTIONS)]
    types = re.findall(r" AS (\w+(?:\([^()]*\))?)\)", code)
    return [
        *(f"function {each.sql()}" for each in functions),
        *(each for each in re.findall(r"COLLATE.*?(?= AS|$)", code) if each != "COLLATE 'utf8'"),
        *(f"type {each}" for each in types if each not in KNOWN_TYPES),
        *(at for at in re.findall(r"INTERVAL.*", code) if not re.match(INTERVAL, at)),
        *re.findall(r"STRING_AGG", code),
        *re.findall(r"\w*''\w+", code),
    ]


def statements() -> Iterator[tuple[str, str]]:
    """Every statement that is sent to Snowflake, by name."""
    over_tables = Statements(SQL_FOLDER, "snowflake")
    yield "the copy", over_tables.copy_of_trades()
    yield "loaded_until", over_tables.over_raw_trades("loaded_until")
    over_copy = over_tables.over_copy()
    for query in RAW_QUERIES:
        yield query, over_copy.over_raw_trades(query)
    for query in QUERIES:
        yield query, over_copy.over_trades(query)
    for query in QUERIES_UNTIL:
        yield f"{query} until", over_copy.over_trades_until(query)
    placed = window_of_trade([ReadWindow(DAY, END)])
    for query in QUERIES_OVER_WINDOWS:
        yield f"{query} over windows", over_tables.over_windows(query, placed)


def test_every_statement_is_one_of_the_dialect() -> None:
    """Nothing in it is unsupported, unknown, or spelt as another database spells it."""
    found = {name: findings(sql) for name, sql in statements()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_query_is_forgotten() -> None:
    """A new SQL file is checked, too."""
    files = {path.stem for path in SQL_FOLDER.glob("*.sql")}
    others = {"trades", "exact_trades", "recorded_until", "window_trades"}
    assert files == {*QUERIES, *RAW_QUERIES, *QUERIES_OVER_WINDOWS, *others}


def test_the_example_is_snowflakes_too() -> None:
    """As its comment says."""
    example = SQL_FOLDER / "examples" / "trades_from_fills.sql"
    assert findings(example.read_text()) == []


@pytest.mark.parametrize(
    "expression",
    [
        "ISFINITE(x)",
        "x ~ 'y'",
        'x COLLATE "C"',
        "CAST(SUM(x) AS TEXT)",
        "x - INTERVAL '5' MINUTES",
        "'it''s'",
        "STRING_AGG(x, '')",
    ],
)
def test_what_only_other_databases_take_is_found(expression: str) -> None:
    """The check above can fail; sqlglot alone would let most of these pass."""
    try:
        found = findings(f"SELECT {expression} FROM trades")
    except SqlglotError as refused:
        found = [str(refused)]
    assert found


@pytest.fixture
def snowflake(duckdb_backend: Backend) -> Backend:
    """The stand-in, with an empty table of trades."""
    duckdb_backend.create()
    return as_snowflake(duckdb_backend)


def test_a_concurrent_load_is_not_seen_without_a_transaction(snowflake: Backend) -> None:
    """All questions of one reading are answered from its copy."""
    snowflake.insert(trade("T1"))
    loader = snowflake.writable()
    warehouse = SqlWarehouse(lambda: StandIn(loader.cursor()), "snowflake", "%s", SQL_FOLDER)
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


def test_late_trades_and_the_load_are_read_as_elsewhere(snowflake: Backend) -> None:
    """History is compared over the copy; how far the load has come is asked without one."""
    snowflake.insert(
        trade("EARLY"),
        trade("LATE", recorded_at=END + HOUR),
        trade("NEXT DAY", executed_at=END, recorded_at=END + 2 * HOUR),
    )
    with snowflake.warehouse().snapshot(partner(), DAY) as snapshot:
        assert snapshot.watermark() == END + HOUR
        assert snapshot.newest_executed_at() == NOON
        assert snapshot.trade_count_until(NOON) == 1
        assert [row.trade_id for row in snapshot.trades_recorded_after(NOON)] == ["LATE"]
    assert snowflake.warehouse().loaded_until(partner(), LATER) == END + 2 * HOUR


def test_the_copy_goes_with_the_session(snowflake: Backend) -> None:
    """Nothing stays in the warehouse, and the next reading makes its own."""
    snowflake.insert(trade("T1"))
    for _ in range(2):
        open_day(snowflake.warehouse())
    with (
        closing(snowflake.connect()) as connection,
        pytest.raises(duckdb.CatalogException, match="settlement_trades"),
    ):
        connection.cursor().execute("SELECT * FROM settlement_trades")


def test_a_column_that_is_missing_is_an_error_of_the_copy(snowflake: Backend) -> None:
    """With the next step, like on every other database."""
    snowflake.run("ALTER TABLE trades RENAME COLUMN buyer_fee TO fee_of_buyer")
    with pytest.raises(WarehouseError, match=r"copying the trades.*adapt trades\.sql.*buyer_fee"):
        open_day(snowflake.warehouse())
