"""Real HTTP servers that behave as the providers do, keep books of record, and misbehave on request.

capacity     how much the provider takes: latency, limits and bursts (429), outages; how long it knows a key
document     a request's JSON document, its numbers and texts, read by the contract alone
faults       what can go wrong with one request, as a table; `server` does it
journal      the last requests, and what came of each
keyed        the books and reports of providers that count a change once for a key
protocol     what the server and a provider's side say to each other
report       what a sandbox reports: requests, books, what was not expected
rules        a rule of a script: the requests that it is about, and how often it counts
script       the script of a sandbox: which fault each request meets
script_file  a script in a file, read with the line of each error
server       the server: a thread, a real socket on loopback; how each fault is carried out
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names
from bonifiq_async.sandbox.capacity import Latency, Limit, Outage, Retention
from bonifiq_async.sandbox.faults import FAULTS, Fault
from bonifiq_async.sandbox.rules import Arrival, Meeting, Rule
from bonifiq_async.sandbox.script import FaultScript

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.sandbox.books import Books, Effected
    from bonifiq_async.bonifiq.sandbox.customers import Customer
    from bonifiq_async.bonifiq.sandbox.sandbox import Sandbox
    from bonifiq_async.bonifiq.sandbox.webhooks import WebhookDelivery, Webhooks
    from bonifiq_async.raba7ni.sandbox.books import Moved, Wallets
    from bonifiq_async.raba7ni.sandbox.sandbox import Raba7niSandbox

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
    "WebhookDelivery",
    "Webhooks",
]

_OF_PROVIDERS = {
    "Books": "bonifiq.sandbox.books",
    "Customer": "bonifiq.sandbox.customers",
    "Effected": "bonifiq.sandbox.books",
    "Moved": "raba7ni.sandbox.books",
    "Raba7niSandbox": "raba7ni.sandbox.sandbox",
    "Sandbox": "bonifiq.sandbox.sandbox",
    "Wallets": "raba7ni.sandbox.books",
    "WebhookDelivery": "bonifiq.sandbox.webhooks",
    "Webhooks": "bonifiq.sandbox.webhooks",
}
"""Where the names are defined that a provider's own folder has: what it builds on is imported without it."""


__getattr__ = lazy_names(
    __name__, {name: f"bonifiq_async.{module}" for name, module in _OF_PROVIDERS.items()}
)


def __dir__() -> list[str]:
    return list(__all__)
