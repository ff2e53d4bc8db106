"""Values that do not change while the program runs; tests/typing/ has what a type checker refuses."""

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from decimal import Decimal
from typing import get_args, get_type_hints

import attrs
import pytest
from one_test import one_test

import bonifiq_async
from bonifiq_async import (
    CardReward,
    CashbackChange,
    CashbackEarned,
    CashbackRefunded,
    CheckoutRemoval,
    CustomerPoints,
    CustomerPointsToExpire,
    ErrorAnswer,
    MaskedMember,
    Notice,
    Pagination,
    PayloadError,
    PendingOrder,
    PointDetailItem,
    SignedIn,
)
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.json_codec import decode, structure
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.values import fixed
from bonifiq_async.bonifiq.operations import OPERATIONS
from bonifiq_async.ledger.protocol import Ending, State
from bonifiq_async.raba7ni import operations as raba7ni

RABA7NI = [each for each in vars(raba7ni).values() if isinstance(each, Operation)]
RABA7NI += [*raba7ni.REQUEST_OTP.values(), *raba7ni.VERIFY_OTP.values()]


def values() -> Iterator[type[object]]:
    """Yield the classes of the package that are fixed."""
    for found in pkgutil.walk_packages(bonifiq_async.__path__, f"{bonifiq_async.__name__}."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            if getattr(module, "fixed", None) is fixed:
                for kind in vars(module).values():
                    if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == found.name:
                        yield kind


def test_a_name_that_is_not_there_can_not_be_set() -> None:
    kinds = list(values())
    assert {Ending, Evidence} <= set(kinds)
    assert [kind for kind in kinds if not attrs.inspect(kind).is_slotted] == []


@one_test
@pytest.mark.parametrize(
    "kind",
    [
        bonifiq_async.BasicCredentials,
        bonifiq_async.CashbackChange,
        bonifiq_async.CustomerPointsToExpire,
        bonifiq_async.Earn,
        bonifiq_async.FlowControl,
        bonifiq_async.PointDetailItem,
        bonifiq_async.PoolLimits,
        bonifiq_async.Raba7niCredentials,
        bonifiq_async.Redeem,
        bonifiq_async.Refund,
        bonifiq_async.RetryPolicy,
        bonifiq_async.Runtime,
        bonifiq_async.Timeouts,
    ],
)
def test_what_users_make_is_frozen(kind: type[object]) -> None:
    """It is checked once, when it is made; so are the parts of an answer that calls share."""
    assert attrs.inspect(kind).is_frozen


def test_equal_values_are_equal() -> None:
    value = Ending(State.APPLIED, 1, "x")
    assert value == pickle.loads(pickle.dumps(value)) == copy.deepcopy(value)
    assert value != Ending(State.APPLIED, 2, "x")


@one_test
@pytest.mark.parametrize("kind", list(values()))
def test_what_may_change_has_no_hash(kind: type[object]) -> None:
    """It would be lost in a set after a change; a class compared by identity has the hash of its identity."""
    changes = not attrs.inspect(kind).is_frozen and kind.__eq__ is not object.__eq__
    assert (kind.__hash__ is None) is changes


def answered() -> Iterator[type[object]]:
    """Yield every class that an operation answers, and those within it."""
    left = [each.result for each in (*OPERATIONS, *RABA7NI)]
    seen: set[object] = set()
    while left:
        kind = left.pop()
        if kind not in seen:
            seen.add(kind)
            yield kind
            hints = get_type_hints(kind).values()
            parts = {part for hint in hints for part in (hint, *get_args(hint))}
            left += [part for part in parts if isinstance(part, type) and attrs.has(part)]


@one_test
@pytest.mark.parametrize(
    "kind", [*sorted(answered(), key=lambda kind: kind.__qualname__), Notice, ErrorAnswer]
)
def test_what_a_provider_answered_is_frozen_and_has_a_hash(kind: type[object]) -> None:
    """One rule for every answer: calls that were joined share it."""
    assert attrs.inspect(kind).is_frozen
    if all(field.default is not attrs.NOTHING for field in attrs.fields(kind)):
        assert {kind(), kind()} == {kind()}


def holds_frozen(value: object) -> bool:
    """Say whether a value refuses to be changed, and one that it is compared with is equal in every way."""
    name = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, None)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(value, name)
    again = pickle.loads(pickle.dumps(value))
    return type(again) is type(value) and again == value == attrs.evolve(value) and hash(again) == hash(value)


def test_what_is_read_and_what_is_added_is_frozen_in_use() -> None:
    """Both are made by a shorter way than a call of their class."""
    text = b'{"CustomerExists":true,"InternalId":"i","PointsBalance":1,"CashbackBalance":1.5,"RedeemKey":null'
    body = (
        text
        + b',"PointsToExpire":[{"Points":1,"When":"2027-01-01"}],"PointHistory":[],"Name":"A","Error":null}'
    )
    balance = structure(decode(body), CustomerPoints)
    assert type(balance) is CustomerPoints
    assert holds_frozen(balance)
    [expiring] = balance.points_to_expire
    assert type(expiring) is CustomerPointsToExpire
    assert holds_frozen(expiring)
    change = CashbackChange.add("c", Decimal("1.50"), reason="r", change_key="k", customer_reason=" ")
    assert type(change) is CashbackChange
    assert holds_frozen(change)
    assert change == CashbackChange("c", Decimal("1.50"), "r", "k", " ")


def test_a_class_that_checks_its_values_is_called() -> None:
    """Also where it is read from JSON."""

    @attrs.frozen
    class Checked:
        number: int = attrs.field(validator=attrs.validators.gt(0))

    with pytest.raises(PayloadError):
        structure({"Number": 0}, Checked)
    assert structure({"Number": 1}, Checked) == Checked(1)


def test_an_answer_that_holds_an_object_has_a_hash() -> None:
    warned = CashbackRefunded(balance_warning={"message": ["low"]})
    assert {warned, CashbackRefunded(balance_warning={"message": ["low"]})} == {warned}
    assert len({CardReward(title={"en": "A"}), CardReward(title={"en": "B"})}) == 2


def test_every_answer_is_checked() -> None:
    """Those of both providers, and the values in them."""
    found = set(answered())
    assert {CustomerPoints, PointDetailItem, CheckoutRemoval, PendingOrder} <= found
    assert {CashbackEarned, CardReward, Pagination, MaskedMember, SignedIn} <= found


def test_a_fixed_value_may_be_made_of_a_frozen_one() -> None:
    """Whatever was made before."""

    @attrs.frozen
    class Below:
        number: int

    assert attrs.inspect(fixed(type("Above", (Below,), {}))).is_frozen
