-- The trades recorded up to an earlier snapshot's watermark. summary.sql and net_positions.sql read
-- these instead of all trades when history is compared.
SELECT *
FROM window_trades
WHERE recorded_at <= :recorded_until
