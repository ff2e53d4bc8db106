"""How answers are read that are neither a balance nor a removal: each trap of the provider's pages."""

import copy
import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from all_calls import SAMPLES, enveloped
from conftest import fast, http, read_request
from one_test import one_test

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    CustomerNotFound,
    Effect,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
    Verdict,
)
from bonifiq_async._model.evidence import Evidence, Reading, Refusal
from bonifiq_async._model.operation import Operation
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.operations import catalogue, customers, orders, point_of_sale, public, redeems
from bonifiq_async.bonifiq.reading.cancels import read_cancel
from bonifiq_async.bonifiq.reading.pages import Turning, read_page
from bonifiq_async.bonifiq.reading.plain import read_any, read_array, read_sealed
from bonifiq_async.bonifiq.reading.refresh import read_refresh
from bonifiq_async.bonifiq.schemas.customers import CustomerHistoryItem, CustomerHistoryList
from bonifiq_async.bonifiq.schemas.pages import Unshaped
from bonifiq_async.bonifiq.schemas.redeems import CheckoutRefresh

Json = Mapping[str, object]
READER = AnswerReader()
ACCEPTED, REFUSED, UNREADABLE = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNREADABLE


def evidence(answer: object, status: int = 200) -> Evidence:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Evidence(sent=True, requests=1, status=status, body=body)


# --- a refresh ---

WARNING: Json = {"Severity": 1, "HasWarning": True}


def refreshed(code: str | None, removed: bool | None, **more: object) -> Reading[CheckoutRefresh]:
    result = None if removed is None else {"CashbackRemoved": removed, "CustomerMessage": "m"}
    answer = enveloped(result, **{"Code": code, **WARNING, **more})
    return read_refresh(READER, redeems.REFRESH_CHECKOUT, evidence(answer))


@one_test
@pytest.mark.parametrize(
    ("code", "removed", "kept", "gone"),
    [
        ("05", False, True, False),
        ("05", None, True, False),
        ("06", True, False, True),
        ("06", None, False, True),
        ("04", False, False, False),
        ("04", None, False, False),
        ("99", True, False, True),
        ("99", False, True, False),
    ],
)
def test_the_warnings_of_a_refresh_are_results(
    code: str, removed: bool | None, kept: bool, gone: bool
) -> None:
    """The good one is among them."""
    reading = refreshed(code, removed)
    assert reading.verdict is ACCEPTED
    assert (reading.result.kept, reading.result.removed, reading.result.code) == (kept, gone, code)


def test_a_refresh_of_the_older_envelope_is_read_by_its_result() -> None:
    answer = {"HasError": False, "ErrorMessage": None, "Result": {"CashbackRemoved": False}}
    reading = read_refresh(READER, redeems.REFRESH_CHECKOUT, evidence(answer))
    assert (reading.verdict, reading.result.kept) == (ACCEPTED, True)


@one_test
@pytest.mark.parametrize(
    ("code", "removed", "more"),
    [
        ("05", True, {}),  # kept, and taken off
        ("06", False, {}),
        ("04", True, {}),
        ("05", False, {"ErrorCode": 7}),
        ("05", False, {"Severity": 0, "HasWarning": False, "ErrorMessage": "it failed"}),
        (None, False, {"Severity": 0, "HasWarning": False, "ErrorMessage": "it failed"}),
        ("05", False, {"Severity": 2, "HasWarning": False}),  # a warning's code beside a failure
        (None, None, {}),  # it says nothing
        ("05", False, {"Severity": 0, "HasWarning": True}),
    ],
)
def test_a_refresh_that_contradicts_itself_proves_nothing(
    code: str | None, removed: bool | None, more: Json
) -> None:
    assert refreshed(code, removed, **more).verdict is UNREADABLE


def test_the_errors_of_a_refresh_are_refusals() -> None:
    """Also with their status, and named by the page where the answer has no name."""
    for status in (200, 400):
        answer = enveloped(None, Code="01", Severity=2, HasError=True)
        reading = read_refresh(READER, redeems.REFRESH_CHECKOUT, evidence(answer, status))
        assert (reading.verdict, reading.refusal) == (REFUSED, Refusal.CUSTOMER)
        assert reading.said is not None and reading.said.code_name == "CustomerNotFound"


# --- cancellations ---

DETAILS = {"Code": "RefundAboveOrder", "Message": "above", "ExpectedValue": 5, "ActualValue": 10}


def cancelled(operation: Operation[object], result: object, **more: object) -> Reading[object]:
    return read_cancel(READER, operation, evidence(enveloped(result, **more)))


def test_an_order_that_is_not_cancelled_is_a_result() -> None:
    for operation in (orders.CANCEL, point_of_sale.CANCEL_ORDER):
        reading = cancelled(operation, {"isCanceled": False, "Status": 9})
        assert (reading.verdict, reading.result.is_canceled, reading.result.status) == (ACCEPTED, False, 9)


def test_a_part_that_is_refused_within_a_success_is_refused() -> None:
    for operation in (orders.CANCEL_PARTIALLY, point_of_sale.CANCEL_ORDER_PARTIALLY):
        reading = cancelled(operation, {"isCanceled": False, "RefundErrorDetails": DETAILS})
        assert reading.verdict is REFUSED
        assert (reading.said.code_name, reading.said.message) == ("RefundAboveOrder", "above")


@one_test
@pytest.mark.parametrize(
    "result",
    [
        {"isCanceled": True, "RefundErrorDetails": DETAILS},  # done, and refused
        {"isCanceled": False},  # neither done, nor why not
        None,
    ],
)
def test_a_part_of_which_nothing_is_sure_proves_nothing(result: object) -> None:
    assert cancelled(orders.CANCEL_PARTIALLY, result).verdict is UNREADABLE


def test_a_part_that_was_taken_back_is_accepted() -> None:
    for result in ({"isCanceled": True}, {"Status": 3}):
        assert cancelled(orders.CANCEL_PARTIALLY, result).verdict is ACCEPTED


@one_test
@pytest.mark.parametrize(
    "answer",
    [
        enveloped({"RefundErrorDetails": {"Code": "CancelKeyAlreadyUsed"}}),
        enveloped(None, HasError=True, Severity=2, ErrorMessage="The CancelKey was already used."),
    ],
)
def test_a_used_key_is_a_duplicate_wherever_it_is_said(answer: Json) -> None:
    reading = read_cancel(READER, orders.CANCEL_PARTIALLY, evidence(answer))
    assert reading.verdict is Verdict.DUPLICATE


def test_a_key_is_used_by_its_own_name() -> None:
    """Words on another key say nothing of this one."""
    for name, operation in (("OriginalKey", point_of_sale.REDEEM), ("CancelKey", orders.CANCEL_PARTIALLY)):
        said = enveloped(None, HasError=True, Severity=2, ErrorMessage=f"{name} already used")
        assert READER.read(operation, evidence(said)).verdict is Verdict.DUPLICATE
        assert READER.read(customers.CHANGE_POINTS, evidence(said)).verdict is REFUSED


def test_a_redeem_without_its_number_is_no_success() -> None:
    """The vendor's own example takes a null result for a failure; a change of a balance needs none."""
    for operation in (point_of_sale.REDEEM, redeems.REDEEM_CHECKOUT):
        assert READER.read(operation, evidence(enveloped(None))).verdict is UNREADABLE
    assert READER.read(customers.CHANGE_POINTS, evidence(enveloped(None))).verdict is ACCEPTED


# --- the challenge, whose Code is the PIN ---

PIN = "471193"
SPOILT: Mapping[str, tuple[int, object]] = {
    "an error": (400, {"Success": False, "Code": PIN, "ErrorMessage": f"the PIN {PIN} was not sent"}),
    "a wrong type": (200, {"Success": "no", "Code": PIN}),
    "an envelope": (200, {"HasError": True, "Code": PIN, "ErrorMessage": f"{PIN}"}),
    "a body that is cut": (200, f'{{"Success":true,"Code":"{PIN}"'.encode()),
    "a server's error": (500, {"Code": PIN, "Message": PIN}),
    "an error with a result": (
        200,
        enveloped({"Code": PIN}, HasError=True, Severity=2, ErrorMessages=[f"PIN {PIN} not sent"]),
    ),
    "words alone": (400, enveloped(None, HasError=True, ErrorMessage=f"PIN {PIN[:3]} {PIN} not sent")),
    "a code name": (400, enveloped(None, HasError=True, CodeName=f"Pin{PIN}", ErrorMessage="no")),
    "a number": (200, enveloped({"Success": True, "Code": int(PIN)})),
}


@pytest.mark.parametrize(("status", "answer"), SPOILT.values(), ids=SPOILT.keys())
async def test_no_error_of_a_challenge_has_the_pin(
    status: int, answer: object, raw_server, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its text, nor what it keeps, nor the log, nor a pickle; and it is asked once."""
    caplog.set_level(logging.DEBUG)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    heads = []

    async def talk(reader, writer) -> None:
        heads.append(await read_request(reader))
        writer.write(http(body, status=f"{status} X"))

    url = await raw_server(talk)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, retry=fast()) as client:
        with pytest.raises(BonifiQError) as caught:
            await client.pos.challenge("ana")
    error = caught.value
    held = (repr(error), str(error), repr(error.__dict__), pickle.dumps(error), caplog.text)
    assert [PIN in str(each) for each in held] == [False] * len(held)
    assert len(heads) == 1
    assert getattr(error, "answer", None) in (None, b"")


def test_a_refused_challenge_says_which_code_it_was() -> None:
    said = enveloped({"Code": "Letters"}, HasError=True, CodeName="NoPhone", ErrorMessage="Letters")
    reading = read_sealed(READER, point_of_sale.CHALLENGE, evidence(said, 400))
    assert (reading.said.code_name, reading.said.message) == ("NoPhone", None)
    said["CodeName"] = "Letters"
    assert read_sealed(READER, point_of_sale.CHALLENGE, evidence(said, 400)).said.code_name is None


def test_a_wrong_pin_is_an_answer_in_an_envelope_too() -> None:
    """What is asked for is whether it was right; a failure beside it is a refusal."""
    for read, operation in (
        (AnswerReader.read, point_of_sale.VALIDATE_CHALLENGE),
        (read_sealed, point_of_sale.CHALLENGE),
    ):
        for flags in ({}, {"Severity": 0}, {"Severity": 1}):
            answer = {"HasError": False, "Result": {"Success": False}} | flags
            reading = read(READER, operation, evidence(answer))
            assert (reading.verdict, reading.result and reading.result.success) == (ACCEPTED, False)
        failed = enveloped({"Success": False}, HasError=True, Severity=2)
        assert read(READER, operation, evidence(failed)).verdict is REFUSED


def test_a_pin_is_revealed_by_request_alone() -> None:
    reading = read_sealed(READER, point_of_sale.CHALLENGE, evidence({"Success": True, "Code": PIN}))
    code = reading.result.code
    assert (code.reveal(), PIN in repr(reading)) == (PIN, False)
    assert not pickle.loads(pickle.dumps(code)).is_here and copy.deepcopy(code) is code


@pytest.mark.parametrize("status", [200, 400])
async def test_a_refusal_does_not_say_which_pin_is_right(status: int, raw_server) -> None:
    """Its other words stay."""
    words = enveloped(None, HasError=True, Severity=2, ErrorMessage=f"wrong: {PIN} was sent")

    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(json.dumps(words).encode(), status=f"{status} X"))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(talk)) as client:
        with pytest.raises(RefusedError, match=r"wrong: \*\*\* was sent") as caught:
            await client.pos.validate_challenge("ana", code="000000")
    assert PIN not in repr(caught.value.__dict__)


async def test_a_pin_that_was_typed_is_in_no_error(raw_server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(b'{"Success":7,"Said":"%s"}' % PIN.encode()))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(talk)) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.pos.validate_challenge("ana", code=PIN)
    assert PIN not in repr(caught.value.__dict__) + str(caught.value) + caplog.text


SAYING: Mapping[str, object] = {
    "a challenge": {
        "Success": True,
        "Code": PIN,
        "FriendlyErrorMessage": f"sent: {PIN}",
        "ErrorMessage": PIN,
    },
    "one in an envelope": enveloped({"Success": False, "Code": PIN, "FriendlyErrorMessage": f"not {PIN}"}),
    "one beside a warning": enveloped(
        {"Success": True, "Code": PIN}, Severity=1, HasWarning=True, ErrorMessage=f"PIN {PIN} sent late"
    ),
}


@pytest.mark.parametrize("answer", SAYING.values(), ids=SAYING.keys())
async def test_what_a_challenge_says_has_no_pin(
    answer: object, raw_server, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that is accepted has it as `code`, which nothing but `reveal` shows."""
    found = await answered(answer, raw_server, caplog, lambda client: client.pos.challenge("ana"))
    assert found.code.reveal() == PIN


@pytest.mark.parametrize(
    "answer",
    [
        {"Success": False, "FriendlyErrorMessage": f"{PIN} is wrong", "TransactionId": "t"},
        {"Success": True, "TransactionId": f"sale-{PIN}"},
        {"Success": False, "FriendlyErrorMessage": f"{PIN[:3]} {PIN[3:]} is wrong: 135790 was sent"},
        enveloped({"Success": False, "FriendlyErrorMessage": f"%3{PIN[0]}{PIN[1:]} is wrong"}),
    ],
)
async def test_what_is_said_of_a_typed_pin_has_no_pin(
    answer: object, raw_server, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a secret of the request, wherever the answer gives it back."""
    found = await answered(
        answer, raw_server, caplog, lambda client: client.pos.validate_challenge("ana", code=PIN)
    )
    assert "135790" not in repr(found)  # nor the right one


async def test_the_id_of_a_sale_stays_as_it_was_sent(raw_server) -> None:
    """Also where it has the digits of the PIN by chance: it is sent again with the PIN."""

    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(b'{"Success":true,"Code":"1234","TransactionId":"sale-1234"}'))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(talk)) as client:
        for sent, shown in (("sale-1234", "sale-1234"), (None, "sale-***")):
            assert (await client.pos.challenge("ana", transaction_id=sent)).transaction_id == shown
            checked = await client.pos.validate_challenge("ana", code="1234", transaction_id=sent)
            assert checked.transaction_id == shown


async def answered(answer, raw_server, caplog, call):
    """Return the result of a call; nothing that can be shown or kept of it has the PIN."""
    caplog.set_level(logging.DEBUG)

    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(json.dumps(answer).encode()))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(talk)) as client:
        found = await call(client)
    for shown in (repr(found), str(found), pickle.dumps(found), caplog.text, repr(attrs.asdict(found))):
        assert PIN not in str(shown)
    return found


# --- pages ---


def page(number: int | None, count: int, more: bool | None, total: int | None = None) -> CustomerHistoryList:
    items = tuple(CustomerHistoryItem(title=f"{number}-{each}") for each in range(count))
    return CustomerHistoryList(total, 2, number, more, items=items)


@one_test
@pytest.mark.parametrize(
    ("last", "goes_on"),
    [
        (page(1, 2, True, 4), True),
        (page(1, 2, False, 2), False),
        (page(1, 0, False, 0), False),
        (page(1, 2, None, 4), True),
        (page(1, 2, None, 2), False),
        (page(1, 2, None), True),  # a whole page, and no word of the next
        (page(1, 1, None), False),
        (page(None, 2, False), False),
        (page(1, 1, False, None), False),
    ],
)
def test_a_page_says_whether_there_is_another(last: CustomerHistoryList, goes_on: bool) -> None:
    assert Turning(2).after(1, last) == (2 if goes_on else None)


@one_test
@pytest.mark.parametrize(
    ("answered", "path"),
    [
        ([page(2, 2, True)], "$.PageNumber"),
        ([page(1, 0, True)], "$.HasNextPage"),
        ([page(1, 2, False, 3)], "$.TotalItemCount"),
        ([page(None, 2, True), page(None, 2, True)], "$.Items"),
    ],
)
def test_a_list_that_is_broken_is_named(answered: list[CustomerHistoryList], path: str) -> None:
    """Another page than the one that was asked for, one without an end, and one that ends too early."""
    turning = Turning(2)
    *before, last = answered
    for number, each in enumerate(before, 1):
        turning.after(number, each)
    with pytest.raises(PayloadError) as caught:
        turning.after(len(answered), last)
    assert caught.value.path == path


async def test_a_broken_list_is_named_with_its_call(raw_server) -> None:
    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(http(b'{"HasError":false,"PageNumber":2,"HasNextPage":true,"Items":[{"Title":"x"}]}'))

    async with BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(talk)) as client:
        with pytest.raises(PayloadError, match=r"^The call bonifiq\.customers\.history .* page 2 came"):
            await anext(client.customers.history("ana"))


def test_a_page_that_says_that_it_failed_is_refused() -> None:
    failed = {"Items": None, "HasError": True, "ErrorMessages": ["Customer not found"]}
    for operation in (customers.HISTORY, catalogue.PRODUCT_POINTS):
        reading = read_page(READER, operation, evidence(failed))
        assert reading.verdict is REFUSED and reading.said.message == "Customer not found"
    described = {"HasError": True, "ErrorDescriptions": [{"Description": 7, "Field": "Id", "FieldText": "?"}]}
    assert "Id" in read_page(READER, catalogue.PRODUCT_POINTS, evidence(described)).said.message


@one_test
@pytest.mark.parametrize("answer", [[], {"Other": 1}, b"<html>", b"", {"Items": "none"}])
def test_what_is_no_page_is_unreadable(answer: object) -> None:
    assert read_page(READER, customers.HISTORY, evidence(answer)).verdict is UNREADABLE


def test_an_array_is_read_as_such() -> None:
    assert (
        read_array(READER, public.PRODUCT_POINTS_LIST, evidence([{"Points": 1}])).result.items[0].points == 1
    )
    for other in ([{"Points": "1"}], {"Message": "no"}, b"\x00"):
        assert read_array(READER, public.PRODUCT_POINTS_LIST, evidence(other)).verdict is UNREADABLE


# --- what was never seen ---


def test_an_unknown_shape_is_kept_as_it_comes() -> None:
    for value in ([1, {"A": None}], {"Any": "thing"}, "text", 7):
        reading = read_any(READER, catalogue.TIER_BENEFITS, evidence(value))
        assert (reading.verdict, reading.result) == (ACCEPTED, Unshaped(value))


@one_test
@pytest.mark.parametrize("answer", [{"HasError": True}, {"Severity": 2}, {"Success": False}])
def test_an_unknown_shape_that_says_that_it_failed_is_refused(answer: Json) -> None:
    assert read_any(READER, redeems.REDEEM_CONFIGURATION, evidence(answer)).verdict is REFUSED


def test_what_is_taken_in_and_not_done_is_unknown() -> None:
    assert read_any(READER, redeems.REDEEM_CONFIGURATION, evidence({"A": 1}, 202)).verdict is UNREADABLE
    assert read_any(READER, catalogue.TIER_BENEFITS, evidence(b"\x00")).verdict is UNREADABLE


def test_numbers_without_a_name_stay_numbers() -> None:
    """Whether the page shows no names, or a new one came: a reward of kind 2, a state of 9."""
    rewards = {"Rewards": [{"RewardType": 2, "CannotUseReason": 77}, {"RewardType": 3}]}
    found = READER.read(point_of_sale.AVAILABLE_REWARDS, evidence(rewards)).result.rewards
    assert [(type(each.reward_type).__name__, each.reward_type) for each in found] == [
        ("int", 2),
        ("RewardType", 3),
    ]
    order = READER.read(orders.GET, evidence({"State": 9, "Origin": 4})).result
    assert (order.state, order.origin.name) == (9, "OFFLINE_INTEGRATION")
    history = read_page(READER, customers.HISTORY, evidence({"Items": [{"PointType": 31}]})).result
    assert history.items[0].point_type == 31


def test_a_yes_may_be_a_boolean_or_an_object() -> None:
    for result, done, tier in ((True, True, None), ({"TierId": 3}, None, 3), (None, None, None)):
        read = READER.read(customers.CHANGE_TIER, evidence(enveloped(result))).result
        assert (read.done, read.tier_id) == (done, tier)
    status = READER.read(customers.CHANGE_STATUS, evidence(enveloped(False)))
    assert (status.verdict, status.result.done) == (ACCEPTED, False)


@one_test
@pytest.mark.parametrize(
    ("number", "name"),
    [
        (16, "Points_PointsCannotBeZero"),
        (0, "Campaign_InvalidDateRange"),
        (23, None),
        (-1, None),
        (None, None),
    ],
)
def test_an_error_is_named_by_its_number(number: int | None, name: str | None) -> None:
    """Where it has no name of its own, and as far as the table was seen."""
    answer = enveloped(None, HasError=True, Severity=2, ErrorMessage="no", ErrorCode=number)
    said = READER.read(customers.GET, evidence(answer)).said
    assert said is not None and (said.code_name, said.error_code) == (name, number)


def test_names_of_what_is_not_found() -> None:
    """Both spellings are a customer; a tier is none."""
    for name, refusal in (("Customer_NotFound", Refusal.CUSTOMER), ("Tier_NotFound", Refusal.OTHER)):
        answer = enveloped(None, HasError=True, Severity=2, CodeName=name)
        assert READER.read(customers.CHANGE_TIER, evidence(answer)).refusal is refusal


async def test_refusals_are_raised_and_what_follows_a_loss_is_unknown(raw_server) -> None:
    """A part that is refused after its first answer was lost may have been taken back."""
    answers = [b"", http(json.dumps(enveloped({"RefundErrorDetails": DETAILS})).encode())]

    async def talk(reader, writer) -> None:
        await read_request(reader)
        writer.write(answers.pop(0))

    url = await raw_server(talk)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, retry=fast()) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await SAMPLES["orders.cancel_partially"].call(client)
        assert client.in_doubt() == (caught.value.change_key,)
        answers.append(http(json.dumps(enveloped({"RefundErrorDetails": DETAILS})).encode()))
        with pytest.raises(RefusedError, match="RefundAboveOrder"):
            await client.orders.cancel_partially("o", value_to_refund=5, cancel_key="other")
        answers.append(http(b'{"HasError":true,"CodeName":"CustomerNotFound"}'))
        with pytest.raises(CustomerNotFound):
            await client.customers.get("none")
    assert caught.value.effect is Effect.UNKNOWN


def test_the_flags_of_a_refresh_may_be_left_out() -> None:
    """A code says what it says beside no flag at all."""
    answer = {"Code": "05", "Result": None}
    reading = read_refresh(READER, redeems.REFRESH_CHECKOUT, evidence(answer))
    assert (reading.verdict, reading.result.kept) == (ACCEPTED, True)


def test_an_error_has_no_shape_of_its_own() -> None:
    """Whatever would be read of a success."""
    failed = {"HasError": True, "ErrorMessage": "no"}
    for read, operation in (
        (read_page, customers.HISTORY),
        (read_any, catalogue.TIER_BENEFITS),
        (read_array, public.PRODUCT_POINTS_LIST),
        (read_cancel, orders.CANCEL),
        (read_sealed, point_of_sale.CHALLENGE),
    ):
        for status in (400, 404):
            assert read(READER, operation, evidence(failed, status)).verdict is REFUSED
    assert read_sealed(READER, point_of_sale.CHALLENGE, evidence(b"none", 404)).verdict is REFUSED


# --- the page ---

PAGE = (Path(__file__).parent.parent.parent / "docs" / "explanation" / "answers.md").read_text("utf-8")


def table(name: str) -> list[list[str]]:
    """Return the cells of a table of the page."""
    text = PAGE.partition(f"<!-- answers: {name} -->")[2].partition("<!-- end -->")[0]
    rows = [line.strip("| ").split(" | ") for line in text.strip().splitlines()[2:]]
    assert len(rows) > 3
    return [[cell.strip() for cell in row] for row in rows]


def test_the_page_has_what_a_refresh_says() -> None:
    words = {(True, False): "kept", (False, True): "removed", (False, False): "neither"}
    for code, *cells in table("refresh"):
        for removed, said in zip((None, False, True), cells, strict=True):
            reading = refreshed(None if "none" in code else code, removed)
            if reading.verdict is ACCEPTED:
                assert said == words[reading.result.kept, reading.result.removed]
            else:
                assert (said == "not said") is (removed is None) and said in ("not said", "a contradiction")


def test_the_page_has_what_a_cancellation_says() -> None:
    says = {"true": [True], "left out": [None], "false": [False], "false, or left out": [False, None]}
    for details, cancel, *cells in table("cancellation"):
        for done in says[cancel]:
            result = {"Status": 3, **({} if done is None else {"isCanceled": done})}
            result |= {"RefundErrorDetails": DETAILS} if details == "there" else {}
            for operation, said in zip((orders.CANCEL, orders.CANCEL_PARTIALLY), cells, strict=True):
                verdict = cancelled(operation, result).verdict
                expected = ACCEPTED if said.startswith("a success") else UNREADABLE
                assert verdict is (REFUSED if said == "a failure" else expected), (details, cancel, said)
