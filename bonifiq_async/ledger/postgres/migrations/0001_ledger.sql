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
) WITH (fillfactor = 50);

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

-- Write what many callers hand over at once, in one transaction and one statement. `claimed_*` are changes to be
-- claimed that were never seen, `ended_*` are ends of claims; both are sorted by key and operation, so that no two
-- transactions wait for each other. It returns the places in those arrays, from 1, of what was not written: a
-- change that the ledger has already, or an end whose claim is not there any more. Those are looked at one by one.
--
-- In a function each statement sees what others have committed by then (its documentation, "Function Volatility
-- Categories"): what is read after a lock was waited for is what the owner of the lock has left.
CREATE FUNCTION {schema}.write_group(
    me text, of_provider text, of_account text, in_run bigint, beats boolean,
    claimed_keys text[], claimed_operations text[], sharing boolean[], digests bytea[], customers text[],
    amounts text[], paths text[], bodies bytea[], lines bigint[], leases double precision[],
    ended_keys text[], ended_operations text[], fences bigint[], states text[], sendings integer[],
    answers text[], errors text[],
    OUT known integer[], OUT unwritten integer[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    written integer;
BEGIN
    -- Elsewhere a statement does not see what was committed since the first one, and two rivals could both claim.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE 'default_transaction_isolation is %, and the ledger needs read committed',
            current_setting('transaction_isolation');
    END IF;
    -- An end is reported to its caller when this commits: it is on disk then, whatever the session's setting.
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF beats THEN
        INSERT INTO {schema}.owner VALUES (me, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET beat = excluded.beat;
    END IF;
    IF cardinality(claimed_keys) > 0 THEN
        -- The account cannot go over to another one before this commits.
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('account of {schema}', 0));
        -- A key that counts for several operations has one claim at a time, whichever operation asks.
        PERFORM pg_advisory_xact_lock(hashtextextended('{schema} ' || key, 0))
        FROM unnest(claimed_keys, sharing) AS asked (key, shares) WHERE shares;
        written := 0;
        IF EXISTS (SELECT FROM {schema}.book WHERE provider = of_provider AND fingerprint = of_account) THEN
            moment := clock_timestamp();
            INSERT INTO {schema}.change (
                fence, lease_until, first_sent, last_sent, run, line, in_doubt, key, operation, state, owner,
                digest, customer_id, value, path, body
            )
            SELECT
                1, moment + lease * interval '1 second', moment, moment, in_run, line, false, key, operation,
                'claimed', me, digest, customer_id, amount::numeric, path, body
            FROM unnest(
                claimed_keys, claimed_operations, sharing, digests, customers, amounts, paths, bodies, lines, leases
            ) AS asked (key, operation, shares, digest, customer_id, amount, path, body, line, lease)
            WHERE NOT shares OR NOT EXISTS (SELECT FROM {schema}.change AS other WHERE other.key = asked.key)
            ON CONFLICT (key, operation) DO NOTHING;
            GET DIAGNOSTICS written = ROW_COUNT;
        END IF;
        IF written < cardinality(claimed_keys) THEN
            known := ARRAY(
                SELECT place FROM unnest(claimed_keys, claimed_operations)
                    WITH ORDINALITY AS asked (key, operation, place)
                WHERE NOT EXISTS (
                    SELECT FROM {schema}.change AS new
                    WHERE new.key = asked.key AND new.operation = asked.operation
                        AND new.xmin = pg_current_xact_id()::xid
                )
            );
        END IF;
    END IF;
    IF cardinality(ended_keys) > 0 THEN
        moment := clock_timestamp();
        WITH ended AS (
            SELECT * FROM unnest(ended_keys, ended_operations, fences, states, sendings, answers, errors)
                WITH ORDINALITY AS ended (key, operation, fence, state, sendings, answer, error, place)
        ), mine AS (
            -- Locked one by one, in the order of the array.
            SELECT ended.* FROM ended CROSS JOIN LATERAL (
                SELECT FROM {schema}.change
                WHERE change.key = ended.key AND change.operation = ended.operation
                    AND change.fence = ended.fence AND change.owner = me AND change.state = 'claimed'
                FOR NO KEY UPDATE
            ) AS locked
        ), done AS (
            UPDATE {schema}.change SET
                state = mine.state, in_doubt = mine.state IN ('in doubt', 'unknown'), last_sent = moment,
                attempts = change.attempts + mine.sendings, answer = mine.answer, error = mine.error
            FROM mine
            WHERE change.key = mine.key AND change.operation = mine.operation
            RETURNING mine.place
        )
        SELECT array_agg(place) INTO unwritten FROM ended WHERE place NOT IN (SELECT place FROM done);
    END IF;
END $$;
