-- Trades of a stretch of time that no business date covers, and those whose time is null or infinite:
-- why, how many, and up to five of them (one a row). The time leaves as text: not every driver can
-- read what is infinite.
SELECT
    why,
    found,
    example_trade_id,
    CAST(executed_at AS VARCHAR) AS executed_at
FROM (
    SELECT
        why,
        COALESCE(trade_id, '(no id)') AS example_trade_id,
        executed_at,
        COUNT(*) OVER (PARTITION BY why) AS found,
        ROW_NUMBER() OVER (PARTITION BY why ORDER BY executed_at, trade_id) AS place
    FROM (
        SELECT
            trade_id,
            executed_at,
            CASE
                WHEN executed_at IS NULL THEN 'null'
                WHEN executed_at < :first_instant OR executed_at >= :last_instant THEN 'infinite'
                ELSE 'uncovered'
            END AS why
        FROM trades
        WHERE executed_at IS NULL OR recorded_at IS NULL OR recorded_at >= :recorded_since
    ) AS outside
) AS ranked
WHERE place <= 5
ORDER BY why, place
