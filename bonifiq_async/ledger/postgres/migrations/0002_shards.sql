-- Files of changes that several workers apply, each worker a shard of the customers at a time.

CREATE TABLE {schema}.sharded_file (
    name text PRIMARY KEY,
    digest text NOT NULL,
    shards integer NOT NULL CHECK (shards > 0),
    begun timestamptz NOT NULL
);

-- `fence` grows each time a worker takes the shard. `changes` is how many changes the shard has, `ended` how many
-- of them have an outcome, and `ended_before` how many had one when the worker took it.
CREATE TABLE {schema}.shard (
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    taken timestamptz,
    renewed timestamptz,
    done timestamptz,
    changes bigint NOT NULL DEFAULT 0,
    ended bigint NOT NULL DEFAULT 0,
    ended_before bigint NOT NULL DEFAULT 0,
    number integer NOT NULL,
    file text NOT NULL REFERENCES {schema}.sharded_file,
    owner text,
    counts text NOT NULL DEFAULT '{}',
    PRIMARY KEY (file, number)
) WITH (fillfactor = 50);

-- Under which fence an owner of claims works; one that works on no shard has no row.
CREATE TABLE {schema}.shard_worker (
    owner text PRIMARY KEY,
    file text NOT NULL,
    number integer NOT NULL,
    fence bigint NOT NULL
);

-- Return the owner of claims, unless another has taken the shard that it works on: then it claims nothing more.
CREATE FUNCTION {schema}.under_its_fence(me text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (
        SELECT FROM {schema}.shard_worker AS worker LEFT JOIN {schema}.shard USING (file, number)
        WHERE worker.owner = me AND (shard.owner, shard.fence) IS DISTINCT FROM (worker.owner, worker.fence)
    ) THEN
        RAISE EXCEPTION 'another worker has taken over the shard of this one' USING ERRCODE = 'BQ001';
    END IF;
    RETURN me;
END $$;
