-- One pace for all workers of the account: the virtual scheduling of the GCRA (ITU-T I.371), in slices of requests.
-- `tat` is when the next slice may begin, `held_until` the end of a wait that the provider asked one worker for.

CREATE TABLE {schema}.pace (
    id smallint PRIMARY KEY CHECK (id = 1),
    tat timestamptz NOT NULL DEFAULT '-infinity',
    held_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO {schema}.pace (id) VALUES (1);

CREATE TABLE {schema}.pace_worker (
    name text PRIMARY KEY,
    beat timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Take a slice of `many` requests, `step` seconds apart: it begins in `starts` seconds, and all are held for `held`
-- more, and then there is no slice. Of none it says the same. `asked` are the seconds that the provider has just asked this worker to wait.
-- Workers are those that were here in the last `silence` seconds. None of this has to survive a crash of the server,
-- so that no commit waits for the disk.
CREATE FUNCTION {schema}.take_pace(
    me text, many integer, step double precision, asked double precision, silence double precision,
    OUT starts double precision, OUT held double precision, OUT workers integer
) LANGUAGE plpgsql AS $$
DECLARE
    one {schema}.pace%ROWTYPE;
    moment timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO {schema}.pace_worker VALUES (me, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET beat = excluded.beat;
    SELECT * INTO one FROM {schema}.pace WHERE id = 1 FOR UPDATE;
    moment := clock_timestamp();
    one.tat := greatest(one.tat, moment);
    IF asked > 0 THEN
        one.held_until := greatest(one.held_until, moment + asked * interval '1 second');
    END IF;
    starts := extract(epoch FROM one.tat - moment);
    held := extract(epoch FROM greatest(one.held_until, moment) - moment);
    IF held > 0 THEN
        many := 0; -- moments within a wait would be lost
    END IF;
    IF many > 0 OR asked > 0 THEN
        UPDATE {schema}.pace SET tat = one.tat + many * step * interval '1 second', held_until = one.held_until
        WHERE id = 1;
    END IF;
    SELECT count(*) INTO workers FROM {schema}.pace_worker WHERE beat > moment - silence * interval '1 second';
END $$;
