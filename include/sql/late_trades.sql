-- The trades recorded after a watermark: what an earlier snapshot cannot have read.
SELECT
    trade_id,
    executed_at,
    recorded_at,
    buyer_connection_id,
    seller_connection_id,
    base_currency,
    quote_currency,
    CAST(base_quantity AS VARCHAR) AS base_quantity,
    CAST(quote_quantity AS VARCHAR) AS quote_quantity,
    CAST(buyer_fee AS VARCHAR) AS buyer_fee,
    CAST(seller_fee AS VARCHAR) AS seller_fee,
    COALESCE(buyer_fee_currency, quote_currency) AS buyer_fee_currency,
    COALESCE(seller_fee_currency, quote_currency) AS seller_fee_currency
FROM trades
WHERE recorded_at > :recorded_until
ORDER BY recorded_at, trade_id
