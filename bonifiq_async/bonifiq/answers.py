"""How BonifiQ's answers are read: two generations of envelope, bare objects, and errors of any shape.

What an envelope states is found out by `envelope` and `removal`; what follows from that is the table of
`statement`. What says neither success nor failure, or both, is unreadable, never guessed.
"""

from typing import Protocol, TypeVar, cast

from attrs import evolve, field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.evidence import DuplicateRule, ErrorAnswer, Evidence, Reading, Refusal
from bonifiq_async._model.json_codec import structure
from bonifiq_async._model.operation import AnswerShape, Operation
from bonifiq_async._model.outcome import Notice, Verdict
from bonifiq_async._model.values import fixed
from bonifiq_async._policy.answer_body import JsonObject, error_body, members_of, said_of
from bonifiq_async._policy.statement import LATER, PROBLEM, PROVES, Statement, StatusClass, status_class
from bonifiq_async.bonifiq import removal
from bonifiq_async.bonifiq.envelope import (
    OWN,
    PLAIN,
    Declared,
    Denied,
    Envelope,
    Shown,
    declared,
    denied,
    envelope_of,
    named,
    notice_of,
    said_by,
    shown,
    states,
)
from bonifiq_async.bonifiq.payloads import CheckoutRemoval, CheckoutRemoved
from bonifiq_async.bonifiq.removal import Removed
from bonifiq_async.bonifiq.used_key import is_in_progress, leaves_open, of_its_key, reports_used_key

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_BARE, _ACCEPTED = AnswerShape.BARE, Verdict.ACCEPTED
CUSTOMER_NOT_FOUND = frozenset({"CustomerNotFound", "Customer_NotFound"})
"""Both names the documentation uses (checkout pages; change-tier page)."""

_DECISIVE = (
    b'"HasError"',
    b'"Severity"',
    b'"HasWarning"',
    b'"Result"',
    b'"Code"',
    b'"CodeName"',
    b'"ErrorCode"',
    b'"ErrorMessage"',
    b'"Error"',
    b'"CustomerExists"',
    b'"Success"',
)
"""What tells success from failure: said twice, it is a contradiction."""

_OF_KEYS = frozenset(
    {
        Statement.FAILURE,
        Statement.NO_CUSTOMER,
        Statement.OUT_OF_STEP,
        Statement.BOTH,
        Statement.WARNED,
    }
)
"""Statements of a 2xx whose words may be about a used key; those of a 4xx or 5xx always may."""
_NEVER_OF_KEYS = (StatusClass.SIGN_IN, StatusClass.LATER)
"""Statuses under which nothing that is said of a key counts."""


@fixed
class Stated:
    """What an answer states, with what words, and where what is wrong with it stands.

    `result` is what it says beside its flags, such as a removal; `notice` what it says beside a balance, if
    it is accepted.
    """

    statement: Statement
    said: ErrorAnswer
    path: str = "$"
    result: object = None
    notice: Notice | None = None


class StatedBy(Protocol[T_contra]):
    """Finds out what an envelope states."""

    def __call__(
        self, operation: Operation[T_contra], answer: JsonObject, found: Envelope, status: int, /
    ) -> Stated: ...


@frozen
class AnswerReader:
    """Reads complete answers. `duplicate_rule` says which errors mean that the key was used before."""

    duplicate_rule: DuplicateRule = field(
        default=reports_used_key, validator=validation.callback(ErrorAnswer(400))
    )

    def read(self, operation: Operation[T], evidence: Evidence) -> Reading[T]:
        """Read an answer whose payload is the operation's `result`, enveloped or bare."""
        status = evidence.status or 0
        try:
            if status >= 400:
                return self._concluded(operation, _of_an_error(operation, evidence, _of_a_balance))
            answer = members_of(evidence, decisive=_DECISIVE)
            if operation.shape is _BARE and "HasError" not in answer:
                return _bare(operation, answer)
            found, result = envelope_of(answer), answer.get("Result")
            plain = found is PLAIN and status == 200 and operation.writes
            if plain and type(result) is dict and _denies_nothing(result):  # as nearly every answer is
                return Reading(_ACCEPTED, structure(result, operation.result, path="$.Result"))
            reading = self._concluded(operation, _of_a_balance(operation, answer, found, status))
            if reading.verdict is not _ACCEPTED or (result is None and operation.unit is not None):
                return reading
            return evolve(reading, result=_result(operation, result))
        except PayloadError as error:
            return _unreadable(str(error), error.path)

    def read_removal(
        self, operation: Operation[CheckoutRemoval], evidence: Evidence
    ) -> Reading[CheckoutRemoval]:
        """Read the answer of a checkout removal: its five codes, or the older envelope's `Success`."""
        return self.read_stated(operation, evidence, _of_a_removal)

    def read_stated(self, operation: Operation[T], evidence: Evidence, by: StatedBy[T]) -> Reading[T]:
        """Read an answer whose codes say more than its flags: what it states, and its result, are found
        `by`.
        """
        status = evidence.status or 0
        try:
            if status >= 400:
                return self._concluded(operation, _of_an_error(operation, evidence, by))
            answer = members(evidence)
            stated = by(operation, answer, envelope_of(answer), status)
        except PayloadError as error:
            return _unreadable(str(error), error.path)
        reading = self._concluded(operation, stated)
        return (
            evolve(reading, result=cast("T | None", stated.result))
            if reading.verdict is _ACCEPTED
            else reading
        )

    def bare(self, operation: Operation[T], answer: JsonObject) -> Reading[T]:
        """Read an answer that is the whole payload."""
        try:
            return _bare(operation, answer)
        except PayloadError as error:
            return _unreadable(str(error), error.path)

    def accepted(self, operation: Operation[T], result: T, evidence: Evidence) -> Reading[T]:
        """Return what follows from a result that nothing contradicts."""
        stated = Stated(Statement.SUCCESS, ErrorAnswer(evidence.status or 0))
        reading = self._concluded(operation, stated)
        return evolve(reading, result=result) if reading.verdict is _ACCEPTED else reading

    def failed(self, operation: Operation[T], said: ErrorAnswer) -> Reading[T]:
        """Return what follows from a failure that an answer names in a place of its own."""
        return self._concluded(operation, Stated(Statement.FAILURE, said))

    def _concluded(self, operation: Operation[T], stated: Stated) -> Reading[T]:
        """Return what follows from what is stated; of an acceptance, without its result."""
        statement, said = stated.statement, stated.said
        group = status_class(said.status, writes=operation.writes)
        may_be_of_a_key = statement in _OF_KEYS if group is StatusClass.DONE else group not in _NEVER_OF_KEYS
        if operation.writes and may_be_of_a_key:
            statement = self._of_the_key(operation, said) or statement
        verdict = PROVES[statement][group]
        if verdict is Verdict.REFUSED:
            return _refused(operation, statement, said, group)
        if verdict is Verdict.ACCEPTED:
            return Reading(verdict, notice=stated.notice)
        if verdict is not Verdict.UNREADABLE:
            return Reading(verdict, said=said)
        if group is StatusClass.LATER:
            return Reading(verdict, said=said, path="$", problem=LATER)
        path = "$.ErrorMessage" if statement is Statement.OPEN_KEY else stated.path
        return Reading(verdict, said=said, path=path, problem=PROBLEM[statement])

    def _of_the_key(self, operation: Operation[T], said: ErrorAnswer) -> Statement | None:
        """Return what an answer says of the key, None where that is nothing."""
        known = operation.documented
        if known is not None and known.key is not None:
            said = of_its_key(said, known.key)
        if self.duplicate_rule(said) is True:
            return Statement.USED_KEY
        if is_in_progress(said):
            return Statement.IN_PROGRESS
        return Statement.OPEN_KEY if leaves_open(said) else None


def members(evidence: Evidence) -> JsonObject:
    """Return the members of an answer; raises `PayloadError` for one that is no object or contradicts
    itself.
    """
    return members_of(evidence, decisive=_DECISIVE)


def _result(operation: Operation[T], result: object) -> T:
    """Return the result of a success; a boolean is the member of one that says whether it was done."""
    if result is None:
        return operation.result()
    if type(result) is bool and "Done" in operation.members:
        result = {"Done": result}
    return structure(result, operation.result, path="$.Result")


def _bare(operation: Operation[T], answer: JsonObject) -> Reading[T]:
    if not operation.members & answer.keys():
        said, problem = said_of(answer, 200), "the answer has none of the documented members"
        return Reading(Verdict.UNREADABLE, said=said, problem=problem, path="$")
    return Reading(Verdict.ACCEPTED, structure(answer, operation.result))


def _denies_nothing(result: JsonObject) -> bool:
    """Say whether none of a result's members names a failure."""
    return not result.get("Error") and result.get("CustomerExists") is not False and "Success" not in result


def _of_a_balance(operation: Operation[T], answer: JsonObject, found: Envelope, status: int) -> Stated:
    """Return what an envelope states whose payload is a balance."""
    flags, result, known = declared(found), answer.get("Result"), operation.members
    denies, shows = denied(found, flags, result, known), shown(found, result, known)
    if not operation.writes:  # "no such customer" answers a read; a balance that is missing does not
        denies = Denied.NOT if denies is Denied.CUSTOMER else denies
        shows = Shown.RESULT if isinstance(result, dict) and known & result.keys() else shows
    statement = states(flags, denies, shows)
    if statement is Statement.COMPLETED and not operation.writes:
        statement = Statement.UNSAID
    elif statement is Statement.COMPLETED and operation.unit is not None and "PointsBalance" not in known:
        statement = Statement.CLAIMED  # a redeem has a number of its own, without which it cannot be used
    path = "$.Result" if statement is Statement.UNSAID and flags is not Declared.SILENT else "$.HasError"
    return Stated(statement, said_by(found, answer, status), path, notice=notice_of(found, flags))


def _of_a_removal(
    operation: Operation[CheckoutRemoval], answer: JsonObject, found: Envelope, status: int
) -> Stated:
    """Return what an envelope states of a removal; raises `PayloadError` for a result of wrong types."""
    result = answer.get("Result")
    inner = CheckoutRemoved() if result is None else structure(result, CheckoutRemoved, path="$.Result")
    statement = removal.states(found, declared(found), inner.success, failed=status >= 400)
    said = named(said_by(found, answer, status), operation.codes)
    done = removal.removed(found.code, inner.success) is Removed.YES
    whole = CheckoutRemoval(done, found.code, said.code_name, found.severity, inner.customer_message)
    return Stated(statement, said, "$.Code", result=whole)


def _of_an_error(operation: Operation[T], evidence: Evidence, of: StatedBy[T]) -> Stated:
    """Return what the body of an error states: by its envelope, or by whatever words it has."""
    status = evidence.status or 0
    body = error_body(evidence, decisive=_DECISIVE)
    if body.members is None:
        statement = Statement.NOTHING if body.words is None else Statement.TEXT
        return Stated(statement, ErrorAnswer(status, message=body.words))
    if OWN & body.members.keys():
        try:
            stated = of(operation, body.members, structure(body.members, Envelope), status)
        except PayloadError:
            pass  # no shape is documented for errors: what it says in other words counts, too
        else:
            bare = stated.statement in (Statement.UNSAID, Statement.COMPLETED)
            return evolve(stated, statement=Statement.WORDS) if bare and stated.said.message else stated
    said = said_of(body.members, status)
    return Stated(Statement.NOTHING if said.message is None else Statement.WORDS, said)


def _refused(
    operation: Operation[T], statement: Statement, said: ErrorAnswer, group: StatusClass
) -> Reading[T]:
    said = named(said, operation.codes)
    if group is StatusClass.SIGN_IN:
        refusal = Refusal.CREDENTIALS
    elif statement is Statement.NO_CUSTOMER or said.code_name in CUSTOMER_NOT_FOUND:
        refusal = Refusal.CUSTOMER
    else:
        refusal = Refusal.OTHER
    return Reading(Verdict.REFUSED, said=said, refusal=refusal)


def _unreadable(problem: str, path: str) -> Reading[T]:
    return Reading(Verdict.UNREADABLE, problem=problem, path=path)
