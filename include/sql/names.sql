-- Every name in the trades, once for each column: they are compared with the partner file outside of
-- the database, whose idea of equality is not ours.
SELECT DISTINCT 'buyer_connection_id' AS column_name, buyer_connection_id AS name
FROM trades
UNION ALL
SELECT DISTINCT 'seller_connection_id', seller_connection_id
FROM trades
UNION ALL
SELECT DISTINCT 'base_currency', base_currency
FROM trades
UNION ALL
SELECT DISTINCT 'quote_currency', quote_currency
FROM trades
UNION ALL
SELECT DISTINCT 'buyer_fee_currency', buyer_fee_currency
FROM trades
WHERE buyer_fee_currency IS NOT NULL
UNION ALL
SELECT DISTINCT 'seller_fee_currency', seller_fee_currency
FROM trades
WHERE seller_fee_currency IS NOT NULL
