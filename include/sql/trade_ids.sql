-- The ids of the trades, in groups that begin alike: the beginning, how many there are, the first
-- 16 hex digits of the MD5 of each, and what follows the beginning, one id a line.
SELECT
    LEFT(trade_id, :width) AS beginning,
    COUNT(*) AS ids,
    STRING_AGG(SUBSTR(MD5(trade_id), 1, 16), '') AS hashes,
    STRING_AGG(SUBSTR(trade_id, :width + 1), CHR(10)) AS endings
FROM trades
WHERE trade_id IS NOT NULL
  AND (:in_one_pass OR LEFT(trade_id, :width) BETWEEN :first_beginning AND :last_beginning)
GROUP BY 1
