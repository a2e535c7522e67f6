\set gauge random(1, :gauges)
WITH taken AS (
    UPDATE bench.gauges SET sold = sold + 2 WHERE id = :gauge AND held + sold + 2 <= capacity RETURNING id, starts_at
), ordered AS (
    INSERT INTO bench.orders
    SELECT uuidv7(), 'PV-7H5N7SY9', 'confirmed', 'Ada Lovelace', 'ada@example.org', 0, now() FROM taken
    RETURNING id
), lined AS (
    INSERT INTO bench.order_lines
    SELECT ordered.id, 1, taken.id, ordered.id, 2, 0, taken.starts_at FROM ordered, taken
), ticketed AS (
    INSERT INTO bench.tickets
    SELECT uuidv7(), ordered.id, taken.id, 'valid', 0, taken.starts_at, now()
    FROM ordered, taken, generate_series(1, 2)
), told AS (
    INSERT INTO bench.events
    SELECT uuidv7(), 'order.confirmed', ordered.id,
           '{"order":"' || ordered.id || '","tickets":2,"total":0,"currency":"EUR","slot":' || taken.id || '}',
           sha256(uuid_send(ordered.id))
    FROM ordered, taken
), remembered AS (
    INSERT INTO bench.idempotency_keys
    SELECT sha256(uuid_send(ordered.id)), sha256(uuid_send(ordered.id)), 201, answer.body, now()
    FROM ordered, bench.answer
)
SELECT count(*) FROM taken;
