"""A ledger in PostgreSQL that many machines share: group commits, fenced outcomes, leases by its clock.

docs/explanation/many-machines.md describes it. Only this package imports asyncpg, and only when it connects.

connection   a connection: how it is opened, and what is said where the database cannot be used
database     which database and schema: the URL that is given, without a secret in it
group        claims and ends that wait at the same time, written in one transaction
job          what callers hand over: a change to be claimed, and how a claim ended
migration    the tables, as numbered SQL files in `migrations/`: how they are made, and which version is there
owner        which process holds a claim: its heartbeat, by the database's clock
pace         one pace for all workers of an account: a GCRA in slices, and the wait asked of one of them
row          one change as a row, and the statements that read and write some of them
run          one run as a row: which command of which user, on which file
store        the ledger: what it answers to a claim, and how an end is written down
writer       one task that owns the connection, in a thread and a loop of its own
reading/     what is asked of the database afterwards, by callers that are no coroutines
shards/      shards of a file, each of which has one worker at a time
"""
