-- Number of trades, their watermark (the newest recording) and the newest execution.
SELECT
    COUNT(*) AS trade_count,
    MAX(recorded_at) AS watermark,
    MAX(executed_at) AS newest_executed_at
FROM trades
