-- Ids with a line break in them, up to five.
SELECT trade_id
FROM trades
WHERE trade_id LIKE '%' || CHR(10) || '%'
ORDER BY trade_id
LIMIT 5
