"""How BonifiQ's answers are read: two envelopes, bare objects, and every member that can name a failure."""

import json
import time
import unicodedata
from collections.abc import Mapping

import pytest
from one_test import one_test

from bonifiq_async import CheckoutRemoval, CustomerPoints, ErrorAnswer, PendingPoints, Severity, Verdict
from bonifiq_async._model.evidence import Evidence, Reading, Refusal
from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.operations import (
    CHANGE_CASHBACK,
    PENDING_POINTS,
    POINTS,
    REMOVE_CHECKOUT_CASHBACK,
)
from bonifiq_async.bonifiq.used_key import reports_used_key

OLD = {"ErrorMessage": None, "ErrorCode": None, "Result": None, "HasError": False}
NEW = OLD | {"Code": None, "CodeName": None, "Severity": 0, "HasWarning": False}
ENVELOPES = [pytest.param(OLD, id="4 members"), pytest.param(NEW, id="8 members")]
BALANCE = {"CustomerExists": True, "PointsBalance": 1000}
Json = Mapping[str, object]


def evidence(answer: Json | bytes, status: int = 200) -> Evidence:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Evidence(sent=True, requests=1, status=status, body=body)


def read_change(answer: Json | bytes, status: int = 200) -> Reading[CustomerPoints]:
    return AnswerReader().read(CHANGE_CASHBACK, evidence(answer, status))


def read_removal(answer: Json | bytes, status: int = 200) -> Reading[CheckoutRemoval]:
    return AnswerReader().read_removal(REMOVE_CHECKOUT_CASHBACK, evidence(answer, status))


# A change.


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_change_is_accepted(envelope: Json) -> None:
    reading = read_change({**envelope, "Result": BALANCE})
    assert reading == Reading(Verdict.ACCEPTED, CustomerPoints(customer_exists=True, points_balance=1000))


@one_test
@pytest.mark.parametrize("name", [name for name in NEW if name != "Result"])
@pytest.mark.parametrize("wrong", [[], {}, 0.5, "1", 1, 0, True, False, None])
def test_every_member_of_a_success_is_read(name: str, wrong: object) -> None:
    """A member of the wrong type breaks the contract, even if all others say success."""
    reading = read_change({**NEW, "Result": BALANCE, name: wrong})
    fits = {
        "ErrorMessage": (str, type(None)),
        "ErrorCode": (int, type(None)),
        "Code": (str, type(None)),
        "CodeName": (str, type(None)),
        "Severity": (int,),
        "HasWarning": (bool,),
        "HasError": (bool,),
    }[name]
    said = wrong is not None and name in ("ErrorMessage", "ErrorCode")
    contradicts = said or (name in ("HasError", "HasWarning") and wrong is True)
    contradicts = contradicts or (name == "Severity" and wrong == 1)  # and `HasWarning` is false
    assert (reading.verdict is Verdict.UNREADABLE) == (type(wrong) not in fits or contradicts)


EMPTY = {"RedeemKey": None, "Error": None}


@one_test
@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({"HasError": True}, id="HasError"),
        pytest.param({"HasError": True, "Severity": 2, "Result": BALANCE}, id="HasError with a Result"),
        pytest.param({"HasError": True, "Result": EMPTY}, id="HasError with an empty Result"),
        pytest.param({"HasError": True, "Severity": 0}, id="HasError against Severity"),
        pytest.param({"Severity": 2}, id="Severity 2"),
        pytest.param({"Severity": 2, "Result": {"Error": "No balance"}}, id="Error and Severity 2"),
        pytest.param({"HasError": True, "Result": {"Error": "No balance"}}, id="HasError and Error"),
    ],
)
def test_failure_of_a_change_is_refused(envelope: Json, failure: Json) -> None:
    reading = read_change({**envelope, **failure})
    assert (reading.verdict, reading.refusal, reading.result) == (Verdict.REFUSED, Refusal.OTHER, None)


BOTH = {
    "Severity 2 against HasError": (200, {"HasError": False, "Severity": 2, "Result": BALANCE}),
    "HasError against Severity 0": (200, {"HasError": True, "Severity": 0, "Result": BALANCE}),
    "HasError against a warning": (200, {"HasError": True, "Severity": 1, "Result": BALANCE}),
    "Error beside a balance": (200, {"HasError": False, "Result": BALANCE | {"Error": "No history"}}),
    "404 against HasError": (404, {"HasError": False, "Severity": 0, "Result": BALANCE}),
    "401 against HasError": (
        401,
        {"HasError": False, "Result": BALANCE, "ErrorMessage": "Duplicate ChangeKey"},
    ),
    "400 against Severity": (400, {"Severity": 0, "Result": BALANCE}),
    "422 against HasError": (422, {"HasError": False, "ErrorMessage": "no", "Result": BALANCE}),
    "400 and HasError against Severity": (400, {"HasError": True, "Severity": 0, "Result": BALANCE}),
    "Error inside against HasError": (200, {"HasError": False, "Result": {"Error": "No balance"}}),
    "Error inside against both flags": (200, NEW | {"Result": EMPTY | {"Error": "No balance"}}),
    "words against HasError": (200, OLD | {"ErrorMessage": "Nothing was changed", "Result": BALANCE}),
    "words against both flags": (200, NEW | {"ErrorMessage": "Nothing was changed", "Result": BALANCE}),
    "words against an empty success": (200, NEW | {"ErrorMessage": "Nothing was changed"}),
    "ErrorCode against HasError": (200, OLD | {"ErrorCode": 7, "Result": BALANCE}),
    "ErrorCode 0 against both flags": (200, NEW | {"ErrorCode": 0, "Result": BALANCE}),
    "a name of a failure": (200, NEW | {"CodeName": "CustomerBlocked_NotAllowed", "Result": BALANCE}),
    "a name of a later change": (200, NEW | {"CodeName": "CashbackPendingApproval", "Result": BALANCE}),
    "a warning of a later change": (
        200,
        NEW
        | {"Severity": 1, "HasWarning": True, "ErrorMessage": "It is queued for approval", "Result": BALANCE},
    ),
    "Success false": (200, NEW | {"Result": BALANCE | {"Success": False}}),
    "Success false in the older envelope": (200, OLD | {"Result": {"Success": False}}),
    "HasWarning against Severity 0": (200, NEW | {"HasWarning": True, "Result": BALANCE}),
    "Severity 1 against HasWarning": (200, NEW | {"Severity": 1, "Result": BALANCE}),
    "HasWarning beside HasError": (200, {"HasError": True, "HasWarning": True}),
    "a warning of an unknown customer": (
        200,
        NEW | {"Severity": 1, "HasWarning": True, "CodeName": "CustomerNotFound", "Result": {}},
    ),
    "a warning of an unknown customer beside a balance": (
        200,
        NEW | {"Severity": 1, "HasWarning": True, "CodeName": "CustomerNotFound", "Result": BALANCE},
    ),
    "a warning that nothing was done": (
        200,
        NEW
        | {"Severity": 1, "HasWarning": True, "ErrorMessage": "O valor não foi creditado", "Result": BALANCE},
    ),
    "a customer that does not exist and has a balance": (
        200,
        NEW | {"Result": {"CustomerExists": False, "PointsBalance": 7}},
    ),
}


@one_test
@pytest.mark.parametrize(("status", "answer"), BOTH.values(), ids=BOTH.keys())
def test_answer_that_says_success_and_failure_proves_neither(status: int, answer: Json) -> None:
    reading = read_change(answer, status)
    assert (reading.verdict, reading.path, reading.result) == (Verdict.UNREADABLE, "$.HasError", None)


@pytest.mark.parametrize(
    "answer",
    [{"HasError": True, "Severity": 0}, {"HasError": True, "Result": BALANCE}, {"ErrorMessage": "no"}],
)
def test_a_status_and_an_error_that_agree_are_a_refusal(answer: Json) -> None:
    assert read_change(answer, 400).verdict is Verdict.REFUSED


@pytest.mark.parametrize("answer", [NEW, OLD, {}, NEW | {"Result": {}}])
def test_a_status_alone_is_no_refusal_unless_it_excludes_a_change(answer: Json) -> None:
    assert read_change(answer, 400).verdict is Verdict.UNREADABLE
    assert read_change(answer, 404).verdict is Verdict.REFUSED


@pytest.mark.parametrize("answer", [NEW | {"Result": BALANCE}, OLD | {"Result": BALANCE}, {"HasError": True}])
def test_a_202_proves_nothing_of_a_change(answer: Json) -> None:
    """The change may be made later, or never."""
    reading = read_change(answer, 202)
    assert (reading.verdict, reading.path) == (Verdict.UNREADABLE, "$")
    assert reading.problem is not None and "202" in reading.problem
    assert read_removal(NEW | {"Code": "07", "Result": {"Success": True}}, 202).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("status", [200, 409])
def test_used_key_is_a_duplicate_beside_a_balance(status: int) -> None:
    answer = {"HasError": status == 200, "Severity": 0, "ErrorMessage": "ChangeKey already used"}
    assert read_change(answer | {"Result": BALANCE}, status).verdict is Verdict.DUPLICATE


@pytest.mark.parametrize("severity", [0, 1])
def test_used_key_is_a_duplicate_by_the_name_beside_a_success(severity: int) -> None:
    """As from a provider that answers a repeat with the first result."""
    answer = {"CodeName": "ChangeKeyAlreadyUsed", "Severity": severity, "HasWarning": severity == 1}
    assert read_change(NEW | answer | {"Result": BALANCE}).verdict is Verdict.DUPLICATE


@pytest.mark.parametrize("name", ["CashbackAdded", "CashbackChangedWithoutExpiration", "None", "NO_ERROR"])
def test_other_names_beside_a_success_are_harmless(name: str) -> None:
    assert read_change(NEW | {"CodeName": name, "Result": BALANCE}).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_unknown_customer_of_a_change_is_refused(envelope: Json) -> None:
    reading = read_change({**envelope, "Result": {"CustomerExists": False}})
    assert (reading.verdict, reading.refusal) == (Verdict.REFUSED, Refusal.CUSTOMER)


def test_customer_of_a_change_need_not_be_mentioned() -> None:
    assert read_change(OLD | {"Result": {"PointsBalance": 5}}).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("status", [200, 400, 404, 422])
@pytest.mark.parametrize("name", ["CustomerNotFound", "Customer_NotFound"])
def test_customer_not_found_by_its_code_name(name: str, status: int) -> None:
    reading = read_change(NEW | {"HasError": True, "Severity": 2, "CodeName": name}, status)
    assert (reading.verdict, reading.refusal) == (Verdict.REFUSED, Refusal.CUSTOMER)


def test_the_message_of_the_provider_is_kept() -> None:
    said = {"ErrorMessage": "Reason is blank", "ErrorCode": 7, "Code": "09", "CodeName": "Blank"}
    expected = ErrorAnswer(200, "09", "Blank", 7, "Reason is blank")
    assert read_change(NEW | said | {"HasError": True}).said == expected
    assert read_change(NEW | said | {"HasError": True}, 422).said == ErrorAnswer(
        422, "09", "Blank", 7, "Reason is blank"
    )


@pytest.mark.parametrize("status", [200, 400])
def test_error_inside_result_is_the_message(status: int) -> None:
    reading = read_change(NEW | {"HasError": True, "Result": {"Error": "No balance"}}, status)
    assert reading.said == ErrorAnswer(status, message="No balance")


@one_test
@pytest.mark.parametrize(
    ("answer", "path"),
    [
        pytest.param(NEW | {"Severity": 1, "HasWarning": True}, "$.Result", id="warning without Result"),
        pytest.param(OLD, "$.Result", id="no error and no Result"),
        pytest.param(OLD | {"Result": {}}, "$.Result", id="no error and an empty Result"),
        pytest.param({"HasError": False}, "$.Result", id="success alone"),
        pytest.param({"Result": BALANCE}, "$.HasError", id="neither HasError nor Severity"),
        pytest.param({"HasError": None, "Result": BALANCE}, "$.HasError", id="HasError null"),
        pytest.param(
            {"HasError": False, "Severity": None, "Result": BALANCE}, "$.Severity", id="Severity null"
        ),
        pytest.param({}, "$.HasError", id="empty object"),
        pytest.param(BALANCE, "$.HasError", id="bare balance"),
        pytest.param(NEW | {"HasError": "false", "Result": BALANCE}, "$.HasError", id="HasError a string"),
        pytest.param(NEW | {"HasError": 0, "Result": BALANCE}, "$.HasError", id="HasError a number"),
        pytest.param(NEW | {"Severity": "Error", "Result": BALANCE}, "$.Severity", id="Severity a string"),
        pytest.param(NEW | {"Result": True}, "$.Result", id="Result a boolean"),
        pytest.param(NEW | {"Result": []}, "$.Result", id="Result an array"),
        pytest.param(
            NEW | {"Result": BALANCE | {"CashbackBalance": "1"}}, "$.Result.CashbackBalance", id="wrong type"
        ),
        pytest.param(
            NEW | {"Result": BALANCE | {"PointHistory": [{}, {"CashbackAmount": "1"}]}},
            "$.Result.PointHistory[1].CashbackAmount",
            id="wrong type deep inside",
        ),
        pytest.param(b"", "$", id="nothing"),
        pytest.param(b"<html><body>It works!</body></html>", "$", id="HTML"),
        pytest.param(b'{"HasError":false,"Res', "$", id="cut"),
        pytest.param(b"[]", "$", id="array"),
        pytest.param(b"null", "$", id="null"),
        pytest.param(b"true", "$", id="boolean"),
        pytest.param(b'{"HasError":false,"Result":{"CashbackBalance":NaN}}', "$", id="NaN"),
        pytest.param(
            b'{"HasError":false,"Result":{"CashbackBalance":1E99999999999999999999}}', "$", id="1E..."
        ),
    ],
)
def test_answer_to_a_change_that_proves_nothing(answer: Json | bytes, path: str) -> None:
    reading = read_change(answer)
    assert (reading.verdict, reading.path, reading.result) == (Verdict.UNREADABLE, path, None)
    assert reading.problem


def test_warning_is_no_failure() -> None:
    reading = read_change(NEW | {"Severity": 1, "HasWarning": True, "Code": "05", "Result": BALANCE})
    assert reading.verdict is Verdict.ACCEPTED


def test_unknown_severity_is_no_failure() -> None:
    assert read_change(NEW | {"Severity": 9, "Result": BALANCE}).verdict is Verdict.ACCEPTED


BODIES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html>Bad Request</html>", id="HTML"),
    pytest.param(b"\xff\xfe", id="no text"),
    pytest.param(b"[]", id="array"),
    pytest.param(b'"no"', id="string"),
    pytest.param(b'{"title":"Bad Request","status":400}', id="problem details"),
    pytest.param(b'{"ErrorMessage":1,"ErrorCode":"x","Code":4,"CodeName":[],"Result":7}', id="wrong types"),
    pytest.param(b'{"HasError":false,"Result":null}', id="an envelope that says no error"),
    pytest.param(b'{"HasError":false,"Result":{"Success":false}}', id="a result that is no success"),
    pytest.param(b'{"ErrorCode":1E99999999999999999999}', id="a number beyond any"),
]


@one_test
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 451])
def test_a_status_that_excludes_a_change_is_a_refusal_whatever_its_body(status: int, body: bytes) -> None:
    credentials = status in (401, 403)
    for reading in (read_change(body, status), read_removal(body, status)):
        assert reading.verdict is Verdict.REFUSED
        assert reading.refusal is (Refusal.CREDENTIALS if credentials else Refusal.OTHER)
        assert reading.said is not None and reading.said.status == status


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_never_a_duplicate(status: int) -> None:
    reading = read_change({"ErrorMessage": "ChangeKey already used"}, status)
    assert (reading.verdict, reading.refusal) == (Verdict.REFUSED, Refusal.CREDENTIALS)


# Reads, which are bare.


def test_bare_balance() -> None:
    reading = AnswerReader().read(POINTS, evidence(BALANCE))
    assert reading == Reading(Verdict.ACCEPTED, CustomerPoints(customer_exists=True, points_balance=1000))


def test_unknown_customer_of_a_read_is_returned() -> None:
    reading = AnswerReader().read(POINTS, evidence({"CustomerExists": False}))
    assert reading == Reading(Verdict.ACCEPTED, CustomerPoints(customer_exists=False))


def test_bare_pending_points() -> None:
    reading = AnswerReader().read(
        PENDING_POINTS, evidence({"TotalPendingPoints": 5, "TotalPendingCashback": None})
    )
    assert reading == Reading(Verdict.ACCEPTED, PendingPoints(total_pending_points=5))


@pytest.mark.parametrize("operation", [POINTS, PENDING_POINTS], ids=lambda operation: operation.name)
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_bare_endpoint_may_answer_an_envelope(operation: Operation[object], envelope: Json) -> None:
    failed = {**envelope, "HasError": True, "ErrorMessage": "No such customer"}
    reading = AnswerReader().read(operation, evidence(failed))
    assert (reading.verdict, reading.said) == (
        Verdict.REFUSED,
        ErrorAnswer(200, message="No such customer"),
    )


def test_envelope_of_a_bare_endpoint_is_opened() -> None:
    reading = AnswerReader().read(POINTS, evidence(NEW | {"Result": BALANCE}))
    assert reading == Reading(Verdict.ACCEPTED, CustomerPoints(customer_exists=True, points_balance=1000))


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        pytest.param({}, "$", id="empty object"),
        pytest.param({"status": "ok"}, "$", id="another object"),
        pytest.param(b"<html></html>", "$", id="HTML"),
        pytest.param(b"[]", "$", id="array"),
        pytest.param({"PointsBalance": "1000"}, "$.PointsBalance", id="wrong type"),
        pytest.param({"CustomerExists": True, "PointHistory": {}}, "$.PointHistory", id="object for array"),
        pytest.param(NEW, "$.Result", id="envelope without Result"),
    ],
)
def test_read_that_does_not_fit_the_contract(answer: Json | bytes, path: str) -> None:
    reading = AnswerReader().read(POINTS, evidence(answer))
    assert (reading.verdict, reading.path) == (Verdict.UNREADABLE, path)


def test_a_read_that_is_no_balance_shows_its_message() -> None:
    reading = AnswerReader().read(POINTS, evidence({"message": "Come back later"}))
    assert (reading.verdict, reading.said) == (
        Verdict.UNREADABLE,
        ErrorAnswer(200, message="Come back later"),
    )


def test_read_knows_no_duplicates() -> None:
    reading = AnswerReader().read(POINTS, evidence({"ErrorMessage": "ChangeKey already used"}, 409))
    assert reading.verdict is Verdict.REFUSED


# Checkout removal.

DONE = {"Success": True, "CustomerMessage": "Removed"}
NOTHING = {"Success": False, "CustomerMessage": "Nothing to remove"}


@pytest.mark.parametrize(
    ("code", "name", "severity", "result", "removed"),
    [
        ("07", "CashbackRemovedSuccessfully", Severity.SUCCESS, DONE, True),
        ("03", "CheckoutNotFound", Severity.WARNING, NOTHING, False),
        ("04", "CashbackNotApplied", Severity.WARNING, NOTHING, False),
    ],
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "number alone"])
def test_removal_and_its_warnings(
    code: str, name: str, severity: Severity, result: Json, removed: bool, named: bool
) -> None:
    answer = {"Code": code, "CodeName": name if named else None, "Severity": severity, "Result": result}
    reading = read_removal(NEW | answer | {"HasWarning": severity is Severity.WARNING})
    message = str(result["CustomerMessage"])
    assert reading == Reading(Verdict.ACCEPTED, CheckoutRemoval(removed, code, name, severity, message))


@pytest.mark.parametrize(("code", "removed"), [("03", False), ("04", False), ("07", True)])
def test_removal_without_a_result_is_read_by_its_code(code: str, removed: bool) -> None:
    reading = read_removal(NEW | {"Code": code, "Severity": int(not removed), "HasWarning": not removed})
    assert reading.result is not None
    assert (reading.result.removed, reading.result.customer_message) == (removed, None)


@pytest.mark.parametrize("success", [True, False])
def test_removal_in_the_older_envelope_is_read_by_success(success: bool) -> None:
    reading = read_removal(OLD | {"Result": {"Success": success}})
    assert reading == Reading(Verdict.ACCEPTED, CheckoutRemoval(success, None, None, None, None))


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize(
    ("code", "name", "refusal"),
    [("01", "CustomerNotFound", Refusal.CUSTOMER), ("02", "CheckoutIdRequired", Refusal.OTHER)],
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "number alone"])
def test_removal_errors(code: str, name: str, refusal: Refusal, status: int, named: bool) -> None:
    answer = {"Code": code, "CodeName": name if named else None, "Severity": 2, "HasError": True}
    reading = read_removal(NEW | answer, status)
    assert (reading.verdict, reading.refusal) == (Verdict.REFUSED, refusal)
    assert reading.said == ErrorAnswer(status, code, name)


@one_test
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"Code": "07", "Result": NOTHING}, id="07 without success"),
        pytest.param({"Code": "03", "Result": DONE}, id="03 with success"),
        pytest.param({"Code": "04", "Result": DONE}, id="04 with success"),
        pytest.param({"Code": "01", "Result": DONE}, id="01 with success"),
        pytest.param({"Code": "01", "Result": NOTHING}, id="error 01 that claims to be none"),
        pytest.param({"Code": "02", "Result": NOTHING}, id="error 02 that claims to be none"),
        pytest.param({"Code": "01", "Severity": 1, "Result": NOTHING}, id="error 01 as a warning"),
        pytest.param({"Code": "07", "HasError": True, "Result": DONE}, id="07 with HasError"),
        pytest.param({"Code": "07", "Severity": 2, "Result": DONE}, id="07 with Severity 2"),
        pytest.param({"Code": "07", "Severity": 2, "HasError": True}, id="07 with both flags of an error"),
        pytest.param({"Code": "07", "Severity": 1, "HasWarning": True, "Result": DONE}, id="07 as a warning"),
        pytest.param({"Code": "03", "Result": NOTHING}, id="03 as a success"),
        pytest.param({"Code": "07", "ErrorCode": 7, "Result": DONE}, id="07 with an ErrorCode"),
        pytest.param(
            {"Code": "07", "ErrorMessage": "It failed", "Result": DONE}, id="07 with words of an error"
        ),
        pytest.param(
            {"CodeName": "CashbackNotApplied", "Result": DONE}, id="a name of a failure with success"
        ),
    ],
)
def test_contradiction_is_never_a_result(answer: Json) -> None:
    assert read_removal({**NEW, **answer}).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        pytest.param(NEW, "$.Code", id="no code and no result"),
        pytest.param(NEW | {"Code": "99"}, "$.Code", id="unknown code and no result"),
        pytest.param(NEW | {"Result": {"CustomerMessage": "?"}}, "$.Code", id="result without success"),
        pytest.param(
            NEW | {"Code": "07", "Result": {"Success": "true"}}, "$.Result.Success", id="wrong type"
        ),
        pytest.param(NEW | {"Code": 7, "Result": DONE}, "$.Code", id="code a number"),
        pytest.param(NEW | {"Result": "done"}, "$.Result", id="result a string"),
        pytest.param(b"<html></html>", "$", id="HTML"),
    ],
)
def test_removal_that_proves_nothing(answer: Json | bytes, path: str) -> None:
    reading = read_removal(answer)
    assert (reading.verdict, reading.path) == (Verdict.UNREADABLE, path)


def test_unknown_code_of_a_removal_is_read_by_success() -> None:
    reading = read_removal(NEW | {"Code": "09", "CodeName": "New", "Result": DONE})
    assert reading.result == CheckoutRemoval(True, "09", "New", Severity.SUCCESS, "Removed")


# The rule that recognises a used key.

USED = [
    "ChangeKey already used",
    "The ChangeKey has already been used",
    "Change key already used",
    "CHANGEKEY ALREADY USED",
    "This ChangeKey was already processed",
    "A change with this ChangeKey already exists",
    "The same key was used more than once",
    "Duplicate ChangeKey",
    "Duplicated change key",
    "ChangeKey duplicated",
    "ChangeKey 'ADD-ABC-10-123' is duplicated",
    "ChangeKey já utilizada",
    "Esta chave já foi utilizada",
    "A chave informada já foi usada",
    "A ChangeKey informada já foi processada",
    "Chave já existe",
    "Chave duplicada",
    "ChangeKey duplicada",
    "ChangeKey duplicated",
    "This key has already been used",
    "The ChangeKey 'never-1' has already been used",
    "Já existe uma alteração com esta ChangeKey",
    "A chave foi usada mais de uma vez",
]
NOT_USED = [
    "ChangeKey is required",
    "ChangeKey does not exist",
    "ChangeKey is too long",
    "ChangeKey must be a string",
    "invalid key",
    "Invalid ChangeKey",
    "Informe a chave",
    "Chave inválida",
    "A chave é obrigatória",
    "A chave não existe",
    "A chave já foi recusada",
    "A ChangeKey já foi cancelada",
    "The ChangeKey was not already used",
    "The ChangeKey has never been used more than once",
    "Customer already exists",
    "Cliente já existe",
    "Duplicated customer",
    "Duplicated request",
    "The reward has already been used",
    "API key already used in another store",
    "OriginalKey already used",
    "CancelKey already used",
    "ChangeKey is required. Customer already exists.",
    "Violation of PRIMARY KEY constraint 'PK_Points'. Cannot insert duplicate key in object 'dbo.Points'.",
    "A chave já foi recusada",
    "A ChangeKey já foi cancelada",
    "ChangeKey has not already been used",
    "The key is invalid; request already processed",
    "This change key was already used with a different amount",
    "ChangeKey already used by another customer",
    "Esta chave já foi utilizada por outro cliente",
    "The change key is invalid because the campaign budget was already used",
    "A chave da API já foi utilizada em outro dispositivo",
    "Change key conflict: this key already exists for a change that failed",
    "",
    "   ",
]
USED_NAMES = [
    "ChangeKeyAlreadyUsed",
    "ChangeKey_AlreadyUsed",
    "Points_ChangeKeyAlreadyExists",
    "ChangeKeyInUse",
    "ChangeKeyDuplicated",
    "DuplicateChangeKey",
    "DUPLICATED_CHANGE_KEY",
    "RepeatedChangeKey",
]
OTHER_NAMES = [
    "ChangeKeyRequired",
    "ChangeKeyUsedByAnotherCustomer",
    "ChangeKeyAlreadyUsedWithDifferentValue",
    "ChangeKeyIsUsedForOtherOperation",
    "InvalidUsedChangeKey",
    "UnusedChangeKey",
    "ChangeKeyNotFound",
    "InvalidChangeKey",
    "CustomerNotFound",
    "CustomerAlreadyExists",
    "DuplicateCustomer",
    "General_FieldCannotBeNullOrBlank",
    "",
]


@one_test
@pytest.mark.parametrize(
    ("message", "used"), [*((text, True) for text in USED), *((text, False) for text in NOT_USED)]
)
def test_message_of_a_used_key(message: str, used: bool) -> None:
    assert reports_used_key(ErrorAnswer(400, message=message)) is used


@one_test
@pytest.mark.parametrize(
    ("name", "used"), [*((name, True) for name in USED_NAMES), *((name, False) for name in OTHER_NAMES)]
)
def test_code_name_of_a_used_key(name: str, used: bool) -> None:
    assert reports_used_key(ErrorAnswer(400, code_name=name)) is used


IN_PROGRESS = [
    "This ChangeKey is already in use by a request that is still being processed",
    "ChangeKey already in use: request in progress, try again later",
    "A requisição com esta ChangeKey já existe e está em processamento",
    "A request with this ChangeKey already exists and is pending approval",
    "duplicate ChangeKey: the first request is in progress",
    "ChangeKey already used, queued for approval",
    "Esta chave já foi utilizada; operação em andamento",
    "Chave já existe: aguardando processamento",
    "The key is currently in use",
    "Another operation of this customer is in progress",
    "Já há uma requisição em andamento para este cliente",
]
IN_PROGRESS_NAMES = [
    "ChangeKeyInProgress",
    "CHANGE_KEY_PENDING",
    "RequestInProgress",
    "ChangeKey_BeingProcessed",
]
OPEN = [
    "The ChangeKey was already used in a rejected operation",
    "ChangeKey already used by a cancelled change",
    "ChangeKey já utilizada em uma operação recusada",
    "ChangeKey já utilizada em operação estornada",
    "ChangeKey already used for customer 999",
    "ChangeKey já utilizada pelo cliente 999",
    "ChangeKey already used with amount 20",
    "The ChangeKey has expired: it was already used",
    "ChangeKey already used. The change was reverted",
    "Request failed: ChangeKey already used",
    "Conflict: this ChangeKey already exists",
    "Invalid request: duplicate ChangeKey",
]
NEITHER = [
    "Customer registration pending",
    "Pedido pendente",
    "An error occurred while processing your request",
    "The request could not be processed",
    "ChangeKey is required",
    "A ChangeKey já foi cancelada",
    "This change key was already used with a different amount",
    "ChangeKey already used by another customer",
]
SAID = {
    Verdict.DUPLICATE: USED,
    Verdict.BROKEN: IN_PROGRESS,
    Verdict.UNREADABLE: OPEN,
    Verdict.REFUSED: NEITHER,
}


@one_test
@pytest.mark.parametrize("status", [200, 400, 409, 422])
@pytest.mark.parametrize(
    ("message", "verdict"), [(text, verdict) for verdict, texts in SAID.items() for text in texts]
)
def test_the_statement_on_a_key_decides(message: str, verdict: Verdict, status: int) -> None:
    """A key whose request is still processed is sent again; one with an open end is never a success."""
    reading = read_change(NEW | {"HasError": True, "ErrorMessage": message}, status)
    assert (reading.verdict, reading.result) == (verdict, None)
    assert reading.said is not None and reading.said.message == message


@pytest.mark.parametrize("name", IN_PROGRESS_NAMES)
def test_code_name_of_a_key_in_progress(name: str) -> None:
    assert read_change(NEW | {"HasError": True, "CodeName": name}, 409).verdict is Verdict.BROKEN


def test_a_key_in_progress_is_no_duplicate_by_its_code_name() -> None:
    answer = NEW | {"HasError": True, "CodeName": "ChangeKeyInUse", "ErrorMessage": IN_PROGRESS[0]}
    assert read_change(answer, 409).verdict is Verdict.BROKEN


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_accents_may_be_composed_or_not(form: str) -> None:
    message = unicodedata.normalize(form, "Esta chave já foi utilizada")  # type: ignore[arg-type]
    assert reports_used_key(ErrorAnswer(400, message=message))


@pytest.mark.parametrize("status", [400, 404, 409, 500])
def test_error_that_says_nothing_is_no_duplicate(status: int) -> None:
    assert not reports_used_key(ErrorAnswer(status, code="07", error_code=23))


def test_endless_message_is_read_in_bounded_time() -> None:
    started = time.perf_counter()
    assert not reports_used_key(ErrorAnswer(400, message="this key " * 20_000))
    assert time.perf_counter() - started < 1.0


@one_test
@pytest.mark.parametrize("status", [200, 400, 409, 422, 500, 502, 503])
@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"ErrorMessage": "ChangeKey already used"}, id="ErrorMessage"),
        pytest.param({"CodeName": "ChangeKeyAlreadyUsed"}, id="CodeName"),
        pytest.param({"Result": {"Error": "ChangeKey already used"}}, id="Error inside Result"),
    ],
)
def test_used_key_is_a_duplicate_wherever_it_is_said(where: Json, status: int) -> None:
    reading = read_change({**NEW, "HasError": True, **where}, status)
    assert (reading.verdict, reading.result) == (Verdict.DUPLICATE, None)
    assert reading.said is not None
    assert reading.said.status == status


@one_test
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [500, 503])
def test_server_error_that_reports_no_used_key_is_no_duplicate(status: int, body: bytes) -> None:
    assert read_change(body, status).verdict is not Verdict.DUPLICATE


@pytest.mark.parametrize("status", [200, 400, 409])
@pytest.mark.parametrize(
    ("message", "verdict"),
    [("E-42", Verdict.DUPLICATE), ("ChangeKey already used", Verdict.REFUSED)],
    ids=["known to the custom rule", "known to the default rule alone"],
)
def test_custom_rule_replaces_the_default(message: str, verdict: Verdict, status: int) -> None:
    asked: list[ErrorAnswer] = []

    def rule(said: ErrorAnswer) -> bool:
        asked.append(said)
        return said.message == "E-42"

    answer = NEW | {"HasError": True, "ErrorMessage": message, "ErrorCode": 42, "Code": "42"}
    reading = AnswerReader(rule).read(CHANGE_CASHBACK, evidence(answer, status))
    assert reading.verdict is verdict
    assert asked == [ErrorAnswer(status, "42", None, 42, message)]


def test_rule_is_not_asked_of_a_success() -> None:
    def rule(said: ErrorAnswer) -> bool:
        raise AssertionError("nothing failed")

    reading = AnswerReader(rule).read(CHANGE_CASHBACK, evidence(NEW | {"Result": BALANCE}))
    assert reading.verdict is Verdict.ACCEPTED
