"""Only `reveal` returns a secret; the record of a request does not have it."""

import copy
import pickle
from collections.abc import Mapping

import attrs
import pytest
from tracebacks import rendered

from bonifiq_async import ConfigurationError, PayloadError
from bonifiq_async._model.evidence import Evidence
from bonifiq_async._model.json_codec import Names, encode, structure, wire_name
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import digest_of_kept, prepare
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK

CANARY = "canary-4711"


class Pin(Secret):
    """Another class of secret."""


@attrs.frozen
class Body:
    """A payload with a secret in it."""

    card_id: int = 1
    pin: Pin | None = None
    extra: Mapping[str, object] | None = None
    anything: object = None


def test_only_reveal_shows_it() -> None:
    """No way to print a value shows it."""
    pin = Pin(CANARY)
    assert pin.reveal() == CANARY
    assert {repr(pin), str(pin), f"{pin}", repr(Body(pin=pin)).partition("pin=")[2][:10]} == {
        "Pin('***')",
        "Pin('***')"[:10],
    }


def test_a_pickle_does_not_have_it() -> None:
    """The unpickled value is a placeholder that cannot be sent."""
    held = pickle.dumps(Body(pin=Pin(CANARY)))
    assert CANARY.encode() not in held
    with pytest.raises(ConfigurationError, match="pickled"):
        pickle.loads(held).pin.reveal()


def test_a_copy_keeps_it() -> None:
    """A copy stays in this process."""
    body = Body(pin=Pin(CANARY))
    assert copy.deepcopy(body).pin.reveal() == copy.copy(body.pin).reveal() == CANARY


def test_kinds_and_values_differ() -> None:
    """A PIN is not another secret with the same text."""
    assert Pin("1") == Pin("1") != Pin("2")
    assert Pin("1") != Secret("1")
    assert len({Pin("1"), Pin("1"), Secret("1")}) == 2
    assert Pin.of(Pin("1")) == Pin.of("1")


@pytest.mark.parametrize("wrong", [f"{CANARY}\n", "", " ", 4711, None], ids=repr)
@pytest.mark.parametrize("make", [Pin, Pin.of])
def test_what_is_refused_is_not_shown(make, wrong) -> None:
    """Neither in the message nor in the locals of the frames of the error."""
    given = [wrong]
    with pytest.raises(PayloadError) as caught:
        make(given.pop())
    error = caught.value.with_traceback(caught.tb.tb_next)  # without this frame, which has it
    assert CANARY not in rendered(error) + repr(error)
    assert error.path == "Pin"


def test_it_is_on_the_wire_and_read_from_it() -> None:
    """A secret must reach the provider."""
    body = Body(pin=Pin(CANARY))
    assert CANARY.encode() in encode(body, Names.SNAKE)
    assert structure({"pin": CANARY}, Body, names=Names.SNAKE) == body
    with pytest.raises(PayloadError) as caught:
        structure({"pin": " "}, Body, names=Names.SNAKE)
    assert caught.value.path == "$.pin"


@pytest.mark.parametrize(("names", "written"), [(Names.PASCAL, "CardId"), (Names.SNAKE, "card_id")])
def test_names_are_spelt_as_the_provider_does(names: Names, written: str) -> None:
    """Both ways, and in the path of a fault."""
    assert wire_name("card_id", names) == written
    assert encode(Body(card_id=7), names) == f'{{"{written}":7}}'.encode()
    assert structure({written: 7}, Body, names=names).card_id == 7
    with pytest.raises(PayloadError) as caught:
        structure({written: "7"}, Body, names=names)
    assert caught.value.path == f"$.{written}"


def test_members_without_a_type_are_kept_as_they_are() -> None:
    """Where the provider does not document their values."""
    read = structure({"anything": [1], "extra": {"a": {}}}, Body, names=Names.SNAKE)
    assert (read.anything, read.extra) == ([1], {"a": {}})
    with pytest.raises(PayloadError) as caught:
        structure({"extra": [1]}, Body, names=Names.SNAKE)
    assert caught.value.path == "$.extra"


def test_the_record_replaces_the_body_in_the_ledger() -> None:
    """The digest is the same for every PIN, so that a PIN cannot be found by trying all."""
    requests = [
        prepare(CHANGE_CASHBACK, "https://host", {"id": "a"}, Body(pin=Pin(text)), record=Body())
        for text in ("1234", "9999")
    ]
    assert requests[0].body != requests[1].body
    assert requests[0].kept == requests[1].kept == encode(Body())
    assert len({digest_of_kept(each.method, each.path, each.kept) for each in requests}) == 1


def test_answers_and_header_values_are_not_in_a_repr() -> None:
    """An answer can hold a one-time code, and a header a member's token."""
    headers = (("X-Member-Token", Secret(CANARY)),)
    request = prepare(CHANGE_CASHBACK, "https://host", {"id": "a"}, Body(), headers=headers)
    evidence = Evidence(sent=True, requests=1, status=200, body=CANARY.encode())
    assert CANARY not in repr(request) + repr(evidence)
