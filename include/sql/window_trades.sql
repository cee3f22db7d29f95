-- The trades of many windows that a snapshot has read. Each connection bears the number of its
-- window in front, so that net_positions.sql sums them up by window without knowing of windows.
--   window_number: six digits, null outside of all windows; read_until: the snapshot's watermark
SELECT
    trade_id,
    executed_at,
    recorded_at,
    CASE
        WHEN buyer_connection_id = 'house' THEN 'house'
        ELSE CAST(window_number AS VARCHAR) || buyer_connection_id
    END AS buyer_connection_id,
    CASE
        WHEN seller_connection_id = 'house' THEN 'house'
        ELSE CAST(window_number AS VARCHAR) || seller_connection_id
    END AS seller_connection_id,
    base_currency,
    quote_currency,
    base_quantity,
    quote_quantity,
    buyer_fee,
    seller_fee,
    buyer_fee_currency,
    seller_fee_currency
FROM placed_trades
WHERE window_number IS NOT NULL AND recorded_at <= read_until
