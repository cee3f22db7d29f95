-- The trades that were already there at an earlier snapshot's watermark. The other queries read
-- this instead of all trades when history is compared.
SELECT *
FROM window_trades
WHERE recorded_at <= :recorded_until
