"""Real HTTP servers that behave as the providers do, keep books of record, and misbehave on request."""

from bonifiq_async.sandbox.books import Books, Effected
from bonifiq_async.sandbox.customers import Customer
from bonifiq_async.sandbox.faults import FAULTS, Fault
from bonifiq_async.sandbox.load import Latency, Limit, Outage, Retention
from bonifiq_async.sandbox.rules import Arrival, Meeting, Rule
from bonifiq_async.sandbox.sandboxes import Raba7niSandbox, Sandbox
from bonifiq_async.sandbox.script import FaultScript
from bonifiq_async.sandbox.wallets import Moved, Wallets

__all__ = [
    "FAULTS",
    "Arrival",
    "Books",
    "Customer",
    "Effected",
    "Fault",
    "FaultScript",
    "Latency",
    "Limit",
    "Meeting",
    "Moved",
    "Outage",
    "Raba7niSandbox",
    "Retention",
    "Rule",
    "Sandbox",
    "Wallets",
]
