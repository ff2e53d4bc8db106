"""Redeems: one is used and taken back by its number, so that a success has to name it.

Source: schema RedeemRewardResponse, RewardId: an int32, "use it to cancel".
"""

from typing import TypeVar

from attrs import evolve

from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.schemas.redeems import RedeemRewardResponse

R = TypeVar("R", bound=RedeemRewardResponse)

LARGEST_ID = 2**31 - 1
"""The largest number that the provider's int32 holds."""
_WHERE = "$.Result.RewardId"
_PROBLEM = "it names no redeem that could be taken back: RewardId is no number from 1 on that 32 bits hold"


def read_redeem(reader: AnswerReader, operation: Operation[R], evidence: Evidence) -> Reading[R]:
    """Read the answer to a redeem; a success whose `RewardId` is missing or no id proves nothing."""
    reading = reader.read(operation, evidence)
    if reading.verdict is not Verdict.ACCEPTED:
        return reading
    number = None if reading.result is None else reading.result.reward_id
    if number is not None and 1 <= number <= LARGEST_ID:
        return reading
    return evolve(
        reading, verdict=Verdict.UNREADABLE, result=None, path=_WHERE, problem=_PROBLEM, notice=None
    )
