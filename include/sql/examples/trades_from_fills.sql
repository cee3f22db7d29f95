-- trades.sql for a warehouse that keeps one row for each side of a trade, amounts in full units
-- (1.5 BTC). Copy it over include/sql/trades.sql and adapt. For DuckDB, PostgreSQL and Snowflake.
-- Your own account is a side like any other, under the name 'house'.
--
--   fills: partner, trade_id, side ('buy' or 'sell'), account, executed_at, recorded_at,
--          base_currency, quote_currency, base_amount, quote_amount, fee     -- DECIMAL(38,18)
--
-- No digit is lost, if the columns are DECIMAL: a cast would hide a FLOAT. Whole units and decimals are multiplied apart, or 1000 ETH would not fit into
-- the 38 digits that a DECIMAL has. What cannot be trusted becomes null, and the checks refuse it
-- with the id of the trade: an amount with more decimals than its currency has, a currency that
-- is not listed here, a side that is missing or there twice, two sides that contradict each other.
WITH currencies AS (
    -- as in the partner file: base units in one full unit
    SELECT 'BTC' AS currency, CAST(100000000 AS DECIMAL(38, 0)) AS units
    UNION ALL
    SELECT 'ETH', CAST(1000000000000000000 AS DECIMAL(38, 0))
    UNION ALL
    SELECT 'USD', CAST(100 AS DECIMAL(38, 0))
),
legs AS (
    SELECT
        fills.*,
        CASE WHEN MOD(MOD(base_amount, 1) * base.units, 1) = 0
            THEN CAST(TRUNC(base_amount) AS DECIMAL(38, 0)) * base.units
                + CAST(MOD(base_amount, 1) * base.units AS DECIMAL(38, 0))
        END AS base_units,
        CASE WHEN MOD(MOD(quote_amount, 1) * quote.units, 1) = 0
            THEN CAST(TRUNC(quote_amount) AS DECIMAL(38, 0)) * quote.units
                + CAST(MOD(quote_amount, 1) * quote.units AS DECIMAL(38, 0))
        END AS quote_units,
        CASE WHEN MOD(MOD(fee, 1) * quote.units, 1) = 0
            THEN CAST(TRUNC(fee) AS DECIMAL(38, 0)) * quote.units
                + CAST(MOD(fee, 1) * quote.units AS DECIMAL(38, 0))
        END AS fee_units
    FROM fills
    LEFT JOIN currencies AS base ON base.currency = fills.base_currency
    LEFT JOIN currencies AS quote ON quote.currency = fills.quote_currency
    WHERE partner = :partner
      AND ((executed_at >= :window_start AND executed_at < :window_end) OR executed_at IS NULL)
)
SELECT
    trade_id,
    CASE WHEN COUNT(executed_at) = COUNT(*) THEN MAX(executed_at) END AS executed_at,
    CASE WHEN COUNT(recorded_at) = COUNT(*) THEN MAX(recorded_at) END AS recorded_at,
    MAX(CASE WHEN side = 'buy' THEN account END) AS buyer_connection_id,
    MAX(CASE WHEN side = 'sell' THEN account END) AS seller_connection_id,
    CASE WHEN MIN(base_currency) = MAX(base_currency) THEN MIN(base_currency) END AS base_currency,
    CASE WHEN MIN(quote_currency) = MAX(quote_currency) THEN MIN(quote_currency) END
        AS quote_currency,
    CASE WHEN COUNT(*) = 2 AND COUNT(DISTINCT side) = 2 AND COUNT(base_units) = 2
            AND MIN(base_units) = MAX(base_units)
        THEN MIN(base_units)
    END AS base_quantity,
    CASE WHEN COUNT(*) = 2 AND COUNT(DISTINCT side) = 2 AND COUNT(quote_units) = 2
            AND MIN(quote_units) = MAX(quote_units)
        THEN MIN(quote_units)
    END AS quote_quantity,
    MAX(CASE WHEN side = 'buy' THEN fee_units END) AS buyer_fee,
    MAX(CASE WHEN side = 'sell' THEN fee_units END) AS seller_fee
FROM legs
GROUP BY trade_id
