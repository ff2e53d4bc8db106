"""Many changes at once: read lazily, bounded in flight, in order per customer.

flow            `FlowControl`, the settings of a run (in flight, rate, when it gives up), and what it shows
gate            when the next request may leave: its turn, waits, outages
outage          whether the provider is out, and when it is asked again
per_customer    changes of one customer in order: each starts when the one before has ended
queue           what the tasks of a run wait for
run             the run: a feeder reads the source, workers deliver, the caller gets outcomes as they end
summary         what a run has done so far
worker_pace  what one batch may send of a pace that it shares with the batches of other processes
"""

from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.run import CashbackBatch
from bonifiq_async.batch.summary import BatchSummary

__all__ = ["BatchSummary", "CashbackBatch", "FlowControl", "FlowState"]
