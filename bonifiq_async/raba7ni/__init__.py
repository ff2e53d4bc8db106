"""The provider Raba7ni.

answers     the reader: a success is a 2xx and `success: true`; the rest is an error
cards       the card operations of the client
cashback    earn, redeem, refund, balance and history
changes     what is earned, redeemed and taken back, each under a key of our own
client      the client: one application, one pool of connections, one event loop
envelope    what the envelope says, and the table of what its members state together
files       files of changes for the command line (an edge)
member      members, the secrets of their sign-in, and what it answers
members     the member operations of the client
operations  the endpoints as data
payloads    what is sent and what is answered, as attrs classes
sandbox/    its side of the sandbox (an edge)
"""

from bonifiq_async.raba7ni.changes import Earn, Redeem, Refund
from bonifiq_async.raba7ni.client import Raba7niClient, Raba7niCredentials
from bonifiq_async.raba7ni.member import Member, MemberToken, OneTimeCode, Pin, SignedIn
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
