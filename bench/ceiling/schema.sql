-- The durable rows of a sale and of an entry, of about the size that ours have, with primary keys only:
-- no tenancy, no further indexes, no uninterrupted numbers, no chain of hashes.

-- 300 clients connect for every measurement: a password that is checked at once.
SET scram_iterations = 1;
\getenv password PGPASSWORD
ALTER ROLE CURRENT_USER PASSWORD :'password';

CREATE SCHEMA bench;

CREATE TABLE bench.gauges (
    id integer PRIMARY KEY,
    offer_id integer NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    capacity integer NOT NULL,
    held integer NOT NULL DEFAULT 0,
    sold integer NOT NULL DEFAULT 0,
    CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)
) WITH (fillfactor = 50);

CREATE TABLE bench.holds (
    id uuid PRIMARY KEY,
    gauge_id integer NOT NULL,
    quantity integer NOT NULL,
    state text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE bench.orders (
    id uuid PRIMARY KEY,
    reference text NOT NULL,
    status text NOT NULL,
    customer_name text NOT NULL,
    customer_email text NOT NULL,
    total_minor bigint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE bench.order_lines (
    order_id uuid NOT NULL,
    position smallint NOT NULL,
    gauge_id integer NOT NULL,
    tariff_id uuid NOT NULL,
    quantity integer NOT NULL,
    price_minor bigint NOT NULL,
    starts_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE bench.tickets (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    gauge_id integer NOT NULL,
    status text NOT NULL,
    price_minor bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    issued_at timestamptz NOT NULL
);

CREATE TABLE bench.events (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    subject uuid NOT NULL,
    payload text NOT NULL,
    hash bytea NOT NULL
);

CREATE TABLE bench.idempotency_keys (
    key_hash bytea PRIMARY KEY,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- What every order is answered; random, as ours are encrypted and do not compress.
CREATE TABLE bench.answer (body bytea NOT NULL);

CREATE TABLE bench.entries (
    ticket_id integer PRIMARY KEY,
    status text NOT NULL,
    valid_from timestamptz NOT NULL,
    admitted_at timestamptz
) WITH (fillfactor = 80);

CREATE TABLE bench.scans (
    id uuid PRIMARY KEY,
    ticket_id integer NOT NULL,
    actor text NOT NULL,
    outcome text NOT NULL,
    scanned_at timestamptz NOT NULL,
    code_hash bytea NOT NULL,
    answer text NOT NULL
);

INSERT INTO bench.gauges (id, offer_id, starts_at, ends_at, capacity)
SELECT number, (number - 1) / 50, now() + number * interval '1 hour', now() + (number + 1) * interval '1 hour', 1000000000
FROM generate_series(1, 50000) AS number;

INSERT INTO bench.entries (ticket_id, status, valid_from)
SELECT number, 'valid', now() FROM generate_series(1, 200000) AS number;

INSERT INTO bench.answer
SELECT string_agg(sha256(convert_to(number::text, 'UTF8')), '') FROM generate_series(1, 40) AS number;

ANALYZE;
