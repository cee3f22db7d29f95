"""Made-up trades for the demo: the same seed gives the same trades, fast enough for weeks of them.

Written into a DuckDB file by one SQL statement a day. They hold what real ones hold: quantities
of 18 decimals, maker rebates (negative fees), the house as a counterparty, a trade at the
window's first instant and one at its last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import duckdb

_TABLE = """
CREATE TABLE IF NOT EXISTS trades (
    trade_id VARCHAR NOT NULL,
    partner VARCHAR NOT NULL,
    executed_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    buyer_connection_id VARCHAR,
    seller_connection_id VARCHAR,
    base_currency VARCHAR NOT NULL,
    quote_currency VARCHAR NOT NULL,
    base_quantity DECIMAL(38,0) NOT NULL,
    quote_quantity DECIMAL(38,0) NOT NULL,
    buyer_fee DECIMAL(38,0) NOT NULL,
    seller_fee DECIMAL(38,0) NOT NULL
)
"""

# Four dice a trade, 62 bits each, from md5: the same in every version of DuckDB, unlike hash().
# HUGEINT arithmetic is exact: the largest product stays below 10^36.
_INSERT = """
INSERT INTO trades (
    trade_id, partner, executed_at, recorded_at, buyer_connection_id, seller_connection_id,
    base_currency, quote_currency, base_quantity, quote_quantity, buyer_fee, seller_fee
)
WITH dice AS (
    SELECT
        i,
        CAST(md5_number_upper(concat_ws(':', $seed, $prefix, i, 'a')) // 4 AS BIGINT) AS a,
        CAST(md5_number_lower(concat_ws(':', $seed, $prefix, i, 'a')) // 4 AS BIGINT) AS b,
        CAST(md5_number_upper(concat_ws(':', $seed, $prefix, i, 'b')) // 4 AS BIGINT) AS c,
        CAST(md5_number_lower(concat_ws(':', $seed, $prefix, i, 'b')) // 4 AS BIGINT) AS d
    FROM range($trades) AS numbers(i)
),
rolled AS (
    SELECT
        i,
        a % len($bases) + 1 AS pair,
        a // 1000 % 10 AS house_role,
        a // 10000 % 2 = 0 AS buyer_is_maker,
        CAST(a // 1000000 % 9000000 + 1000000 AS HUGEINT)
            * list_extract([10, 10, 100, 1000, 10000], a // 100000 % 5 + 1) AS micro_usd,
        b % len($connections) AS buyer,
        b // 1000000000 % (len($connections) - 1) + 1 AS seller_offset,
        c % 401 + 9800 AS price_move,
        c // 1000 % 29000000 + 1000000 AS delay,
        d % $slot AS jitter
    FROM dice
),
priced AS (
    SELECT
        *,
        greatest(1, micro_usd * list_extract($base_units, pair) * 10000
            // (list_extract($base_prices, pair) * price_move)) AS base_quantity,
        greatest(1, micro_usd * list_extract($quote_units, pair)
            // list_extract($quote_prices, pair)) AS quote_quantity,
        $start + to_microseconds(CASE
            WHEN i = 0 THEN 0
            WHEN i = $trades - 1 THEN $span - 1
            ELSE i * $slot + jitter
        END) AS executed_at,
        CASE WHEN house_role < 2 THEN 'house'
            ELSE list_extract($connections, buyer + 1)
        END AS buyer_connection_id,
        CASE WHEN house_role IN (2, 3) THEN 'house'
            ELSE list_extract($connections, (buyer + seller_offset) % len($connections) + 1)
        END AS seller_connection_id
    FROM rolled
)
SELECT
    $prefix || printf('%07d', i),
    $partner,
    executed_at,
    coalesce($recorded_at, executed_at + to_microseconds(delay)),
    buyer_connection_id,
    seller_connection_id,
    list_extract($bases, pair),
    list_extract($quotes, pair),
    base_quantity,
    quote_quantity,
    CASE WHEN buyer_connection_id = 'house' THEN 0
        WHEN buyer_is_maker THEN -(quote_quantity * 2 // 10000)
        ELSE quote_quantity * 10 // 10000
    END,
    CASE WHEN seller_connection_id = 'house' THEN 0
        WHEN buyer_is_maker THEN quote_quantity * 10 // 10000
        ELSE -(quote_quantity * 2 // 10000)
    END
FROM priced
ORDER BY i
"""

_MICROSECOND = timedelta(microseconds=1)
_MILLIONTHS = 10**6
_USD_PRICES = {
    "BTC": 97_413 * _MILLIONTHS,
    "ETH": 3_517_370_000,
    "SOL": 183_930_000,
    "MATIC": 437_100,
    "EUR": 1_083_000,
    "USD": _MILLIONTHS,
    "USDC": _MILLIONTHS,
    "USDT": _MILLIONTHS,
}
_OTHER_USD_PRICE = 10 * _MILLIONTHS
_QUOTES = ("USD", "USDC", "USDT", "EUR")


class Span(Protocol):
    """Half-open span of trading time [start, end), both aware."""

    @property
    def start(self) -> datetime:
        """First instant, included."""
        ...

    @property
    def end(self) -> datetime:
        """Last instant, excluded."""
        ...


def seed_day(  # noqa: PLR0913 - the sizes of a day, each with its name
    path: Path,
    partner: str,
    window: Span,
    connections: Sequence[str],
    currencies: Mapping[str, int],
    *,
    trades: int = 50_000,
    seed: int = 1,
    replace: bool = False,
) -> int:
    """Write a window's trades, creating file and table; return how many were written.

    The first is executed at the window's first instant, the last one microsecond before its end
    and recorded after it. A window that is already seeded is left as it is, unless `replace`.

    :param connections: client connections, at least two
    :param currencies: currency to decimals, at least two
    :raises duckdb.IOException: if another process has the file open
    """
    with closing(_opened(path)) as database:
        if replace:
            database.execute(
                "DELETE FROM trades WHERE partner = ? AND executed_at >= ? AND executed_at < ?",
                [partner, window.start, window.end],
            )
        return _insert(
            database,
            prefix=_prefix(partner, window),
            partner=partner,
            window=window,
            connections=connections,
            currencies=currencies,
            trades=trades,
            seed=seed,
            recorded_at=None,
        )


def add_late_trades(  # noqa: PLR0913 - as `seed_day`
    path: Path,
    partner: str,
    window: Span,
    connections: Sequence[str],
    currencies: Mapping[str, int],
    *,
    count: int,
    recorded_at: datetime,
    seed: int = 1,
) -> int:
    """Write trades executed in the window but recorded at a later instant; return how many.

    The same `recorded_at` again writes nothing.

    :raises duckdb.IOException: if another process has the file open
    """
    with closing(_opened(path)) as database:
        return _insert(
            database,
            prefix=f"{_prefix(partner, window)}late-{_stamp(recorded_at)}-",
            partner=partner,
            window=window,
            connections=connections,
            currencies=currencies,
            trades=count,
            seed=seed,
            recorded_at=recorded_at,
        )


def _prefix(partner: str, window: Span) -> str:
    """Start of every trade_id of the window."""
    return f"{partner}-{_stamp(window.start)}-"


def _stamp(instant: datetime) -> str:
    """Short form of an instant, in UTC."""
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%S}"


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(str(path))
    database.execute("SET TimeZone = 'UTC'")
    database.execute(_TABLE)
    return database


def _insert(  # noqa: PLR0913 - the parameters of the statement
    database: duckdb.DuckDBPyConnection,
    *,
    prefix: str,
    partner: str,
    window: Span,
    connections: Sequence[str],
    currencies: Mapping[str, int],
    trades: int,
    seed: int,
    recorded_at: datetime | None,
) -> int:
    if len(connections) < 2 or len(currencies) < 2:  # noqa: PLR2004
        raise ValueError("trades need at least two connections and two currencies")
    present = database.execute(
        "SELECT count(*) FROM trades WHERE trade_id = ?", [f"{prefix}{0:07}"]
    ).fetchone()
    if trades < 1 or (present is not None and present[0] > 0):
        return 0
    pairs = _pairs(list(currencies))
    span = (window.end - window.start) // _MICROSECOND
    database.execute(
        _INSERT,
        {
            "seed": seed,
            "prefix": prefix,
            "partner": partner,
            "trades": trades,
            "connections": list(connections),
            "start": window.start,
            "span": span,
            "slot": max(1, span // trades),
            "recorded_at": recorded_at,
            "bases": [base for base, _ in pairs],
            "quotes": [quote for _, quote in pairs],
            "base_units": [10 ** currencies[base] for base, _ in pairs],
            "quote_units": [10 ** currencies[quote] for _, quote in pairs],
            "base_prices": [_USD_PRICES.get(base, _OTHER_USD_PRICE) for base, _ in pairs],
            "quote_prices": [_USD_PRICES.get(quote, _OTHER_USD_PRICE) for _, quote in pairs],
        },
    )
    return trades


def _pairs(currencies: Sequence[str]) -> list[tuple[str, str]]:
    """Every base against every quote currency that is there; the first one quotes if none is."""
    quotes = [currency for currency in _QUOTES if currency in currencies] or [currencies[0]]
    bases = [currency for currency in currencies if currency not in quotes or currency == "EUR"]
    pairs = [(base, quote) for base in bases for quote in quotes if base != quote]
    return pairs or [(quotes[0], quotes[1])]
