"""The record of each change and its outcome.

account   whose changes a ledger holds, and which setting makes two accounts differ
memory    a ledger for one process: bounded, and gone with it
protocol  what a ledger is asked and answers: states, transitions, the `Ledger` protocol
runs      which command of which user has sent what stands there: the `RunLedger` protocol
sqlite/   a durable ledger in one SQLite file
"""
