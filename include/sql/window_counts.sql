-- Of each window: its trades, those that its snapshot has read, and those that claim to have been
-- recorded in the future.
SELECT
    window_number,
    COUNT(*) AS trade_count,
    COUNT(CASE WHEN recorded_at <= read_until THEN 1 END) AS read_count,
    COUNT(CASE WHEN recorded_at > :recorded_by THEN 1 END) AS future_count
FROM placed_trades
WHERE window_number IS NOT NULL
GROUP BY window_number
ORDER BY window_number
