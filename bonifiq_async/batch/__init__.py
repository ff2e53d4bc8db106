"""Many changes side by side: read lazily, bounded in flight, in order per customer."""

from bonifiq_async.batch.flow import FlowControl, FlowState
from bonifiq_async.batch.run import CashbackBatch
from bonifiq_async.batch.summary import BatchSummary

__all__ = ["BatchSummary", "CashbackBatch", "FlowControl", "FlowState"]
