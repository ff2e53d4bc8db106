"""Raba7ni's endpoints as data. Source: the endpoint page; the doubled `cashback/cashback` is the provider's.

The writes are `NEVER`: no idempotency key is documented, nor that a reference counts once, nor that a
429 was not acted on. Keys are our own and count by operation: the page's samples of a redeem and of a refund
carry the very same reference, so that one reference may name a purchase and what becomes of it.
"""

import enum
from collections.abc import Mapping

from bonifiq_async._model.json_codec import Names
from bonifiq_async._model.operation import CURRENCY_OF_CARD, Operation, RepeatClass
from bonifiq_async._model.values import public
from bonifiq_async.raba7ni.member import SignedIn
from bonifiq_async.raba7ni.payloads import (
    CardList,
    CashbackBalance,
    CashbackCard,
    CashbackEarned,
    CashbackRedeemed,
    CashbackRefunded,
    HistoryPage,
    MemberCheck,
    MemberRegistration,
    OneTimeCodeSent,
    RewardList,
)

EARN = Operation(
    name="raba7ni.cashback.earn",
    method="POST",
    path="/api/v1/cashback/cashback/earn",
    repeat=RepeatClass.NEVER,
    writes=True,
    result=CashbackEarned,
    own_keys=True,
    unit=CURRENCY_OF_CARD,
    kept=("transaction_id", "cashback_earned", "new_balance", "member_id"),
    names=Names.SNAKE,
)

REDEEM = Operation(
    name="raba7ni.cashback.redeem",
    method="POST",
    path="/api/v1/cashback/cashback/redeem",
    repeat=RepeatClass.NEVER,
    writes=True,
    result=CashbackRedeemed,
    own_keys=True,
    unit=CURRENCY_OF_CARD,
    kept=("transaction_id", "amount_redeemed", "new_balance", "member_id"),
    names=Names.SNAKE,
)

REFUND = Operation(
    name="raba7ni.cashback.refund",
    method="POST",
    path="/api/v1/cashback/cashback/refund",
    repeat=RepeatClass.NEVER,
    writes=True,
    result=CashbackRefunded,
    own_keys=True,
    unit=CURRENCY_OF_CARD,
    kept=("transaction_id", "cashback_deducted", "new_balance", "member_id"),
    names=Names.SNAKE,
)

BALANCE = Operation(
    name="raba7ni.cashback.balance",
    method="GET",
    path="/api/v1/cashback/cashback/balance?card_id={card_id}&member_id={member_id}",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=CashbackBalance,
    names=Names.SNAKE,
)

HISTORY = Operation(
    name="raba7ni.cashback.history",
    method="GET",
    path="/api/v1/cashback/cashback/history"
    "?card_id={card_id}&member_id={member_id}&limit={limit}&offset={offset}",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=HistoryPage,
    names=Names.SNAKE,
)

CARDS = Operation(
    name="raba7ni.cards.list",
    method="GET",
    path="/api/v1/cashback/cards",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=CardList,
    names=Names.SNAKE,
)

CARD = Operation(
    name="raba7ni.cards.get",
    method="GET",
    path="/api/v1/cashback/cards/{card_id}",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=CashbackCard,
    names=Names.SNAKE,
)

REWARDS = Operation(
    name="raba7ni.cards.rewards",
    method="GET",
    path="/api/v1/cashback/cards/{card_id}/rewards",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=RewardList,
    names=Names.SNAKE,
)

CHECK = Operation(
    name="raba7ni.members.check",
    method="POST",
    path="/api/v1/auth/member/check",
    repeat=RepeatClass.SAFE,
    writes=False,
    result=MemberCheck,
    names=Names.SNAKE,
)

REGISTER = Operation(
    name="raba7ni.members.register",
    method="POST",
    path="/api/v1/auth/member/register",
    repeat=RepeatClass.NEVER,
    writes=True,
    result=MemberRegistration,
    names=Names.SNAKE,
)


@public
class SignInPaths(enum.Enum):
    """Where one-time codes are asked for and given back; the documentation contradicts itself.

    `AUTH_MEMBER` (the authentication page and the members page) takes an e-mail or a phone number;
    `MEMBERS_AUTH` (the integration page) takes `phone_number`.
    """

    AUTH_MEMBER = "/api/v1/auth/member"
    MEMBERS_AUTH = "/api/v1/members/auth"


def _request_otp(paths: SignInPaths) -> Operation[OneTimeCodeSent]:
    return Operation(
        name="raba7ni.members.request_otp",
        method="POST",
        path=f"{paths.value}/request-otp",
        repeat=RepeatClass.NEVER,
        writes=True,
        result=OneTimeCodeSent,
        names=Names.SNAKE,
    )


def _verify_otp(paths: SignInPaths) -> Operation[SignedIn]:
    return Operation(
        name="raba7ni.members.verify_otp",
        method="POST",
        path=f"{paths.value}/verify-otp",
        repeat=RepeatClass.NEVER,
        writes=True,
        result=SignedIn,
        names=Names.SNAKE,
    )


REQUEST_OTP: Mapping[SignInPaths, Operation[OneTimeCodeSent]] = {
    paths: _request_otp(paths) for paths in SignInPaths
}
VERIFY_OTP: Mapping[SignInPaths, Operation[SignedIn]] = {paths: _verify_otp(paths) for paths in SignInPaths}

OPERATIONS = (
    EARN,
    REDEEM,
    REFUND,
    BALANCE,
    HISTORY,
    CARDS,
    CARD,
    REWARDS,
    CHECK,
    REGISTER,
    *REQUEST_OTP.values(),
    *VERIFY_OTP.values(),
)
