"""Raba7ni's endpoints as data. Source: the endpoint page; the doubled `cashback/cashback` is the provider's.

The writes are `NEVER`: no idempotency key is documented, nor that a reference counts once, nor that a
429 was not acted on. Keys are our own and count by operation: the page's samples of a redeem and of a refund
carry the very same reference, so that one reference may name a purchase and what becomes of it.
"""

import enum
from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve

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

T = TypeVar("T")
_CASHBACK, _CARDS = "/api/v1/cashback/cashback", "/api/v1/cashback/cards"


def _read(name: str, path: str, result: type[T], *, method: str = "GET") -> Operation[T]:
    return Operation(
        f"raba7ni.{name}", method, path, RepeatClass.SAFE, writes=False, result=result, names=Names.SNAKE
    )


def _write(name: str, path: str, result: type[T]) -> Operation[T]:
    return Operation(
        f"raba7ni.{name}", "POST", path, RepeatClass.NEVER, writes=True, result=result, names=Names.SNAKE
    )


def _change(name: str, result: type[T], moved: str) -> Operation[T]:
    """Return a change of a balance; `moved` is the member of its answer that says by how much."""
    return evolve(
        _write(f"cashback.{name}", f"{_CASHBACK}/{name}", result),
        own_keys=True,
        unit=CURRENCY_OF_CARD,
        kept=("transaction_id", moved, "new_balance", "member_id"),
    )


EARN = _change("earn", CashbackEarned, "cashback_earned")
REDEEM = _change("redeem", CashbackRedeemed, "amount_redeemed")
REFUND = _change("refund", CashbackRefunded, "cashback_deducted")

_MEMBER = "card_id={card_id}&member_id={member_id}"
BALANCE = _read("cashback.balance", f"{_CASHBACK}/balance?{_MEMBER}", CashbackBalance)
HISTORY = _read(
    "cashback.history", f"{_CASHBACK}/history?{_MEMBER}&limit={{limit}}&offset={{offset}}", HistoryPage
)
CARDS = _read("cards.list", _CARDS, CardList)
CARD = _read("cards.get", f"{_CARDS}/{{card_id}}", CashbackCard)
REWARDS = _read("cards.rewards", f"{_CARDS}/{{card_id}}/rewards", RewardList)
CHECK = _read("members.check", "/api/v1/auth/member/check", MemberCheck, method="POST")
REGISTER = _write("members.register", "/api/v1/auth/member/register", MemberRegistration)


@public
class SignInPaths(enum.Enum):
    """Where one-time codes are asked for and given back; the documentation contradicts itself.

    `AUTH_MEMBER` (the authentication page and the members page) takes an e-mail or a phone number;
    `MEMBERS_AUTH` (the integration page) takes `phone_number`.
    """

    AUTH_MEMBER = "/api/v1/auth/member"
    MEMBERS_AUTH = "/api/v1/members/auth"


REQUEST_OTP: Mapping[SignInPaths, Operation[OneTimeCodeSent]] = {
    paths: _write("members.request_otp", f"{paths.value}/request-otp", OneTimeCodeSent)
    for paths in SignInPaths
}
VERIFY_OTP: Mapping[SignInPaths, Operation[SignedIn]] = {
    paths: _write("members.verify_otp", f"{paths.value}/verify-otp", SignedIn) for paths in SignInPaths
}

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
