"""Many changes at once: read lazily, bounded in flight, in order per customer.

adaptive_limit  the two ceilings, requests in flight and a second: signs (429, latency), fall, rise (CUBIC)
admission       whether a request may leave now: hold, limit in flight, pace
failure_rate    whether failures come from load (likelihood ratio), and how far a ceiling falls for them
flow            `FlowControl`, the settings of a run (in flight, rate, when it gives up), and what it shows
gate            when the next request may leave: its turn, waits, outages
inference/      what the answers say of the limit: its kind, the cause of refusals, the pace that follows
outage          whether the provider is out, and when it is asked again
per_customer    changes of one customer in order: each starts when the one before has ended
queue           what the tasks of a run wait for
run             the run: a feeder reads the source, workers deliver, the caller gets outcomes as they end
summary         what a run has done so far
"""

from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.run import CashbackBatch
from bonifiq_async.batch.summary import BatchSummary

__all__ = ["BatchSummary", "CashbackBatch", "FlowControl", "FlowState"]
