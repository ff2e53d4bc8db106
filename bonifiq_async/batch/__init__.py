"""Many changes at once: read lazily, bounded in flight, in order per customer.

adaptive_limit  the two ceilings, in flight and a second: when one falls and how it rises (AIMD, CUBIC)
failure_rate    which failures tell of load (likelihood ratio), and how much of a ceiling is left then
flow            the settings of a run, and what it shows of its pace
gate            when the next request may leave: permits, pace, waits, outages
outage          whether the provider is out, and when it is asked again
per_customer    a customer's next change starts when the one before has ended
queue           what the tasks of a run wait for
run             the run: a feeder reads the source, workers deliver, the caller gets outcomes as they end
summary         what a run has done so far
"""

from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.run import CashbackBatch
from bonifiq_async.batch.summary import BatchSummary

__all__ = ["BatchSummary", "CashbackBatch", "FlowControl", "FlowState"]
