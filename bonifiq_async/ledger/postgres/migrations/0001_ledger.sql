-- The ledger: whose changes it holds, the changes, the processes that hold claims, the runs of the command line.
-- Times are the database's clock. `value` is a number of any precision; nothing is rounded.

CREATE TABLE {schema}.book (
    id smallint PRIMARY KEY CHECK (id = 1),
    provider text,
    fingerprint text
);
INSERT INTO {schema}.book (id) VALUES (1);

-- Each change is written twice: claimed, then ended. No index has a column that the second writing changes, and
-- a page keeps room for it, so that PostgreSQL updates a row in its page and leaves the index alone (HOT).
-- Keys have the byte order: every program sorts them alike, so that no two wait for each other.
CREATE TABLE {schema}.change (
    fence bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    first_sent timestamptz NOT NULL,
    last_sent timestamptz NOT NULL,
    run bigint NOT NULL DEFAULT 0,
    last_run bigint,
    line bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    in_doubt boolean NOT NULL,
    key text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    state text NOT NULL,
    owner text NOT NULL,
    digest bytea NOT NULL,
    customer_id text NOT NULL,
    value numeric NOT NULL,
    path text NOT NULL,
    body bytea NOT NULL,
    answer text,
    error text,
    PRIMARY KEY (key, operation)
) WITH (fillfactor = 70);

CREATE TABLE {schema}.owner (
    name text PRIMARY KEY,
    beat timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE {schema}.run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    begun timestamptz NOT NULL,
    ended timestamptz,
    command text NOT NULL,
    "user" text NOT NULL,
    host text NOT NULL,
    file text NOT NULL,
    digest text NOT NULL,
    owner text NOT NULL,
    counts text NOT NULL DEFAULT '{}'
);
