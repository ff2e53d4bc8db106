-- What one run has claimed lies together. A summary of the pages (BRIN) finds it, takes no room, and stays as it is
-- when a change is ended.

CREATE INDEX change_run ON {schema}.change USING brin (run) WITH (autosummarize = on);
