-- trades.sql for a warehouse that keeps one row for each side of a trade, amounts in full units
-- (1.5 BTC). Copy it over include/sql/trades.sql and adapt. For DuckDB, PostgreSQL and Snowflake.
-- Your own account is a side like any other, under the name 'house'.
--
--   fills: partner, market, trade_id (unique in its market), side ('buy' or 'sell', in any case),
--          account, executed_at, recorded_at, base_currency, quote_currency,
--          base_amount, quote_amount, fee,                                   -- DECIMAL(38,18)
--          fee_currency                                       -- null: the quote currency
--
-- An amount with more decimals than its currency has is rounded, half away from zero, once for each
-- trade: both sides see the same quantity, and what is rounded off a fee is the house's. A currency
-- whose `rounds` is FALSE refuses such amounts instead. Columns must be DECIMAL: the casts here
-- would hide a FLOAT. Whole units and decimals are multiplied apart, or 1000 ETH would not fit into
-- the 38 digits that a DECIMAL has. What cannot be trusted becomes null, refused_because says why,
-- and the checks refuse it with the id of the trade: a currency that is not listed here, a side
-- that is missing or there twice, two sides that contradict each other.
WITH currencies AS (
    -- as in the partner file: decimals, base units in one full unit, and whether more are rounded
    SELECT 'BTC' AS currency, 8 AS decimals, CAST(100000000 AS DECIMAL(38, 0)) AS units, TRUE AS rounds
    UNION ALL
    SELECT 'ETH', 18, CAST(1000000000000000000 AS DECIMAL(38, 0)), TRUE
    UNION ALL
    SELECT 'USD', 2, CAST(100 AS DECIMAL(38, 0)), TRUE
    UNION ALL
    SELECT 'USDC', 6, CAST(1000000 AS DECIMAL(38, 0)), TRUE
    UNION ALL
    SELECT 'BNB', 8, CAST(100000000 AS DECIMAL(38, 0)), TRUE
),
sides AS (
    SELECT
        market,
        trade_id,
        LOWER(side) AS side,
        account,
        executed_at,
        recorded_at,
        base_currency,
        quote_currency,
        base_amount,
        quote_amount,
        fee,
        -- a fee of zero is in no currency
        CASE WHEN fee <> 0 THEN COALESCE(fee_currency, quote_currency) END AS fee_currency
    FROM fills
    WHERE partner = :partner
      AND (
          (executed_at >= :window_start AND executed_at < :window_end)
          OR executed_at IS NULL
          OR executed_at < '1000-01-01'
          OR executed_at > '9999-12-31'
      )
),
legs AS (
    SELECT
        sides.*,
        CASE
            WHEN base.rounds OR MOD(MOD(base_amount, 1) * base.units, 1) = 0
                THEN CAST(TRUNC(base_amount) AS DECIMAL(38, 0)) * base.units
                    + CAST(ROUND(MOD(base_amount, 1) * base.units, 0) AS DECIMAL(38, 0))
        END AS base_units,
        CASE
            WHEN quote.rounds OR MOD(MOD(quote_amount, 1) * quote.units, 1) = 0
                THEN CAST(TRUNC(quote_amount) AS DECIMAL(38, 0)) * quote.units
                    + CAST(ROUND(MOD(quote_amount, 1) * quote.units, 0) AS DECIMAL(38, 0))
        END AS quote_units,
        CASE
            WHEN fee = 0 THEN 0
            WHEN paid.rounds OR MOD(MOD(fee, 1) * paid.units, 1) = 0
                THEN CAST(TRUNC(fee) AS DECIMAL(38, 0)) * paid.units
                    + CAST(ROUND(MOD(fee, 1) * paid.units, 0) AS DECIMAL(38, 0))
        END AS fee_units,
        CASE
            WHEN base.units IS NULL THEN base_currency || ' is not listed in trades.sql'
            WHEN quote.units IS NULL THEN quote_currency || ' is not listed in trades.sql'
            WHEN paid.units IS NULL AND fee <> 0 THEN fee_currency || ' is not listed in trades.sql'
            WHEN NOT base.rounds AND MOD(MOD(base_amount, 1) * base.units, 1) <> 0
                THEN CAST(base_amount AS VARCHAR) || ' ' || base_currency || ' has '
                    || CAST(
                        LENGTH(RTRIM(CAST(MOD(ABS(base_amount), 1) AS VARCHAR), '0')) - 2 AS VARCHAR
                    )
                    || ' decimals, ' || base_currency || ' has ' || CAST(base.decimals AS VARCHAR)
            WHEN NOT quote.rounds AND MOD(MOD(quote_amount, 1) * quote.units, 1) <> 0
                THEN CAST(quote_amount AS VARCHAR) || ' ' || quote_currency || ' has '
                    || CAST(
                        LENGTH(RTRIM(CAST(MOD(ABS(quote_amount), 1) AS VARCHAR), '0')) - 2 AS VARCHAR
                    )
                    || ' decimals, ' || quote_currency || ' has ' || CAST(quote.decimals AS VARCHAR)
            WHEN NOT paid.rounds AND MOD(MOD(fee, 1) * paid.units, 1) <> 0
                THEN CAST(fee AS VARCHAR) || ' ' || fee_currency || ' has '
                    || CAST(
                        LENGTH(RTRIM(CAST(MOD(ABS(fee), 1) AS VARCHAR), '0')) - 2 AS VARCHAR
                    )
                    || ' decimals, ' || fee_currency || ' has ' || CAST(paid.decimals AS VARCHAR)
        END AS wrong
    FROM sides
    LEFT JOIN currencies AS base ON base.currency = base_currency
    LEFT JOIN currencies AS quote ON quote.currency = quote_currency
    LEFT JOIN currencies AS paid ON paid.currency = fee_currency
)
SELECT
    market || ':' || trade_id AS trade_id,
    CASE WHEN COUNT(executed_at) = COUNT(*) THEN MAX(executed_at) END AS executed_at,
    CASE WHEN COUNT(recorded_at) = COUNT(*) THEN MAX(recorded_at) END AS recorded_at,
    MAX(CASE WHEN side = 'buy' THEN account END) AS buyer_connection_id,
    MAX(CASE WHEN side = 'sell' THEN account END) AS seller_connection_id,
    CASE WHEN MIN(base_currency) = MAX(base_currency) THEN MIN(base_currency) END AS base_currency,
    CASE WHEN MIN(quote_currency) = MAX(quote_currency) THEN MIN(quote_currency) END
        AS quote_currency,
    CASE WHEN MIN(base_amount) = MAX(base_amount) THEN MIN(base_units) END AS base_quantity,
    CASE WHEN MIN(quote_amount) = MAX(quote_amount) THEN MIN(quote_units) END AS quote_quantity,
    MAX(CASE WHEN side = 'buy' THEN fee_units END) AS buyer_fee,
    MAX(CASE WHEN side = 'sell' THEN fee_units END) AS seller_fee,
    MAX(CASE WHEN side = 'buy' THEN fee_currency END) AS buyer_fee_currency,
    MAX(CASE WHEN side = 'sell' THEN fee_currency END) AS seller_fee_currency,
    CASE
        WHEN COUNT(*) <> 2 OR MIN(side) <> 'buy' OR MAX(side) <> 'sell' OR COUNT(side) <> 2
            THEN 'a trade has a buy and a sell; of this there are '
                || CAST(COUNT(CASE WHEN side = 'buy' THEN 1 END) AS VARCHAR) || ' and '
                || CAST(COUNT(CASE WHEN side = 'sell' THEN 1 END) AS VARCHAR)
                || ' in the window, ' || CAST(COUNT(*) AS VARCHAR) || ' rows in all'
        WHEN MIN(base_currency) <> MAX(base_currency) OR MIN(quote_currency) <> MAX(quote_currency)
            THEN 'the two sides name different currencies'
        WHEN MIN(base_amount) <> MAX(base_amount) OR MIN(quote_amount) <> MAX(quote_amount)
            THEN 'the two sides name different amounts'
        WHEN MIN(base_units) = 0 OR MIN(quote_units) = 0
            THEN 'an amount is less than half a base unit of its currency'
        ELSE MAX(wrong)
    END AS refused_because
FROM legs
GROUP BY market, trade_id
