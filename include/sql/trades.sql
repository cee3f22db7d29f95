-- The trades of one partner in one window: the one query that you have to adapt to your warehouse.
--
-- Return exactly these columns, under these names:
--
--   trade_id              text or number, never null, unique
--   executed_at           timestamp with time zone; decides which business date the trade belongs to
--   recorded_at           timestamp with time zone; when the row was loaded (the watermark)
--   buyer_connection_id   the client's connection, a UUID in lower case, as text; 'house' is your
--   seller_connection_id  own account (null too, if the partner file says null_is_house = true)
--   base_currency         as listed under [currencies] in the partner file
--   quote_currency
--   base_quantity         positive whole numbers in base units: DECIMAL(38,0), NUMERIC, HUGEINT or
--   quote_quantity        BIGINT, never FLOAT or DOUBLE
--   buyer_fee             base units; negative: a rebate
--   seller_fee
--
-- and these, where you have them (a column that you leave out is null in every row):
--
--   buyer_fee_currency    as listed in the partner file; null: the quote currency
--   seller_fee_currency
--   refused_because       text: the trade is refused, and this is shown; null: nothing is wrong
--
-- Bound values (all three must be used; written with one colon, so :: casts are safe):
--
--   :partner              name of the partner file
--   :window_start         first instant of the window, included
--   :window_end           last instant of the window, excluded
--
-- A trade whose executed_at is missing or infinite belongs to no window. It is returned to every
-- one, so that the checks refuse it instead of losing it.
SELECT
    trade_id,
    executed_at,
    recorded_at,
    buyer_connection_id,
    seller_connection_id,
    base_currency,
    quote_currency,
    base_quantity,
    quote_quantity,
    buyer_fee,
    seller_fee
FROM trades
WHERE partner = :partner
  AND (
      (executed_at >= :window_start AND executed_at < :window_end)
      OR executed_at IS NULL
      OR executed_at < '1000-01-01'
      OR executed_at > '9999-12-31'
  )
