"""The record of each change and its outcome.

account     whose changes a ledger holds, and which setting makes two accounts differ
comparison  a ledger beside a table of changes: the `AppliedChanges` protocol
handover    work handed to the one thread that commits it, and its answers handed back
memory      a ledger for one process: bounded, and gone with it
postgres/   a durable ledger in PostgreSQL, which several machines share
protocol    what a ledger is asked and answers: states, transitions, the `Ledger` protocol
reader      what is asked of a ledger afterwards: the `LedgerReader` protocol, and what its changes come to
recorded    one change as a ledger has it, and which changes are asked for
runs        which command of which user has sent what stands there: the `RunLedger` protocol
settling    a person's word on a change in doubt: which one takes it, and what it becomes
shards      which customers are of which shard of a file, and how far the workers are
sqlite/     a durable ledger in one SQLite file
trust       for how long an owner may take it that no other takes its claims over
"""
