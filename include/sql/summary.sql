-- Number of trades, the load's watermark and the newest trade.
SELECT
    COUNT(*) AS trade_count,
    MAX(recorded_at) AS watermark,
    MAX(executed_at) AS newest_executed_at
FROM trades
