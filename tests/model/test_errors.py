"""The exceptions: one tree, what each means for the money, and nothing lost in a pickle."""

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from one_test import one_test

from bonifiq_async import (
    Attempt,
    AuthenticationError,
    BonifiQError,
    ChangeKeyConflict,
    ConfigurationError,
    CustomerNotFound,
    CustomerPoints,
    Effect,
    LedgerError,
    NotAppliedError,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
    RetryAfterTooLong,
    Verdict,
)
from bonifiq_async._model import errors
from bonifiq_async._model.evidence import Reading
from bonifiq_async._model.outcome import StopReason
from bonifiq_async._policy.failures import error_of
from bonifiq_async._policy.history import Delivered
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK

# Class, its parent, and the effect where none is given.
TREE: list[tuple[type[BonifiQError], type[Exception], Effect]] = [
    (BonifiQError, Exception, Effect.NOT_APPLIED),
    (ConfigurationError, BonifiQError, Effect.NOT_APPLIED),
    (PayloadError, BonifiQError, Effect.NOT_APPLIED),
    (ChangeKeyConflict, BonifiQError, Effect.NOT_APPLIED),
    (RefusedError, BonifiQError, Effect.REFUSED),
    (AuthenticationError, RefusedError, Effect.REFUSED),
    (CustomerNotFound, RefusedError, Effect.REFUSED),
    (NotAppliedError, BonifiQError, Effect.NOT_APPLIED),
    (RetryAfterTooLong, NotAppliedError, Effect.NOT_APPLIED),
    (OutcomeUnknownError, BonifiQError, Effect.UNKNOWN),
    (LedgerError, BonifiQError, Effect.UNKNOWN),
]
KINDS = [kind for kind, _, _ in TREE]
ATTEMPTS = (
    Attempt(1, Verdict.LOST, None, True, datetime(2024, 7, 1, 12, tzinfo=UTC), 0.5, 0.0),
    Attempt(2, Verdict.REFUSED, 409, True, datetime(2024, 7, 1, 12, 1, tzinfo=UTC), 0.1, 59.5, "req-7", 2),
)
PATH = "$.Result.PointHistory[1].CashbackAmount"


def bare(kind: type[BonifiQError]) -> BonifiQError:
    return kind("words", path=PATH) if kind is PayloadError else kind("words")


def full(kind: type[BonifiQError]) -> BonifiQError:
    """Return an error with every attribute set to something else than its default."""
    error = bare(kind)
    error.effect, error.change_key, error.attempts = Effect.UNKNOWN, "ADD-é-10-1", ATTEMPTS
    error.status, error.request_id, error.retry_after = 409, "req-7", 12.5
    error.code, error.code_name, error.error_code = "07", "CashbackRemovedSuccessfully", 7
    if isinstance(error, OutcomeUnknownError):
        error.effect, error.answer = Effect.NOT_APPLIED, b"<html>\xff"
    return error


@one_test
@pytest.mark.parametrize(("kind", "parent", "effect"), TREE)
def test_tree(kind: type[BonifiQError], parent: type[Exception], effect: Effect) -> None:
    assert kind.__bases__ == (parent,)
    assert bare(kind).effect is effect


def test_tree_is_complete() -> None:
    found = {
        thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)
    }
    assert found == set(KINDS)


@one_test
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_known_unless_given(kind: type[BonifiQError]) -> None:
    error = bare(kind)
    assert (error.change_key, error.attempts, error.status, error.request_id) == (None, (), None, None)
    assert (error.code, error.code_name, error.error_code, error.retry_after) == (None, None, None, None)
    assert str(error) == "words"


@one_test
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not PayloadError])
def test_attributes_are_those_given(kind: type[BonifiQError]) -> None:
    error = kind(
        "words",
        effect=Effect.UNKNOWN,
        change_key="KEY",
        attempts=ATTEMPTS,
        status=409,
        request_id="req-7",
        code="07",
        code_name="Removed",
        error_code=7,
        retry_after=12.5,
    )
    assert (error.effect, error.change_key, error.attempts) == (Effect.UNKNOWN, "KEY", ATTEMPTS)
    assert (error.status, error.request_id, error.code, error.code_name) == (409, "req-7", "07", "Removed")
    assert (error.error_code, error.retry_after) == (7, 12.5)


def test_payload_error_names_its_path() -> None:
    error = PayloadError(
        "words", path=PATH, effect=Effect.REFUSED, attempts=ATTEMPTS, status=200, request_id="r"
    )
    assert (error.path, error.effect, error.attempts) == (PATH, Effect.REFUSED, ATTEMPTS)
    assert (error.status, error.request_id) == (200, "r")


def pickled(protocol: int) -> Callable[[BonifiQError], BonifiQError]:
    return lambda error: pickle.loads(pickle.dumps(error, protocol))


WAYS = [
    *(pytest.param(pickled(protocol), id=f"pickle {protocol}") for protocol in range(2, 6)),
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(lambda error: copy.deepcopy(pickled(5)(error)), id="pickle, then deepcopy"),
]


@one_test
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [bare, full])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_in_a_copy(
    kind: type[BonifiQError],
    make: Callable[[type[BonifiQError]], BonifiQError],
    way: Callable[[BonifiQError], BonifiQError],
) -> None:
    error = make(kind)
    there = way(error)
    assert there is not error
    assert type(there) is kind
    assert (str(there), repr(there), there.args) == (str(error), repr(error), error.args)
    assert vars(there) == vars(error)


@pytest.mark.parametrize("way", WAYS)
def test_notes_and_answer_are_copied(way: Callable[[BonifiQError], BonifiQError]) -> None:
    error = full(OutcomeUnknownError)
    error.add_note("row 7")
    there = way(error)
    assert isinstance(there, OutcomeUnknownError)
    assert (there.__notes__, there.answer) == (["row 7"], b"<html>\xff")


@one_test
@pytest.mark.parametrize("kind", KINDS)
def test_copy_is_apart(kind: type[BonifiQError]) -> None:
    error = full(kind)
    there = copy.copy(error)
    there.change_key = "ANOTHER"
    assert error.change_key == "ADD-é-10-1"


def test_answer_of_an_unknown_outcome_is_none_unless_kept() -> None:
    assert OutcomeUnknownError("words").answer is None


@one_test
@pytest.mark.parametrize("kind", KINDS)
def test_error_is_caught_by_its_parent_classes(kind: type[BonifiQError]) -> None:
    with pytest.raises(BonifiQError, match="words"):
        raise bare(kind)


def test_a_refusal_without_a_reason_says_so() -> None:
    """A provider need not give its reasons; the text still says what it means for the money."""
    attempt = Attempt(1, Verdict.REFUSED, 400, True, datetime(2024, 7, 1, tzinfo=UTC), 0.1, 0.0)
    reading: Reading[CustomerPoints] = Reading(Verdict.REFUSED)
    error = error_of(
        CHANGE_CASHBACK, Delivered(Effect.REFUSED, StopReason.ANSWERED, (attempt,), reading), "K"
    )
    assert isinstance(error, RefusedError)
    assert "no reason given" in str(error) and "Nothing changed" in str(error)
