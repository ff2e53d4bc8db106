"""What is decided before anything is sent or told: where it goes, whether it can go, and what is blotted."""

import copy
import pickle
from decimal import Decimal

import pytest

from bonifiq_async import ConfigurationError, MemberToken, Timeouts
from bonifiq_async._model.evidence import ErrorAnswer, Reading
from bonifiq_async._model.money import spelled
from bonifiq_async._model.outcome import Verdict
from bonifiq_async._model.redaction import Blotter
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import base_url_of, prepare
from bonifiq_async.raba7ni.operations import REDEEM

HOST = "https://cashback.example"


@pytest.mark.parametrize(
    ("value", "url"), [(None, HOST), ("http://127.0.0.1:8080/", "http://127.0.0.1:8080")]
)
def test_the_environment_says_where(value: str | None, url: str) -> None:
    assert base_url_of("CASHBACK_URL", value, HOST) == url


@pytest.mark.parametrize("value", ["", " ", "http://cashback.example", "nowhere"])
def test_a_setting_that_is_wrong_is_named(value: str) -> None:
    with pytest.raises(ConfigurationError, match="CASHBACK_URL"):
        base_url_of("CASHBACK_URL", value, HOST)


def test_a_secret_that_a_pickle_left_behind_is_not_sent() -> None:
    token = MemberToken("token-of-ana")
    assert prepare(REDEEM, HOST, {}, headers=(("X-Member-Token", copy.copy(token)),)).headers
    with pytest.raises(ConfigurationError):
        prepare(REDEEM, HOST, {}, headers=(("X-Member-Token", pickle.loads(pickle.dumps(token))),))


def test_whatever_an_answer_says_is_blotted() -> None:
    said = ErrorAnswer(400, "c-123", "n-123", 7, "m-123", "r-123")
    blotter = Blotter([Secret("123")])
    blotted = Reading(Verdict.REFUSED, said=said, path="$.123", problem="p-123").without(blotter)
    assert blotted.said == ErrorAnswer(400, "c-***", "n-***", 7, "m-***", "r-***")
    assert (blotted.path, blotted.problem, blotted.request_id) == ("$.***", "p-***", None)
    bare = Reading(Verdict.ACCEPTED, result=1)
    assert bare.without(blotter) == bare


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
