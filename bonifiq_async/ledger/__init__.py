"""The record of intents and outcomes: in memory, or durable in an SQLite file."""
