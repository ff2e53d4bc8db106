"""A durable ledger in one SQLite file: write-ahead claims, fenced outcomes, leases. See docs/ledger.md.

connection  a connection to the file: how it is opened and closed, and what is said where it cannot be
header      the one row about all others: their account, and whether a log belongs to the file
location    where the files lie, and what keeps them from being surely the ones that were written
owner       which process holds a claim, and whether it still does: leases and liveness
reader      what stands in a file, and an operator's word on what is in doubt
row         one change as it lies in the file: written whole under a seal
run         one run as it lies in the file: which command of which user, on which file
schema      the tables, their version, and how those of a former version become these
store       the ledger: what it answers to a claim, and how an end is written down
writer      one thread that owns the connection and commits many pieces of work at once
"""
