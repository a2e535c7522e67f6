\set gauge random(1, :gauges)
WITH taken AS (
    UPDATE bench.gauges SET held = held + 2 WHERE id = :gauge AND held + sold + 2 <= capacity RETURNING id
)
INSERT INTO bench.holds SELECT uuidv7(), taken.id, 2, 'held', now() + interval '15 minutes' FROM taken;
