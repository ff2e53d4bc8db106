"""A body as JSON or text, whatever its bytes, and the message of an error under any of its names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import PayloadError, Verdict
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Refusal
from bonifiq_async._policy.answer_body import (
    LONGEST,
    error_body,
    intercepted,
    is_nowhere,
    json_of,
    members_of,
    said_of,
    text_of,
)
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, REMOVE_CHECKOUT_CASHBACK
from bonifiq_async.raba7ni.answers import AnswerReader as Raba7niReader
from bonifiq_async.raba7ni.member import SignedIn
from bonifiq_async.raba7ni.operations import EARN, VERIFY_OTP

USED = "ChangeKey já utilizada"
PROBLEM = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": USED}


def answer(body: bytes, *types: str, status: int = 409) -> Evidence:
    headers = tuple(("Content-Type", each) for each in types)
    return Evidence(sent=True, requests=1, status=status, headers=headers, body=body)


ENCODED = {
    "UTF-8": ("utf-8", ()),
    "UTF-8 with a mark": ("utf-8-sig", ()),
    "UTF-16 with a mark": ("utf-16", ()),
    "UTF-16 with a mark, declared otherwise": ("utf-16", ("application/json; charset=utf-8",)),
    "UTF-32 with a mark": ("utf-32", ()),
    "UTF-16, big end first, declared": ("utf-16-be", ('application/problem+json; charset="UTF-16BE"',)),
    "Latin-1, declared": ("latin-1", ("application/problem+json;charset=ISO-8859-1",)),
    "Windows, declared": ("cp1252", ("application/json; profile=a; Charset = windows-1252",)),
    "UTF-8, and an unknown charset": ("utf-8", ("application/json; charset=x-unknown",)),
    "UTF-8, and a charset that is not asked": ("utf-8", ("application/json; charset=utf-7",)),
    "UTF-8, and no charset": ("utf-8", ("application/json",)),
}


@one_test
@pytest.mark.parametrize(("encoding", "types"), ENCODED.values(), ids=ENCODED.keys())
def test_json_is_read_in_its_charset(encoding: str, types: tuple[str, ...]) -> None:
    """The mark and the charset change neither the message of an error nor a success."""
    used = answer(json.dumps(PROBLEM, ensure_ascii=False).encode(encoding), *types)
    assert json_of(used) == PROBLEM
    reading = AnswerReader().read(CHANGE_CASHBACK, used)
    assert (reading.verdict, reading.said and reading.said.message) == (Verdict.DUPLICATE, USED)
    done = {"HasError": False, "Severity": 0, "Result": {"Name": "João", "CashbackBalance": 1}}
    yes = answer(json.dumps(done, ensure_ascii=False).encode(encoding), *types, status=200)
    applied = AnswerReader().read(CHANGE_CASHBACK, yes)
    assert (applied.verdict, applied.result and applied.result.name) == (Verdict.ACCEPTED, "João")


def test_a_byte_order_mark_changes_nothing_at_the_other_provider() -> None:
    yes = answer(b'\xef\xbb\xbf{"success":true,"data":{"new_balance":1}}', status=200)
    assert Raba7niReader().read(EARN, yes).verdict is Verdict.ACCEPTED
    token = answer('{"success":true,"token":"t"}'.encode("utf-16"), status=200)
    [verify, _] = VERIFY_OTP.values()
    signed_in = Raba7niReader().read_sign_in(verify, token).result
    assert isinstance(signed_in, SignedIn) and signed_in.token("token").reveal() == "t"


@pytest.mark.parametrize("body", [b"\xff", b"\xff\xfe\x00", b'{"a":"\xe1"}', b"\xef\xbb\xbf{"])
def test_what_is_no_json_in_any_charset(body: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        json_of(answer(body))
    assert caught.value.path == "$"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"'])
def test_members_are_those_of_an_object(body: bytes) -> None:
    with pytest.raises(PayloadError, match="no JSON object"):
        members_of(answer(body))


def test_a_deciding_member_must_occur_once_in_any_charset() -> None:
    twice = '{"HasError":true,"HasError":false}'.encode("utf-16")
    with pytest.raises(PayloadError, match="twice"):
        json_of(answer(twice), decisive=(b'"HasError"',))


TWICE = {
    "in itself": b'{"HasError":true,"HasError":false}',
    "as an object that hides another": b'{"Result":{"HasError":true},"a":{"Result":1,"Result":2}}',
    "deep below": b'{"a":[{"b":{"HasError":true,"HasError":false}}]}',
    "beside a colon that is escaped": b'{"a":"\\u003a","HasError":true,"HasError":false}',
    "beside what cannot be written": b'{"a":123456789012345678901234567890,"HasError":true,"HasError":false}',
    "with a time, whose colons are its own": b'{"HasError":true,"at":"10:00:00","HasError" : false}',
}


@pytest.mark.parametrize("body", TWICE.values(), ids=TWICE.keys())
def test_a_deciding_member_that_occurs_twice_is_noticed(body: bytes) -> None:
    with pytest.raises(PayloadError, match="twice"):
        json_of(answer(body), decisive=(b'"HasError"', b'"Result"'))


@pytest.mark.parametrize(
    "body", [b'{"HasError":true,"a":"10:00"}', b'{"a":{"HasError":1},"HasError":"x\\u003a"}']
)
def test_a_deciding_member_may_occur_in_several_objects(body: bytes) -> None:
    assert isinstance(json_of(answer(body), decisive=(b'"HasError"',)), dict)


SPELT = {
    "message": ({"message": USED}, USED),
    "Message": ({"Message": USED}, USED),
    "problem details": (PROBLEM, USED),
    "a title that says more than the status": (
        {"title": USED, "detail": "See the manual."},
        f"{USED}. See the manual.",
    ),
    "a title alone": ({"title": "Conflict", "status": 409}, "Conflict"),
    "OAuth": ({"error": "invalid_request", "error_description": USED}, f"invalid_request. {USED}"),
    "error with a message": ({"error": {"code": "E7", "message": USED}}, USED),
    "error without a message": ({"error": {"code": "E7", "field": USED}}, USED),
    "errors of fields": ({"errors": {"Value": [USED, "no"], "Reason": ["no"]}}, f"{USED}. no"),
    "errors as objects": ({"errors": [{"code": 1, "detail": USED}]}, USED),
    "errors as texts": ({"errors": [USED]}, USED),
    "ErrorMessages": ({"HasError": True, "ErrorMessages": [USED]}, USED),
    "error_message": ({"error_message": USED}, USED),
    "errorMessage": ({"errorMessage": USED}, USED),
    "in Portuguese": ({"erro": {"mensagem": USED}}, USED),
    "the same twice": ({"message": USED, "detail": USED}, USED),
    "beside an empty text": ({"message": USED, "traceId": "00-1", "status": 409, "ok": False}, USED),
    "on two lines": ({"message": "ChangeKey\n  já utilizada"}, USED),
}


SAID_OTHERWISE = {
    "Conflict": Verdict.REFUSED,
    f"invalid_request. {USED}": Verdict.UNREADABLE,  # the result is not stated
}


@one_test
@pytest.mark.parametrize(("members", "words"), SPELT.values(), ids=SPELT.keys())
def test_a_message_is_read_under_the_usual_names(members: dict[str, object], words: str) -> None:
    assert said_of(members, 409).message == words
    body = json.dumps(members).encode()
    verdict = AnswerReader().read(CHANGE_CASHBACK, answer(body)).verdict
    assert verdict is (
        Verdict.DUPLICATE if USED in words and "invalid" not in words else SAID_OTHERWISE[words]
    )
    assert AnswerReader().read_removal(REMOVE_CHECKOUT_CASHBACK, answer(body)).said is not None


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"code": "E7"}, "E7"),
        ({"Code": 7}, "7"),
        ({"error": {"code": "E7"}}, "E7"),
        ({"error": {"code": 0}}, "0"),
        ({"error": {"error": {"code": "deep"}}}, "deep"),
        ({"code": ""}, None),
        ({"code": True}, None),
        ({"code": {"x": "E7"}}, None),
        ({"errors": {"code": "E7"}}, None),
    ],
)
def test_the_code_of_an_error(members: dict[str, object], code: str | None) -> None:
    assert said_of(members, 400).code == code


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"status": 400},
        {"message": None},
        {"message": 7},
        {"message": " \t"},
        {"errors": []},
        {"error": {}},
    ],
)
def test_an_object_without_a_message(members: dict[str, object]) -> None:
    assert said_of(members, 400) == ErrorAnswer(400)


@one_test
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"ChangeKey already used", "ChangeKey already used"),
        (b"  Bad\r\n Request  ", "Bad Request"),
        (b'"no budget"', "no budget"),
        (b'["no budget", {"message": "x"}]', "no budget. x"),
        (b"<html><head><title>403 Forbidden</title></head></html>", "403 Forbidden"),
        (b"<html><body>no title</body></html>", None),
        (b"", None),
        (b"   ", None),
        (b'{"ErrorMessage":"cut', None),
        (b'["cut', None),
        (b"7", None),
        (b"\xff\xfe\x00", None),
        (b"x" * 9_999, "x" * LONGEST),
    ],
)
def test_a_message_that_is_in_no_object(body: bytes, words: str | None) -> None:
    found = error_body(answer(body))
    assert (found.members, found.words) == (None, words)


def test_a_message_is_searched_within_some_levels() -> None:
    deep: object = "no"
    for _ in range(900):
        deep = {"error": deep}
    assert said_of({"error": deep}, 400) == ErrorAnswer(400)


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ((), None),
        (("text/plain",), None),
        (("text/plain; charset=x-unknown",), None),
        (("text/plain; charset=utf-7",), None),
        (("text/plain; charset=zlib",), None),
        (("text/plain", "text/plain; charset=latin-1"), "já"),
        (("text/plain; charset=latin-1", "text/plain; charset=utf-8"), "já"),
    ],
)
def test_only_a_known_charset_is_used(types: tuple[str, ...], text: str | None) -> None:
    assert text_of(answer(b"j\xe1", *types)) == text


@given(st.binary(max_size=40), st.sampled_from(["", "text/plain; charset=utf-16", "x; charset=iso-8859-15"]))
def test_any_bytes_are_text_or_none(body: bytes, kind: str) -> None:
    found = text_of(answer(body, kind))
    assert found is None or isinstance(found, str)
    error_body(answer(body, kind))


PAGES = {
    "a page": b"<!DOCTYPE html><title>Blocked</title>",
    "a page after a mark and blanks": b"\xef\xbb\xbf\r\n <html>",
    "plain text": b"RBAC: access denied",
    "a number": b"1020",
    "neither text nor JSON": b"\xff\x00\xfe",
}
JSON = {
    "nothing": b"",
    "blanks": b" \r\n",
    "an object": b'{"message":"no"}',
    "an array": b"[]",
    "a text": b'"Forbidden"',
    "an object after a mark": b'\xef\xbb\xbf{"message":"no"}',
    "an object in UTF-16": '{"message":"não"}'.encode("utf-16"),
    "JSON that is cut": b'{"message":"n',
}


@one_test
@pytest.mark.parametrize("body", [*PAGES.values(), *JSON.values()], ids=[*PAGES, *JSON])
def test_the_origin_of_a_refusal(body: bytes) -> None:
    """A 403 is the provider's unless its body is no JSON; a 407 is a proxy's; others are as stated."""
    found = {status: intercepted(answer(body, status=status)) for status in (400, 401, 403, 404, 407, 451)}
    page = Refusal.PAGE if body in PAGES.values() else None
    assert found == {400: None, 401: None, 403: page, 404: None, 407: Refusal.PROXY, 451: None}


@pytest.mark.parametrize("status", [404, 405])
def test_a_404_of_an_unknown_address_shows_only_that(status: int) -> None:
    """A page, no text, or the name of the status; a code or another text is a provider's."""
    page = answer(b"<html>", status=status)
    plain = answer(b'{"message":"no"}', status=status)
    assert is_nowhere(page, ErrorAnswer(status, message="Customer 7 is unknown"))
    for said in (None, ErrorAnswer(status), ErrorAnswer(status, message=" 404: Not Found. ")):
        assert is_nowhere(plain, said)
    for said in (
        ErrorAnswer(status, message="Customer not found"),
        ErrorAnswer(status, code="E1"),
        ErrorAnswer(status, code_name="NoCustomer"),
        ErrorAnswer(status, error_code=0),
    ):
        assert not is_nowhere(plain, said)
    assert not is_nowhere(answer(b"<html>", status=400), None)
