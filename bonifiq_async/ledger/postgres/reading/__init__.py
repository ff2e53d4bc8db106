"""What is asked of a ledger in PostgreSQL afterwards, by callers that are no coroutines.

comparison  what the database has as applied, beside the tables of another database
reader      what is asked of the database, and a person's word on what is in doubt
recorded    a row of the table of changes as a change that is recorded
session     a connection for a caller that is no coroutine: a loop in a thread of its own serves it
"""
