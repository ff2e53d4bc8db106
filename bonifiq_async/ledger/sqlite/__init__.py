"""A durable ledger in one SQLite file: write-ahead claims, fenced outcomes, leases.

docs/explanation/ledger.md describes it.

comparison  what the file has as applied, beside a table of changes
connection  a connection to the file: pragmas, the wait for a lock, how it is opened and closed, its errors
header      the one row about the ledger itself: its account, and whether a log belongs to it
location    the paths of the files, their modes, and which file systems are refused
owner       which process holds a claim, and whether it still lives: how often its heartbeat is written
reader      what is asked of the file afterwards, and a person's word on what is in doubt
row         one change as a row of the file, written whole with a checksum (its seal)
run         one run as a row of the file: which command of which user, on which file
schema      the tables, their version, and how those of a former version become these
store       the ledger: what it answers to a claim, and how an end is written down
writer      one thread that owns the connection and commits many pieces of work at once
"""
