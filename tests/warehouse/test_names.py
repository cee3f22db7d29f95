"""Names are compared byte for byte: no type and no collation lets another spelling through."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from settlement.errors import WarehouseDataError
from settlement.values import Line

from .conftest import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    SQL_FOLDER,
    Backend,
    partner,
    trade,
)

CURRENCY_COLUMNS = ("base_currency", "quote_currency", "buyer_fee_currency", "seller_fee_currency")
CAPITALS = CAROL.upper()
# citext, as its extension defines it, which the tests' PostgreSQL does not come with
CITEXT = """
DROP TYPE IF EXISTS citext CASCADE;
CREATE TYPE citext;
CREATE FUNCTION citextin(cstring) RETURNS citext AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION citextout(citext) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE citext (
    INPUT = citextin, OUTPUT = citextout, INTERNALLENGTH = VARIABLE, STORAGE = extended,
    CATEGORY = 'S', COLLATABLE = true
);
CREATE CAST (citext AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (citext AS varchar) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (varchar AS citext) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION citext_eq(citext, citext) RETURNS bool
    AS 'SELECT lower($1::text) = lower($2::text)' LANGUAGE sql IMMUTABLE STRICT;
CREATE FUNCTION citext_hash(citext) RETURNS int
    AS 'SELECT hashtext(lower($1::text))' LANGUAGE sql IMMUTABLE STRICT;
CREATE OPERATOR = (LEFTARG = citext, RIGHTARG = citext, FUNCTION = citext_eq, HASHES);
CREATE OPERATOR CLASS citext_ops DEFAULT FOR TYPE citext USING hash AS
    OPERATOR 1 =, FUNCTION 1 citext_hash(citext);
CREATE DOMAIN ticker AS citext;
"""
COIN = "DROP TYPE IF EXISTS coin CASCADE; CREATE TYPE coin AS ENUM ('BTC', 'btc', 'USD', 'BTC ')"
ENUM = "ENUM('BTC', 'btc', 'USD', 'BTC ')"
ANY_CASE = [
    ("duckdb", "VARCHAR COLLATE NOCASE"),
    ("duckdb", "VARCHAR COLLATE NOCASE.NOACCENT"),
    ("psycopg", "citext"),
    ("psycopg", "ticker"),
    ("psycopg2", "citext"),
]
LOOSE_TYPES = [*ANY_CASE, ("duckdb", ENUM), ("psycopg", "coin"), ("psycopg2", "coin")]


def refusal(backend: Backend, sql_folder: Path = SQL_FOLDER) -> str:
    """Check the day and return the message of the refusal."""
    with (
        backend.warehouse(sql_folder).snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseDataError) as refused,
    ):
        snapshot.check()
    return str(refused.value)


@pytest.fixture
def loose(backend: Backend, kind: str) -> Backend:
    """A table whose currency columns are of a type that takes several spellings for one."""
    if backend.dialect == "postgres":
        backend.run(CITEXT)
        backend.run(COIN)
    backend.create(**dict.fromkeys(CURRENCY_COLUMNS, kind))
    return backend


@pytest.mark.parametrize(("backend", "kind"), LOOSE_TYPES, indirect=["backend"])
@pytest.mark.parametrize("spelling", ["btc", "BTC "])
@pytest.mark.parametrize("column", ["base_currency", "buyer_fee_currency"])
def test_another_spelling_is_refused_and_can_be_seen(
    loose: Backend, sql_with_fees: Path, column: str, spelling: str
) -> None:
    """The database holds it for BTC; limits of BTC would not see it, and the partner neither."""
    loose.insert(trade("GOOD"), trade("BAD", **{column: spelling}))
    message = f"{column} {spelling!r} is not in the partner file (did you mean 'BTC'?): trade BAD"
    refused = refusal(loose, sql_with_fees)
    assert message in refused
    assert "GOOD" not in refused


@pytest.mark.parametrize(("backend", "kind"), LOOSE_TYPES, indirect=["backend"])
def test_another_spelling_gets_no_further_even_unchecked(loose: Backend) -> None:
    """Net positions and the house's side know the partner file's names only."""
    loose.insert(trade("T1"), trade("T2", base_currency="btc", buyer_connection_id="house"))
    with loose.warehouse().snapshot(partner(), DAY) as snapshot:
        with pytest.raises(WarehouseDataError, match="currency 'btc' is not in the partner file"):
            list(snapshot.net_positions())
        with pytest.raises(WarehouseDataError, match="currency 'btc' is not in the partner file"):
            snapshot.house_positions()


@pytest.mark.parametrize(("backend", "kind"), LOOSE_TYPES, indirect=["backend"])
def test_the_partner_files_spelling_is_settled(loose: Backend, sql_with_fees: Path) -> None:
    """From a column of any such type, under exactly that name."""
    loose.insert(trade("T1"), trade("T2", buyer_fee_currency="BTC"))
    with loose.warehouse(sql_with_fees).snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert Line(ALICE, "BTC", 4 - 3) in list(snapshot.net_positions())
        assert set(snapshot.house_positions()) == {"BTC", "USD"}


def test_padding_of_a_fixed_width_is_not_part_of_the_name(postgres_backend: Backend) -> None:
    """CHAR(5) stores BTC and two spaces; sent is BTC."""
    widths = dict.fromkeys(CURRENCY_COLUMNS, "CHAR(5)")
    connections = dict.fromkeys(("buyer_connection_id", "seller_connection_id"), "CHAR(40)")
    postgres_backend.create(**widths, **connections, trade_id="CHAR(9)")
    postgres_backend.insert(trade("T1"), trade("T2", seller_connection_id="house", seller_fee=0))
    with postgres_backend.warehouse().snapshot(partner(), DAY) as snapshot:
        snapshot.check()
        assert list(snapshot.net_positions()) == [
            Line(ALICE, "BTC", 4),
            Line(ALICE, "USD", -206),
            Line(BOB, "BTC", -2),
            Line(BOB, "USD", 101),
        ]
        assert snapshot.house_positions() == {"BTC": -2, "USD": 105}
        assert [row.trade_id for row in snapshot.trades_behind(BOB, "BTC")] == ["T1"]


@pytest.mark.parametrize(("backend", "kind"), ANY_CASE, indirect=["backend"])
def test_a_connection_in_capitals_is_refused(backend: Backend, kind: str) -> None:
    """Even where the column says that it is the same as the client's other spelling."""
    if backend.dialect == "postgres":
        backend.run(CITEXT)
    backend.create(buyer_connection_id=kind, seller_connection_id=kind)
    backend.insert(trade("GOOD", buyer_connection_id=CAROL))
    backend.insert(
        trade("BAD", buyer_connection_id=CAPITALS), trade("HOUSE", seller_connection_id="House")
    )
    refused = refusal(backend)
    wrong = "is neither house nor a UUID in lower case"
    assert (
        f"buyer_connection_id '{CAPITALS}' {wrong} (did you mean '{CAROL}'?): trade BAD" in refused
    )
    assert f"seller_connection_id 'House' {wrong}: trade HOUSE" in refused
    with (
        backend.warehouse().snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseDataError, match="is not a UUID in lower case"),
    ):
        list(snapshot.net_positions())


def test_letters_that_look_alike_are_shown(backend: Backend) -> None:
    """A Cyrillic letter, and a space of no width."""
    backend.insert(trade("T1", base_currency="\u0412TC"), trade("T2", quote_currency="USD\u200b"))
    refused = refusal(backend)
    assert r"base_currency '\u0412TC' is not in the partner file (did you mean 'BTC'?)" in refused
    assert r"quote_currency 'USD\u200b' is not in the partner file (did you mean 'USD'?)" in refused


def test_a_name_is_given_once_with_examples_and_the_first_names_only(backend: Backend) -> None:
    """A column that was mixed up gives a message that still fits on a page."""
    backend.insert(*[trade(f"T{number}", base_currency="DOGE") for number in range(1, 8)])
    assert (
        "base_currency 'DOGE' is not in the partner file: trade T1, T2, T3, T4, T5 and 2 more"
        in refusal(backend)
    )
    backend.insert(*[trade(f"N{number}", base_currency=f"X{number}") for number in range(9)])
    refused = refusal(backend)
    assert refused.count(" is not in the partner file") == 5
    assert "; 5 more names like these." in refused


def test_names_of_the_house_are_no_clients(backend: Backend) -> None:
    """'house' is a name of its own; whatever is only like it is nobody."""
    backend.insert(trade("T1", seller_connection_id="house ", seller_fee=0))
    assert "seller_connection_id 'house ' is neither house nor a UUID" in refusal(backend)


def test_a_query_that_changes_a_name_is_refused(backend: Backend, tmp_path: Path) -> None:
    """An adapted net_positions.sql cannot send another name than the one that was checked."""
    folder = Path(copytree(SQL_FOLDER, tmp_path / "sql"))
    text = (folder / "net_positions.sql").read_text()
    (folder / "net_positions.sql").write_text(
        text.replace("SELECT\n    connection_id,", "SELECT UPPER(connection_id),")
    )
    backend.insert(trade("T1", buyer_connection_id=CAROL))
    with (
        backend.warehouse(folder).snapshot(partner(), DAY) as snapshot,
        pytest.raises(WarehouseDataError, match="is not a UUID in lower case"),
    ):
        list(snapshot.net_positions())
