-- Where some trades are now, by their ids: an id that comes twice is in two places.
SELECT
    trade_id,
    executed_at
FROM trades
WHERE trade_id IN (:trade_ids)
  AND executed_at >= :first_instant
  AND executed_at < :last_instant
ORDER BY trade_id, executed_at
