"""Decisions before a request is sent and an error shown: its address, its validity, and what is redacted."""

import copy
import pickle
from decimal import Decimal

import pytest
from attrs import evolve

from bonifiq_async import ConfigurationError, MemberToken, Timeouts
from bonifiq_async._model.evidence import ErrorAnswer, Reading
from bonifiq_async._model.money import spelled
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import base_url_of, prepare
from bonifiq_async.raba7ni.operations import REDEEM

HOST = "https://cashback.example"


@pytest.mark.parametrize(
    ("value", "url"), [(None, HOST), ("http://127.0.0.1:8080/", "http://127.0.0.1:8080")]
)
def test_the_environment_gives_the_address(value: str | None, url: str) -> None:
    assert base_url_of("CASHBACK_URL", value, HOST) == url


@pytest.mark.parametrize("value", ["", " ", "http://cashback.example", "nowhere"])
def test_a_setting_that_is_wrong_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match="CASHBACK_URL"):
        base_url_of("CASHBACK_URL", value, HOST)


def test_a_secret_that_was_lost_in_a_pickle_is_not_sent() -> None:
    token = MemberToken("token-of-ana")
    assert prepare(REDEEM, HOST, {}, headers=(("X-Member-Token", copy.copy(token)),)).headers
    with pytest.raises(ConfigurationError):
        prepare(REDEEM, HOST, {}, headers=(("X-Member-Token", pickle.loads(pickle.dumps(token))),))


def test_a_key_goes_where_the_provider_takes_it() -> None:
    """In a header that the operation names; a request without a key has no such header."""
    operation = evolve(REDEEM, key_header="Idempotency-Key")
    assert prepare(operation, HOST, {}, key="k-1").headers == (("Idempotency-Key", "k-1"),)
    assert prepare(operation, HOST, {}).headers == ()
    assert prepare(REDEEM, HOST, {}, key="k-1").headers == ()


QUERIES = {
    "none is given": ("/x", {}, "/x"),
    "all are left out": ("/x", {"page": None, "since": None}, "/x"),
    "one is left out": ("/x", {"page": "2", "since": None}, "/x?page=2"),
    "what has a meaning in a query is encoded": ("/x", {"page": "a&b=c d"}, "/x?page=a%26b%3Dc%20d"),
    "the path has a query": ("/x?kind=y", {"page": "2", "since": "3"}, "/x?kind=y&page=2&since=3"),
}


@pytest.mark.parametrize(("path", "query", "sent"), QUERIES.values(), ids=QUERIES)
def test_optional_parameters_follow_the_path(path: str, query: dict[str, str | None], sent: str) -> None:
    operation = evolve(REDEEM, path=path, query=("page", "since"))
    assert prepare(operation, HOST, {}, query=query).path == sent


def test_a_parameter_that_the_operation_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="has no parameter pages, sinse"):
        prepare(evolve(REDEEM, query=("page",)), HOST, {}, query={"sinse": "1", "pages": None, "page": "1"})


def test_a_path_has_all_its_parameters_each_in_one_segment() -> None:
    """A value that looks like a parameter, too; no path is sent with a name in place of a value."""
    operation = evolve(REDEEM, path="/{first}/{second}")
    path = prepare(operation, HOST, {"first": "{second}/%", "second": "é"}).path
    assert path == "/%7Bsecond%7D%2F%25/%C3%A9"
    with pytest.raises(KeyError):
        prepare(operation, HOST, {"first": "1"})


def test_every_text_of_an_answer_is_redacted() -> None:
    said = ErrorAnswer(400, "c-123", "n-123", 7, "m-123", "r-123")
    redactor = Redactor([Secret("123")])
    redacted = Reading(Verdict.REFUSED, said=said, path="$.123", problem="p-123").without(redactor)
    assert redacted.said == ErrorAnswer(400, "c-***", "n-***", 7, "m-***", "r-***")
    assert (redacted.path, redacted.problem, redacted.request_id) == ("$.***", "p-***", None)
    bare = Reading(Verdict.ACCEPTED, result=1)
    assert bare.without(redactor) == bare


SPELLED = {
    "1234.50": "1,234.50",
    "1E+1000000": "1E+1000000",
    "1." + "3" * 150: "about 1.333333333333E+0",
}


@pytest.mark.parametrize(("amount", "shown"), SPELLED.items())
def test_any_amount_can_be_shown(amount: str, shown: str) -> None:
    assert spelled(Decimal(amount)) == shown


def test_a_number_beyond_any_float_is_no_setting() -> None:
    with pytest.raises(ConfigurationError, match="call must be"):
        Timeouts(call=10**400)
