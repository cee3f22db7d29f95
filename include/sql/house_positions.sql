-- The house's own side, per currency, from what it bought, what it sold and the fees it earned.
-- Written without net_positions.sql on purpose: clients plus house must be zero per currency, so a
-- mistake in one of the two is found. A fee of the house itself is paid to itself: no movement.
SELECT
    currency,
    CAST(SUM(moved) AS VARCHAR) AS amount
FROM (
    SELECT base_currency AS currency, SUM(base_quantity) AS moved
    FROM trades
    WHERE COALESCE(buyer_connection_id, 'house') = 'house'
    GROUP BY base_currency
    UNION ALL
    SELECT quote_currency, -SUM(quote_quantity)
    FROM trades
    WHERE COALESCE(buyer_connection_id, 'house') = 'house'
    GROUP BY quote_currency
    UNION ALL
    SELECT base_currency, -SUM(base_quantity)
    FROM trades
    WHERE COALESCE(seller_connection_id, 'house') = 'house'
    GROUP BY base_currency
    UNION ALL
    SELECT quote_currency, SUM(quote_quantity)
    FROM trades
    WHERE COALESCE(seller_connection_id, 'house') = 'house'
    GROUP BY quote_currency
    UNION ALL
    SELECT COALESCE(buyer_fee_currency, quote_currency), SUM(buyer_fee)
    FROM trades
    WHERE COALESCE(buyer_connection_id, 'house') <> 'house'
    GROUP BY COALESCE(buyer_fee_currency, quote_currency)
    UNION ALL
    SELECT COALESCE(seller_fee_currency, quote_currency), SUM(seller_fee)
    FROM trades
    WHERE COALESCE(seller_connection_id, 'house') <> 'house'
    GROUP BY COALESCE(seller_fee_currency, quote_currency)
) AS house
GROUP BY currency
HAVING SUM(moved) <> 0
ORDER BY currency
