"""A ledger in PostgreSQL that many machines share: group commits, fenced outcomes, leases by its clock.

docs/explanation/many-machines.md describes it. Only this package imports asyncpg, and only when it connects.

connection   a connection: how it is opened, and what is said where the database cannot be used
database     which database and schema: the URL that is given, without a secret in it
migration    the tables, as numbered SQL files in `migrations/`: how they are made, and which version is there
"""
