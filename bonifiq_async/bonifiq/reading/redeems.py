"""Redeems: one is used and taken back by its number, so that a success has to name it, and no other.

Source: schema RedeemRewardResponse, RewardId: an int32, "use it to cancel"; OriginalKey: "echo of the key";
schema RewardResponse, Id.
"""

from typing import TypeVar

from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.outcome import Verdict
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.schemas.redeems import RedeemRewardResponse, RewardResponse

R = TypeVar("R", bound=RedeemRewardResponse)

LARGEST_ID = 2**31 - 1
"""The largest number that the provider's int32 holds."""
_NO_ID = "it names no redeem that could be taken back: RewardId is no number from 1 on that 32 bits hold"
_OTHER_KEY = "it is of another redeem: its OriginalKey is not the one that was sent"
_OTHER_ID = "it is of another redeem: its Id is not the one that was asked for"


def read_redeem(
    reader: AnswerReader, operation: Operation[R], evidence: Evidence, *, key: str | None = None
) -> Reading[R]:
    """Read the answer to the redeem under a `key`.

    A success whose `RewardId` is missing or no id proves nothing, nor does one that echoes another key.
    """
    reading = reader.read(operation, evidence)
    if reading.verdict is not Verdict.ACCEPTED:
        return reading
    made = reading.result
    if made is None or made.reward_id is None or not 1 <= made.reward_id <= LARGEST_ID:
        return reading.of_no_use("$.Result.RewardId", _NO_ID)
    if made.original_key not in (None, "", key):
        return reading.of_no_use("$.Result.OriginalKey", _OTHER_KEY)
    return reading


def read_made(
    reader: AnswerReader, operation: Operation[RewardResponse], evidence: Evidence, *, number: int
) -> Reading[RewardResponse]:
    """Read what is said of the redeem of a `number`, also as it is cancelled; of another, it is no proof."""
    reading = reader.read(operation, evidence)
    named = None if reading.result is None else reading.result.id
    return reading if named in (None, number) else reading.of_no_use("$.Result.Id", _OTHER_ID)
