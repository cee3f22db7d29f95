-- Every name in the trades, once for each column: they are compared with the partner file outside of
-- the database, whose idea of equality is not ours.
SELECT 'buyer_connection_id' AS column_name, buyer_connection_id AS name
FROM trades
GROUP BY buyer_connection_id
UNION ALL
SELECT 'seller_connection_id', seller_connection_id
FROM trades
GROUP BY seller_connection_id
UNION ALL
SELECT 'base_currency', base_currency
FROM trades
GROUP BY base_currency
UNION ALL
SELECT 'quote_currency', quote_currency
FROM trades
GROUP BY quote_currency
UNION ALL
SELECT 'buyer_fee_currency', buyer_fee_currency
FROM trades
WHERE buyer_fee_currency IS NOT NULL
GROUP BY buyer_fee_currency
UNION ALL
SELECT 'seller_fee_currency', seller_fee_currency
FROM trades
WHERE seller_fee_currency IS NOT NULL
GROUP BY seller_fee_currency
