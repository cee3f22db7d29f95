-- The trades that have a name in a column: how many, and up to five of their ids (one a row).
SELECT
    COUNT(*) OVER () AS found,
    COALESCE(trade_id, '(no id)') AS example_trade_id
FROM trades
WHERE CASE :column_name
        WHEN 'buyer_connection_id' THEN buyer_connection_id
        WHEN 'seller_connection_id' THEN seller_connection_id
        WHEN 'base_currency' THEN base_currency
        WHEN 'quote_currency' THEN quote_currency
        WHEN 'buyer_fee_currency' THEN buyer_fee_currency
        WHEN 'seller_fee_currency' THEN seller_fee_currency
    END = :name
ORDER BY trade_id
LIMIT 5
