-- The trades as the other queries read them, but for columns.sql, first_trade.sql and
-- loaded_until.sql, which read what trades.sql returns. Ids and names are text, compared byte for
-- byte, whatever type and collation their columns have (CHAR(5), citext, NOCASE). A fee currency that
-- is null means the quote currency. Columns that trades.sql leaves out are null.
SELECT
    CAST(trade_id AS VARCHAR) COLLATE "C" AS trade_id,
    executed_at,
    recorded_at,
    CAST(buyer_connection_id AS VARCHAR) COLLATE "C" AS buyer_connection_id,
    CAST(seller_connection_id AS VARCHAR) COLLATE "C" AS seller_connection_id,
    CAST(base_currency AS VARCHAR) COLLATE "C" AS base_currency,
    CAST(quote_currency AS VARCHAR) COLLATE "C" AS quote_currency,
    base_quantity,
    quote_quantity,
    buyer_fee,
    seller_fee,
    CAST(buyer_fee_currency AS VARCHAR) COLLATE "C" AS buyer_fee_currency,
    CAST(seller_fee_currency AS VARCHAR) COLLATE "C" AS seller_fee_currency,
    CAST(refused_because AS VARCHAR) COLLATE "C" AS refused_because
FROM read_trades
