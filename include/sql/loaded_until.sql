-- How far the load has come, over all trades of the partner: the window is all of time.
-- If your loader keeps a table of finished loads, ask that one: it is exact on quiet days.
SELECT MAX(recorded_at) AS loaded_until
FROM trades
