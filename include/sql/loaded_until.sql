-- How far the load has come, over all trades of the partner: the window is all of time.
-- A recording later than now (:recorded_until) says nothing about the load.
-- If your loader keeps a table of finished loads, ask that one: it is exact on quiet days.
SELECT MAX(recorded_at) AS loaded_until
FROM trades
WHERE recorded_at <= :recorded_until
