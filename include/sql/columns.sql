-- One trade as the driver returns it: its types are checked before anything is computed.
SELECT *
FROM trades
LIMIT 1
