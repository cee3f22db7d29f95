-- The columns that trades.sql returns, without a row.
SELECT *
FROM trades
WHERE 1 = 0
