-- How many trade ids share each beginning, in the order of the beginnings.
SELECT LEFT(trade_id, :width) AS beginning, COUNT(*) AS ids
FROM trades
WHERE trade_id IS NOT NULL
GROUP BY 1
ORDER BY 1
