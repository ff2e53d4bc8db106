"""The record of intents and outcomes: in memory, or durable in an SQLite file.

memory   the ledger of one process
sqlite   the durable one: what it answers to a claim, and how an end is written down
writer   its thread: many pieces of work in one commit
schema   a connection to the file: how it is opened and closed, and what is said where it cannot be
format   the tables, their version, and what becomes of a former one
place    where the file lies, and what about that keeps it from being believed
book     whose changes it holds, and whether a log belongs to it
entry    one change as it lies in the file, under its seal
owner    who holds a claim, and whether that process still lives
look     what stands in a file, and a person's word on what is in doubt
"""
