-- A ledger of 20 partners, 250 settled dates each, 5 requests a date, 40 lines a request.
INSERT INTO business_date
SELECT 'p' || p, d::date, d - interval '2 hours', d + interval '22 hours', 1
FROM generate_series(1, 20) AS p, generate_series(CAST(:first AS date), CAST(:last AS date), interval '1 day') AS d;

INSERT INTO snapshot (
    id, partner, business_date, generation, window_start, window_end, trade_count,
    position_count, query_text, positions_digest, taken_at
)
SELECT
    nextval('snapshot_id_seq'), partner, business_date, 1, window_start, window_end, 20000,
    200, 'SELECT', 'digest', window_end
FROM business_date
WHERE partner LIKE 'p%';

INSERT INTO net_position
SELECT s.id, md5(c::text)::uuid::text, k, 1
FROM snapshot AS s, generate_series(1, 50) AS c, unnest(ARRAY['BTC', 'ETH', 'USD', 'EUR']) AS k
WHERE s.partner LIKE 'p%';

INSERT INTO slot (
    external_id, partner, business_date, n, state, current_body, absences, first_sent_at, updated_at
)
SELECT
    partner || '-' || business_date || '-' || n, partner, business_date, n, 'completed', 1, 0,
    window_end, window_end
FROM business_date, generate_series(1, 5) AS n
WHERE partner LIKE 'p%';

INSERT INTO body (external_id, number, snapshot_id, nonce, notes, digest, origin, built_at, sent_at)
SELECT each.external_id, 1, s.id, 'nonce', 'notes', 'digest', 'built', s.taken_at, s.taken_at
FROM slot AS each JOIN snapshot AS s USING (partner, business_date)
WHERE partner LIKE 'p%';

INSERT INTO line
SELECT external_id, 1, md5(c::text)::uuid::text, k, 1, 'trading'
FROM slot, generate_series(1, 10) AS c, unnest(ARRAY['BTC', 'ETH', 'USD', 'EUR']) AS k
WHERE partner LIKE 'p%';

INSERT INTO event
SELECT
    b.partner,
    4 * row_number() OVER (PARTITION BY b.partner ORDER BY b.business_date, k.number) + k.number,
    b.window_end + k.number * interval '1 second',
    k.kind,
    b.business_date,
    NULL,
    jsonb_build_object('snapshot_id', s.id, 'held', 0, 'who', 'airflow (scheduled)')::text,
    'hash',
    'hash'
FROM business_date AS b
JOIN snapshot AS s USING (partner, business_date)
CROSS JOIN unnest(ARRAY['snapshot frozen', 'filled', 'sent', 'settled'])
    WITH ORDINALITY AS k (kind, number)
WHERE b.partner LIKE 'p%';

INSERT INTO listing
SELECT 'p' || p, CAST(:first AS date) - interval '2 days', now() FROM generate_series(1, 20) AS p;

ANALYZE
