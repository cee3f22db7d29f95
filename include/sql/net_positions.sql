-- What each client receives (positive) or gives (negative), per currency.
--   buyer:  + base  - quote  - fee
--   seller: - base  + quote  - fee
-- A fee is in the quote currency, unless its own currency is named. The house, and what nets to
-- zero, is left out. Amounts leave as text: no driver can round them.
SELECT
    connection_id,
    currency,
    CAST(SUM(moved) AS VARCHAR) AS amount
FROM (
    SELECT buyer_connection_id AS connection_id, base_currency AS currency, base_quantity AS moved
    FROM trades
    UNION ALL
    SELECT
        buyer_connection_id,
        quote_currency,
        -quote_quantity - CASE WHEN buyer_fee_currency IS NULL THEN buyer_fee ELSE 0 END
    FROM trades
    UNION ALL
    SELECT buyer_connection_id, buyer_fee_currency, -buyer_fee
    FROM trades
    WHERE buyer_fee_currency IS NOT NULL
    UNION ALL
    SELECT seller_connection_id, base_currency, -base_quantity
    FROM trades
    UNION ALL
    SELECT
        seller_connection_id,
        quote_currency,
        quote_quantity - CASE WHEN seller_fee_currency IS NULL THEN seller_fee ELSE 0 END
    FROM trades
    UNION ALL
    SELECT seller_connection_id, seller_fee_currency, -seller_fee
    FROM trades
    WHERE seller_fee_currency IS NOT NULL
) AS legs
WHERE connection_id <> 'house'
GROUP BY connection_id, currency
HAVING SUM(moved) <> 0
ORDER BY connection_id, currency
