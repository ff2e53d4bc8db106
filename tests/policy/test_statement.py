"""What an answer states, and what that proves: the tables of docs/explanation/answers.md, cell by cell."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

import pytest
from one_test import one_test

from bonifiq_async import Severity, Verdict
from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Operation
from bonifiq_async._policy.statement import EXCLUDES_ACTING, PROVES, Statement, StatusClass, status_class
from bonifiq_async._policy.verdict import transport_verdict
from bonifiq_async.bonifiq import envelope
from bonifiq_async.bonifiq import operations as bonifiq
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.envelope import DECLARED, HAS_ERROR, Declared, Denied, Shown
from bonifiq_async.bonifiq.removal import REMOVED, SEVERITIES, SUCCESS, Removed
from bonifiq_async.raba7ni import envelope as raba7ni_envelope
from bonifiq_async.raba7ni import operations as raba7ni
from bonifiq_async.raba7ni.answers import AnswerReader as Raba7niReader
from bonifiq_async.raba7ni.envelope import Data

Json = Mapping[str, object]
PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "answers.md"
OF = {
    StatusClass.DONE: 200,
    StatusClass.LATER: 202,
    StatusClass.SIGN_IN: 401,
    StatusClass.EXCLUDES: 404,
    StatusClass.CLIENT: 400,
    StatusClass.LIMIT: 429,
    StatusClass.SERVER: 500,
}
"""A status of each class."""


def evidence(answer: object, status: int = 200) -> Evidence:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Evidence(sent=True, requests=1, status=status, body=body)


# --- the page ---


def said(value: object, name: str = "") -> str:
    """Return a cell's words."""
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    return name or str(getattr(value, "value", value))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *([said(cell) for cell in row] for row in rows)]
    marked = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([marked[0], "|" + "---|" * len(lines[0]), *marked[1:]])


def severity(number: int | None) -> str:
    if number is None:
        return "left out"
    return f"{int(number)} {Severity(number).name.capitalize()}" if number in set(Severity) else "another"


def rendered() -> dict[str, str]:
    """Return the tables as the page has them."""
    codes = {each: [code for code, of in SEVERITIES.items() if of is each] for each in (None, *Severity)}
    return {
        "proves": table(
            ("the body states", *(each.value for each in StatusClass)),
            ((statement.value, *row.values()) for statement, row in PROVES.items()),
        ),
        "excludes": table(
            ("status", "source"),
            EXCLUDES_ACTING.items(),
        ),
        "declared": table(
            ("`Severity`", "`HasWarning`", *(f"`HasError` {said(each)}" for each in HAS_ERROR)),
            ((severity(of), warning, *row) for (of, warning), row in DECLARED.items()),
        ),
        "bonifiq": table(
            ("the flags say", "against success", *(f"shown: {each.value}" for each in Shown)),
            (
                (flags.value, denies.value, *row)
                for flags, rows in envelope.STATES.items()
                for denies, row in rows.items()
            ),
        ),
        "removal": table(
            ("code", *(f"`Success` {said(each)}" for each in SUCCESS)),
            ((", ".join(codes[of]) or "another, or none", *row) for of, row in REMOVED.items()),
        ),
        "raba7ni": table(
            ("`success`", "`error`", *(f"`data`: {each.value}" for each in Data)),
            (
                ("neither" if success is None else success, "named" if error else "none", *row)
                for (success, error), row in raba7ni_envelope.STATES.items()
            ),
        ),
    }


@pytest.mark.parametrize("name", rendered())
def test_the_page_has_the_table(name: str) -> None:
    text = PAGE.read_text("utf-8")
    assert f"<!-- table: {name} -->\n{rendered()[name]}\n<!-- end -->" in text


def test_the_page_has_no_other_table() -> None:
    assert PAGE.read_text("utf-8").count("<!-- table: ") == len(rendered())


# --- statuses ---


def test_every_status_has_its_class() -> None:
    for writes, status in product((True, False), range(600)):
        if 200 <= status <= 299:
            expected = StatusClass.LATER if status == 202 and writes else StatusClass.DONE
        elif status in (401, 403):
            expected = StatusClass.SIGN_IN
        elif status in EXCLUDES_ACTING:
            expected = StatusClass.EXCLUDES
        elif status == 429:
            expected = StatusClass.LIMIT
        elif 400 <= status <= 499 and status not in (408, 425):
            expected = StatusClass.CLIENT
        else:
            expected = StatusClass.SERVER
        assert status_class(status, writes=writes) is expected, status


def test_only_the_listed_statuses_prove_a_refusal_without_a_message() -> None:
    """The statuses of the table, and no others: other answers are unreadable, or not read at all."""
    proving = {
        status
        for status in range(100, 600)
        if transport_verdict(evidence(b"", status), asks=False) is None
        and read_change(b"<html>No</html>", status).verdict is Verdict.REFUSED
    }
    assert proving == set(EXCLUDES_ACTING)


# --- BonifiQ, cell by cell ---


def read_change(answer: object, status: int) -> Reading[object]:
    return AnswerReader().read(bonifiq.CHANGE_CASHBACK, evidence(answer, status))


def read_removal(answer: object, status: int) -> Reading[object]:
    return AnswerReader().read_removal(bonifiq.REMOVE_CHECKOUT_CASHBACK, evidence(answer, status))


def flags_of() -> Iterator[tuple[Declared, Json]]:
    """Yield every combination of the flags as members, and its meaning in the page's table."""
    for (of, warning), row in DECLARED.items():
        for error, flags in zip(HAS_ERROR, row, strict=True):
            given = {"Severity": of, "HasWarning": warning, "HasError": error}
            yield flags, {name: value for name, value in given.items() if value is not None}


FLAGS = list(flags_of())
AGAINST: Mapping[Denied, list[tuple[Json, Json]]] = {
    Denied.NOT: [
        ({}, {}),
        ({"ErrorMessage": None, "ErrorCode": None, "Code": "05", "CodeName": "Changed"}, {"Error": None}),
        ({"ErrorMessage": " ", "CodeName": "NoError"}, {"Error": ""}),
    ],
    Denied.CUSTOMER: [({}, {"CustomerExists": False})],
    Denied.YES: [
        ({"ErrorCode": 7}, {}),
        ({"ErrorMessage": "nothing was changed"}, {}),
        ({"CodeName": "CustomerNotFound"}, {}),
        ({"CodeName": "Points_PointsCannotBeZero"}, {}),
        ({}, {"Error": "No budget"}),
        ({}, {"Success": False}),
    ],
}
"""Members beside the flags that deny a success: in the envelope, and in `Result`."""
FOR: Mapping[Shown, list[tuple[Json, Json | None]]] = {
    Shown.NOTHING: [({}, None), ({}, {}), ({}, {"RedeemKey": None, "New": 1})],
    Shown.RESULT: [({}, {"CashbackBalance": 1.5}), ({}, {"PointsBalance": 7, "CustomerExists": True})],
    Shown.SUCCESS: [({}, {"Success": True}), ({"CodeName": "CashbackChangedSuccessfully"}, {})],
}
"""Members that confirm one."""


def answers(flags: Json, denies: Denied, shows: Shown) -> Iterator[Json]:
    """Yield the answers of one cell; a member that confirms and denies at once is left out."""
    for (outer, inner), (more, result) in product(AGAINST[denies], FOR[shows]):
        if outer.keys() & more.keys() or inner.keys() & (result or {}).keys():
            continue
        whole = {**inner, **(result or {})} if result is not None or inner else None
        yield {**flags, **outer, **more, "Result": whole}


@one_test
@pytest.mark.parametrize("group", StatusClass)
@pytest.mark.parametrize(("flags", "members"), FLAGS, ids=[json.dumps(members) for _, members in FLAGS])
def test_every_cell_of_a_change(flags: Declared, members: Json, group: StatusClass) -> None:
    for denies, row in envelope.STATES[flags].items():
        for shows, statement in zip(Shown, row, strict=True):
            for answer in answers(members, denies, shows):
                reading = read_change(answer, OF[group])
                expected = PROVES[statement][group]
                assert reading.verdict is expected, (answer, statement)
                assert (reading.result is not None) <= (expected is Verdict.ACCEPTED)


def test_every_cell_is_reached() -> None:
    """By some combination of members; otherwise no test would cover its row."""
    met = {flags for flags, _ in FLAGS}
    assert met == set(Declared) == set(envelope.STATES)
    for denies, shows in product(Denied, Shown):
        assert list(answers({}, denies, shows))


def test_a_missing_result_is_applied_only_where_both_flags_say_so() -> None:
    """Null and an empty object are one: `Result` is nullable, and `Severity` 0 means that it is done."""
    plain = {"ErrorMessage": None, "ErrorCode": None, "HasError": False}
    for result in (None, {}):
        for more, applied in (
            ({"Severity": 0}, True),
            ({"Severity": 0, "HasWarning": False, "Code": None, "CodeName": None}, True),
            ({}, False),
            ({"Severity": 1, "HasWarning": True}, False),
            ({"Severity": 7}, False),
        ):
            reading = read_change({**plain, **more, "Result": result}, 200)
            assert (reading.verdict is Verdict.ACCEPTED) is applied
    assert read_change({"HasError": False, "Severity": 0}, 200).verdict is Verdict.ACCEPTED
    assert read_change({"Severity": 0, "Result": None}, 200).verdict is Verdict.UNREADABLE


def test_a_read_needs_what_was_asked_for() -> None:
    """A missing balance is no answer; the balance of an unknown customer is one."""
    for result, verdict in (
        (None, Verdict.UNREADABLE),
        ({}, Verdict.UNREADABLE),
        ({"New": 1}, Verdict.UNREADABLE),
        ({"CustomerExists": False}, Verdict.ACCEPTED),
        ({"CustomerExists": False, "PointsBalance": 0}, Verdict.ACCEPTED),
    ):
        answer = evidence({"HasError": False, "Severity": 0, "Result": result})
        assert AnswerReader().read(bonifiq.POINTS, answer).verdict is verdict
    assert AnswerReader().read(bonifiq.POINTS, evidence({"CustomerExists": False}, 202)).result is not None


def cells_of_a_removal() -> Iterator[tuple[str | None, bool | None, Removed]]:
    codes = {of: [code for code, each in SEVERITIES.items() if each is of] for of in Severity}
    for of, row in REMOVED.items():
        for code in [None, "99"] if of is None else codes[of]:
            for success, told in zip(SUCCESS, row, strict=True):
                yield code, success, told


def fits(code: str | None, flags: Declared) -> bool:
    """Say whether the page has a code under such flags."""
    of = SEVERITIES.get(code or "")
    return (
        of is None
        or flags not in (Declared.COMPLETED, Declared.WARNING)
        or (of is (Severity.SUCCESS if flags is Declared.COMPLETED else Severity.WARNING))
    )


@one_test
@pytest.mark.parametrize("group", StatusClass)
@pytest.mark.parametrize(("flags", "members"), FLAGS, ids=[json.dumps(members) for _, members in FLAGS])
def test_every_cell_of_a_removal(flags: Declared, members: Json, group: StatusClass) -> None:
    for code, success, told in cells_of_a_removal():
        for more in ({}, {"ErrorCode": 7}, {"ErrorMessage": "It was not removed"}):
            denies = told is Removed.CONTRADICTED or not fits(code, flags) or "ErrorCode" in more
            denies = denies or (
                "ErrorMessage" in more and (flags is not Declared.WARNING or told is Removed.YES)
            )
            shows = Shown.NOTHING if told is Removed.UNSAID else Shown.RESULT
            if flags in (Declared.FAILURE, Declared.DIVIDED):
                shows = Shown.SUCCESS if code == "07" or success else Shown.NOTHING
            statement = envelope.states(flags, Denied.YES if denies else Denied.NOT, shows)
            if statement is Statement.COMPLETED:
                statement = Statement.UNSAID
            result = None if success is None else {"Success": success}
            answer = {**members, **more, "Code": code, "Result": result}
            if statement is Statement.UNSAID and "ErrorMessage" in more and OF[group] >= 400:
                statement = Statement.WORDS
            if told is Removed.NO and OF[group] >= 400 and flags not in (Declared.FAILURE, Declared.DIVIDED):
                statement = Statement.OUT_OF_STEP
            reading = read_removal(answer, OF[group])
            assert reading.verdict is PROVES[statement][group], (answer, statement)
            if reading.verdict is Verdict.ACCEPTED:
                assert reading.result.removed is (told is Removed.YES)
                assert reading.result.code == code


# --- Raba7ni, cell by cell ---


RESULTS: Mapping[Data, list[Json]] = {
    Data.MISSING: [{}, {"data": None}],
    Data.EMPTY: [{"data": {}}, {"data": []}, {"data": {"new": 1, "new_balance": None}}],
    Data.RESULT: [{"data": {"new_balance": 1.5}}, {"data": {"transaction_id": 7}}],
}
ERRORS: Mapping[bool, list[Json]] = {
    False: [{}, {"error": None}, {"error": {}}, {"error": ""}],
    True: [
        {"error": {"code": "no", "message": "No budget"}},
        {"error": "No budget"},
        {"error": {"message": "No"}},
    ],
}
STATED: Mapping[bool | None, list[Json]] = {
    True: [{"success": True}],
    False: [{"success": False}],
    None: [{}, {"success": None}, {"success": 1}, {"success": "true"}],
}


@one_test
@pytest.mark.parametrize("group", StatusClass)
@pytest.mark.parametrize(
    "operation", [raba7ni.EARN, raba7ni.REDEEM, raba7ni.REFUND], ids=lambda each: each.name
)
def test_every_cell_of_a_write(operation: Operation[object], group: StatusClass) -> None:
    for (success, error), row in raba7ni_envelope.STATES.items():
        for data, statement in zip(Data, row, strict=True):
            for told, named, result in product(STATED[success], ERRORS[error], RESULTS[data]):
                answer = {**told, **named, **result}
                reading = Raba7niReader().read(operation, evidence(answer, OF[group]))
                expected = PROVES[statement][group]
                if result == {"data": []} and expected is Verdict.ACCEPTED:
                    expected = Verdict.UNREADABLE  # an empty list is no payload
                assert reading.verdict is expected, (answer, statement)


# --- statements on the key, and bodies of any form ---

USED = "ChangeKey already used"
KEYS = {
    Statement.USED_KEY: USED,
    Statement.IN_PROGRESS: "A request with this ChangeKey is still being processed",
    Statement.OPEN_KEY: "ChangeKey already used. The change was reversed",
}


@one_test
@pytest.mark.parametrize("group", StatusClass)
@pytest.mark.parametrize("statement", KEYS)
def test_every_cell_of_a_statement_on_a_key(statement: Statement, group: StatusClass) -> None:
    words = KEYS[statement]
    for answer in (
        {"HasError": True, "Severity": 2, "ErrorMessage": words},
        {"HasError": False, "ErrorMessage": words},
        {
            "HasError": False,
            "Severity": 1,
            "HasWarning": True,
            "ErrorMessage": words,
            "Result": {"Name": "Ana"},
        },
        {"HasError": True, "Result": {"Error": words}},
    ):
        reading = read_change(answer, OF[group])
        shows_one = group is StatusClass.SIGN_IN and answer.get("Severity") == 1
        expected = Verdict.UNREADABLE if shows_one else PROVES[statement][group]
        assert reading.verdict is expected, answer
        assert reading.said is not None and reading.said.message == words


BODIES: Mapping[Statement, list[object]] = {
    Statement.NOTHING: [
        b"",
        b"<html><body>No</body></html>",
        b"\xff\xfe",
        b"[]",
        b"{",
        b"{}",
        b'{"a":1}',
        b"null",
    ],
    Statement.TEXT: [b"Bad Request", b'"no"', b'["no","budget"]', b"<html><title>Bad Gateway</title></html>"],
    Statement.WORDS: [
        {"message": "no"},
        {"title": "Bad Request", "status": 400},
        {"type": "about:blank", "title": "No", "detail": "The budget is spent"},
        {"error": "invalid_request", "error_description": "no"},
        {"errors": {"Value": ["It must be a number"]}},
    ],
}


@one_test
@pytest.mark.parametrize("group", [group for group in StatusClass if OF[group] >= 400])
@pytest.mark.parametrize("statement", BODIES)
def test_every_cell_of_an_error_that_is_not_in_the_providers_form(
    statement: Statement, group: StatusClass
) -> None:
    expected = PROVES[statement][group]
    for body in BODIES[statement]:
        given = evidence(body, OF[group])
        readings = [
            read_change(body, OF[group]),
            read_removal(body, OF[group]),
            AnswerReader().read(bonifiq.POINTS, given),
            Raba7niReader().read(raba7ni.EARN, given),
        ]
        assert [reading.verdict for reading in readings] == [expected] * 4, body
        assert all((reading.said.message is None) is (statement is Statement.NOTHING) for reading in readings)


@pytest.mark.parametrize("group", [StatusClass.DONE, StatusClass.LATER])
def test_a_body_of_another_form_is_no_success(group: StatusClass) -> None:
    for body in (each for bodies in BODIES.values() for each in bodies):
        given = evidence(body, OF[group])
        assert read_change(body, OF[group]).verdict is Verdict.UNREADABLE
        assert Raba7niReader().read(raba7ni.EARN, given).verdict is Verdict.UNREADABLE


def test_every_statement_is_reached() -> None:
    """By a table of this module, so that each row of the second table is tested."""
    stated = {each for rows in envelope.STATES.values() for row in rows.values() for each in row}
    stated |= {each for row in raba7ni_envelope.STATES.values() for each in row}
    assert stated | set(KEYS) | set(BODIES) == set(Statement)
