\set first 50 * random(0, 999)
SELECT id, starts_at, ends_at, capacity - held - sold AS remaining
FROM bench.gauges
WHERE id > :first AND id <= :first + 50
ORDER BY id;
