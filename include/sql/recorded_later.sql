-- Trades that claim to have been recorded later than a moment: how many, and up to five of them.
SELECT
    found,
    example_trade_id,
    CAST(recorded_at AS VARCHAR) AS recorded_at
FROM (
    SELECT
        COALESCE(trade_id, '(no id)') AS example_trade_id,
        recorded_at,
        COUNT(*) OVER (PARTITION BY 1) AS found,
        ROW_NUMBER() OVER (PARTITION BY 1 ORDER BY recorded_at, trade_id) AS place
    FROM trades
    WHERE recorded_at > :recorded_by
) AS ranked
WHERE place <= 5
ORDER BY place
