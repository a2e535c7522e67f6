\set ticket random(1, 200000)
WITH admitted AS (
    UPDATE bench.entries SET admitted_at = now() WHERE ticket_id = :ticket AND status = 'valid' RETURNING ticket_id
)
INSERT INTO bench.scans
SELECT uuidv7(), admitted.ticket_id, 'device 01a203d8-3443-7d40', 'admitted', now(), sha256(int4send(admitted.ticket_id)),
       '{"outcome":"admitted","ticket":' || admitted.ticket_id || ',"tariff":"Free","valid_from":"2027-01-01T09:00:00Z"}'
FROM admitted
ON CONFLICT (id) DO NOTHING;
