"""Raba7ni, as data: its operations, its payloads, how its answers are read, and its client.

Nobody de-duplicates its writes: they go out once, and what did not end in an answer a person settles.
"""

from bonifiq_async.raba7ni.changes import Earn, Redeem, Refund
from bonifiq_async.raba7ni.client import Raba7niClient, Raba7niCredentials
from bonifiq_async.raba7ni.member import Member, MemberToken, OneTimeCode, Pin
from bonifiq_async.raba7ni.operations import SignInPaths
from bonifiq_async.raba7ni.payloads import (
    CardReward,
    CashbackBalance,
    CashbackCard,
    CashbackConfig,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    CashbackTransaction,
    HistoryPage,
    MaskedMember,
    MemberCheck,
    MemberRegistration,
    OneTimeCodeSent,
    Pagination,
)
from bonifiq_async.raba7ni.sign_in import SignedIn

__all__ = [
    "CardReward",
    "CashbackBalance",
    "CashbackCard",
    "CashbackConfig",
    "CashbackEarned",
    "CashbackRedeemed",
    "CashbackRefunded",
    "CashbackTransaction",
    "Earn",
    "HistoryPage",
    "MaskedMember",
    "Member",
    "MemberCheck",
    "MemberRegistration",
    "MemberToken",
    "OneTimeCode",
    "OneTimeCodeSent",
    "Pagination",
    "Pin",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "SignInPaths",
    "SignedIn",
]
