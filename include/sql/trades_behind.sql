-- The trades behind one net position, oldest first.
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
WHERE (
        buyer_connection_id = :connection_id
        AND :currency IN (base_currency, quote_currency, buyer_fee_currency)
    )
    OR (
        seller_connection_id = :connection_id
        AND :currency IN (base_currency, quote_currency, seller_fee_currency)
    )
ORDER BY executed_at, trade_id
