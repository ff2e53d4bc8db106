"""The record of intents and outcomes: in memory, or durable in an SQLite file."""

from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.sqlite import SqliteLedger

__all__ = ["MemoryLedger", "SqliteLedger"]
