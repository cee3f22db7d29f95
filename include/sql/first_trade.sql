-- One trade as the driver returns it: its types are checked before anything is computed. Not one
-- without times, or with infinite ones, which not every driver can return: the checks name those.
SELECT *
FROM trades
WHERE executed_at >= :first_instant AND executed_at < :last_instant
  AND recorded_at >= :first_instant AND recorded_at < :last_instant
LIMIT 1
