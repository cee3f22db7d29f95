-- What makes a trade unfit to be settled: name of the check, number of trades found, and up to five
-- of their ids (one a row). No row: nothing was found here. Names that the partner file does not have
-- (names.sql), ids that repeat, and recordings of the future are looked for outside of this query.
SELECT
    check_name,
    found,
    example_trade_id
FROM (
    SELECT
        check_name,
        COALESCE(trade_id, '(no id)') AS example_trade_id,
        COUNT(*) OVER (PARTITION BY check_name) AS found,
        ROW_NUMBER() OVER (PARTITION BY check_name ORDER BY trade_id) AS place
    FROM (
        SELECT 'trade_id is null' AS check_name, trade_id
        FROM trades
        WHERE trade_id IS NULL
        UNION ALL
        SELECT
            'trades.sql refuses it',
            COALESCE(trade_id, 'without an id') || ' (' || refused_because || ')'
        FROM trades
        WHERE refused_because IS NOT NULL
        UNION ALL
        SELECT 'executed_at is null or infinite', trade_id
        FROM trades
        WHERE executed_at IS NULL OR executed_at < :first_instant OR executed_at >= :last_instant
        UNION ALL
        SELECT 'executed_at is outside the window', trade_id
        FROM trades
        WHERE (executed_at >= :first_instant AND executed_at < :window_start)
           OR (executed_at >= :window_end AND executed_at < :last_instant)
        UNION ALL
        SELECT 'recorded_at is null or infinite', trade_id
        FROM trades
        WHERE recorded_at IS NULL OR recorded_at < :first_instant OR recorded_at >= :last_instant
        UNION ALL
        -- more than clocks can differ by: a time zone was lost on the way
        SELECT 'recorded_at is over 5 minutes before executed_at', trade_id
        FROM trades
        WHERE recorded_at >= :first_instant
          AND recorded_at < executed_at - INTERVAL '5 minutes'
          AND executed_at < :last_instant
        UNION ALL
        SELECT 'buyer_connection_id is null', trade_id
        FROM trades
        WHERE buyer_connection_id IS NULL AND NOT :null_is_house
        UNION ALL
        SELECT 'seller_connection_id is null', trade_id
        FROM trades
        WHERE seller_connection_id IS NULL AND NOT :null_is_house
        UNION ALL
        SELECT 'buyer and seller are both the house', trade_id
        FROM trades
        WHERE COALESCE(buyer_connection_id, 'house') = 'house'
          AND COALESCE(seller_connection_id, 'house') = 'house'
        UNION ALL
        SELECT 'base_currency is null', trade_id
        FROM trades
        WHERE base_currency IS NULL
        UNION ALL
        SELECT 'quote_currency is null', trade_id
        FROM trades
        WHERE quote_currency IS NULL
        UNION ALL
        SELECT 'a currency is traded against itself', trade_id
        FROM trades
        WHERE base_currency = quote_currency
        UNION ALL
        SELECT 'base_quantity is null or not positive', trade_id
        FROM trades
        WHERE base_quantity IS NULL OR base_quantity <= 0
        UNION ALL
        SELECT 'quote_quantity is null or not positive', trade_id
        FROM trades
        WHERE quote_quantity IS NULL OR quote_quantity <= 0
        UNION ALL
        SELECT 'buyer_fee is null', trade_id
        FROM trades
        WHERE buyer_fee IS NULL
        UNION ALL
        SELECT 'seller_fee is null', trade_id
        FROM trades
        WHERE seller_fee IS NULL
        UNION ALL
        SELECT 'an amount is not a whole number of base units', trade_id
        FROM trades
        WHERE base_quantity <> FLOOR(base_quantity)
           OR quote_quantity <> FLOOR(quote_quantity)
           OR buyer_fee <> FLOOR(buyer_fee)
           OR seller_fee <> FLOOR(seller_fee)
        UNION ALL
        -- only these times zero are not zero; DuckDB, whose amounts are finite, leaves this out
        SELECT 'an amount is NaN or infinite', trade_id
        FROM trades
        WHERE base_quantity * 0 <> 0
           OR quote_quantity * 0 <> 0
           OR buyer_fee * 0 <> 0
           OR seller_fee * 0 <> 0
    ) AS findings
) AS ranked
WHERE place <= 5
ORDER BY check_name, place
