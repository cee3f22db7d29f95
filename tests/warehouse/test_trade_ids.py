"""The ids of a window: all of them, hashed alike on every database, in groups that begin alike."""

from __future__ import annotations

from contextlib import closing
from hashlib import md5
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from settlement.errors import WarehouseDataError
from settlement.warehouse import TradeIds, trade_ids
from settlement.warehouse.trade_ids import width_of_beginnings

from .conftest import ALL, DAY, END, NOON, Backend, chosen_backend, partner, trade


@pytest.fixture(params=ALL)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each database and driver, and Snowflake's stand-in."""
    return chosen_backend(request)


def read(backend: Backend) -> list[TradeIds]:
    """The groups of the day."""
    with backend.warehouse().snapshot(partner(), DAY) as snapshot:
        return list(snapshot.trade_ids())


def names(groups: list[TradeIds]) -> list[str]:
    """All ids, sorted."""
    return sorted(g.beginning + end for g in groups for end in g.endings.split("\n"))


def hashes(groups: list[TradeIds]) -> list[bytes]:
    """All hashes, sorted."""
    return sorted(g.hashes[at : at + 8] for g in groups for at in range(0, len(g.hashes), 8))


def hashed(ids: list[str]) -> list[bytes]:
    """What they must be."""
    return sorted(md5(each.encode(), usedforsecurity=False).digest()[:8] for each in ids)


def load_many(backend: Backend, sql_of_id: str, count: int) -> None:
    """Load trades whose ids are an expression of their number n."""
    backend.insert(trade("pattern"))
    series = (
        f"generate_series(1, {count}) AS numbers(n)"
        if backend.dialect == "postgres"
        else f"(SELECT unnest(range(1, {count + 1})) AS n) AS numbers"
    )
    columns = (
        "partner, executed_at, recorded_at, buyer_connection_id, seller_connection_id, "
        "base_currency, quote_currency, base_quantity, quote_quantity, buyer_fee, seller_fee"
    )
    backend.run(
        f"INSERT INTO trades (trade_id, {columns}) SELECT {sql_of_id}, {columns} "
        f"FROM trades, {series} WHERE trade_id = 'pattern'"
    )
    backend.run("DELETE FROM trades WHERE trade_id = 'pattern'")


def test_all_ids_of_the_window_are_read(backend: Backend) -> None:
    """Of any letters, the shortest and the empty one too; null ids and other windows are not."""
    ids = ["T1", "\u00e9t\u00e9 \U0001f600", "a", "", "T-1042", "T1 ", "t1"]
    backend.insert(
        *[trade(each) for each in ids],
        trade("other day", executed_at=END, recorded_at=END),
        trade("other partner", partner="other"),
        trade("x", trade_id=None),
    )
    groups = read(backend)
    assert names(groups) == sorted(ids)
    assert hashes(groups) == hashed(ids)


def test_repeated_ids_are_all_there(backend: Backend) -> None:
    """Whoever reads them finds the repetition."""
    backend.insert(trade("T1"), trade("T2"), trade("T1"))
    groups = read(backend)
    assert names(groups) == ["T1", "T1", "T2"]
    assert hashes(groups) == hashed(["T1", "T1", "T2"])


def test_a_day_without_trades_has_no_ids(backend: Backend) -> None:
    """Nothing is an answer, too."""
    assert read(backend) == []


def test_ids_that_ascend_share_long_beginnings(backend: Backend) -> None:
    """A date's ids are then in few groups, which other dates' ids are not in."""
    load_many(backend, "CAST(900000000 + n AS VARCHAR)", 3_000)
    groups = read(backend)
    assert sorted(each.beginning for each in groups) == ["900000", "900001", "900002", "900003"]
    assert names(groups) == [str(900_000_000 + number) for number in range(1, 3_001)]
    assert hashes(groups) == hashed(names(groups))


def test_a_great_day_is_read_in_several_passes(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each beginning comes once and every id is there: the database holds a part at a time."""
    load_many(backend, "CAST(900000000 + n AS VARCHAR)", 5_000)
    monkeypatch.setattr(trade_ids, "BYTES_PER_PASS", 2_000 * (16 + 3 + 1))
    groups = read(backend)
    beginnings = [each.beginning for each in groups]
    assert sorted(beginnings) == sorted(set(beginnings))
    assert names(groups) == [str(900_000_000 + number) for number in range(1, 5_001)]
    assert hashes(groups) == hashed(names(groups))
    monkeypatch.setattr(trade_ids, "BYTES_PER_PASS", 1)
    assert names(read(backend)) == names(groups), "one beginning each, however small a pass"


def test_numbers_and_uuids_are_ids_by_their_text(backend: Backend) -> None:
    """As the other queries show them."""
    backend.create(trade_id="BIGINT")
    backend.insert(trade("x", trade_id=7), trade("x", trade_id=-12))
    assert names(read(backend)) == ["-12", "7"]
    backend.create(trade_id="UUID")
    backend.insert(trade("x", trade_id=str(UUID(int=7)).upper()))
    assert names(read(backend)) == [str(UUID(int=7))]


def test_an_id_of_several_lines_is_refused(backend: Backend) -> None:
    """It could be taken for two ids."""
    backend.insert(trade("T1"), trade("T2\nT3"))
    with pytest.raises(WarehouseDataError, match=r"a trade_id has a line break in it: 'T2\\nT3'"):
        read(backend)


def test_other_ends_of_lines_are_letters_like_any(backend: Backend) -> None:
    """Only a line feed parts the ids."""
    ids = ["a\rb", "a\u2028b", "a\x0bb", "a%b", "a'b", "a\\b"]
    backend.insert(*[trade(each) for each in ids])
    assert names(read(backend)) == sorted(ids)


def test_ids_are_bytes_in_a_database_of_another_encoding(postgres_uri: str) -> None:
    """The hash is over UTF-8, whatever the database stores."""
    with closing(psycopg.connect(postgres_uri, autocommit=True)) as connection:
        connection.execute("DROP DATABASE IF EXISTS latin")
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin = postgres_uri.replace("/warehouse", "/latin")
    backend = Backend(
        "psycopg",
        "postgres",
        "%s",
        lambda: psycopg.connect(latin),
        lambda: psycopg.connect(latin, autocommit=True),
    )
    backend.create()
    backend.insert(trade("\u00e9t\u00e9"))
    groups = read(backend)
    assert names(groups) == ["\u00e9t\u00e9"]
    assert hashes(groups) == hashed(names(groups))


@pytest.mark.parametrize(
    ("ids", "width"),
    [
        (["a"], 0),
        ([f"{number:09}" for number in range(10_000)], 6),
        ([f"{number:09}" for number in range(500)], 0),
        (["same"] * 600, 4),
        (["a", *["ab"] * 2_000], 1),
        ([md5(str(n).encode(), usedforsecurity=False).hexdigest() for n in range(10_000)], 1),
    ],
)
def test_the_longest_beginning_that_many_ids_share(ids: list[str], width: int) -> None:
    """The longer, the fewer other dates' ids share it; too long, and groups are single ids."""
    assert width_of_beginnings(ids) == width


def test_whole_trades_are_read_in_the_order_of_their_recording(
    backend: Backend, sql_with_fees: Path
) -> None:
    """For the rare cases that need more than ids."""
    backend.insert(trade("LATE", recorded_at=END), trade("EARLY", buyer_fee_currency="BTC"))
    with backend.warehouse(sql_with_fees).snapshot(partner(), DAY) as snapshot:
        rows = list(snapshot.trades())
    assert [(row.trade_id, row.recorded_at) for row in rows] == [("EARLY", NOON), ("LATE", END)]
    assert rows[0].buyer_fee_currency == "BTC"
