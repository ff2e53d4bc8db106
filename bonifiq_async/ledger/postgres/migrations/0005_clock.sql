-- The database's clock may be set back. Then what was written before lies ahead, and must hold no worker until that
-- time: `written` is when `tat` and `held_until` were.

ALTER TABLE {schema}.pace ADD COLUMN written timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE OR REPLACE FUNCTION {schema}.take_pace(
    me text, many integer, step double precision, asked double precision, silence double precision,
    OUT starts double precision, OUT held double precision, OUT workers integer
) LANGUAGE plpgsql AS $$
DECLARE
    one {schema}.pace%ROWTYPE;
    moment timestamptz;
    back interval;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO {schema}.pace_worker VALUES (me, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET beat = excluded.beat;
    SELECT * INTO one FROM {schema}.pace WHERE id = 1 FOR UPDATE;
    moment := clock_timestamp();
    -- Both last from now as long as they lasted when they were written: no slice is given twice, and no wait is
    -- shortened. In seconds: a day of an interval has not always 24 hours.
    back := extract(epoch FROM greatest(one.written - moment, interval '0')) * interval '1 second';
    one.tat := greatest(one.tat - back, moment);
    one.held_until := one.held_until - back;
    IF asked > 0 THEN
        one.held_until := greatest(one.held_until, moment + asked * interval '1 second');
    END IF;
    starts := extract(epoch FROM one.tat - moment);
    held := extract(epoch FROM greatest(one.held_until, moment) - moment);
    IF held > 0 THEN
        many := 0; -- moments within a wait would be lost
    END IF;
    IF many > 0 OR asked > 0 OR back > interval '0' THEN
        UPDATE {schema}.pace SET
            tat = one.tat + many * step * interval '1 second', held_until = one.held_until, written = moment
        WHERE id = 1;
    END IF;
    -- The workers count from now, too, and none is waited for: it may wait for the pace.
    UPDATE {schema}.pace_worker SET beat = moment WHERE name IN (
        SELECT name FROM {schema}.pace_worker WHERE beat > moment FOR UPDATE SKIP LOCKED
    );
    SELECT count(*) INTO workers FROM {schema}.pace_worker WHERE beat > moment - silence * interval '1 second';
END $$;
