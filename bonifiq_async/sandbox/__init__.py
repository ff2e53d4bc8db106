"""Real HTTP servers that behave as the providers do, keep books of record, and misbehave on request."""

from bonifiq_async.sandbox.books import Books, Effected
from bonifiq_async.sandbox.faults import FAULTS, Fault, FaultScript
from bonifiq_async.sandbox.sandboxes import Raba7niSandbox, Sandbox
from bonifiq_async.sandbox.wallets import Moved, Wallets

__all__ = [
    "FAULTS",
    "Books",
    "Effected",
    "Fault",
    "FaultScript",
    "Moved",
    "Raba7niSandbox",
    "Sandbox",
    "Wallets",
]
