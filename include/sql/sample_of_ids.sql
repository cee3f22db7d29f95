-- Some trade ids, to see how they begin.
SELECT trade_id
FROM trades
WHERE trade_id IS NOT NULL
LIMIT 10000
