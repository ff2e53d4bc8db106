"""A real HTTP server that behaves as the provider does, keeps books of record, and misbehaves on request."""

from bonifiq_async.sandbox.books import Books, Effected
from bonifiq_async.sandbox.faults import FAULTS, Fault, FaultScript
from bonifiq_async.sandbox.server import Sandbox

__all__ = ["FAULTS", "Books", "Effected", "Fault", "FaultScript", "Sandbox"]
