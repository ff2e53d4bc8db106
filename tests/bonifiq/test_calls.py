"""Every operation by the client: what is sent is what the contract says, and what a lost answer leads to."""

import asyncio
import inspect
import json
import re
import warnings
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from all_calls import PUBLIC, SAMPLES, body_of
from conftest import fast, http, read_request
from contracts import CONTRACTS, Schema, validator

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQPublicClient,
    ConfigurationError,
    Outcome,
    OutcomeUnknownError,
    PointsChange,
    UnverifiedOperationWarning,
)
from bonifiq_async._model.operation import Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.calls.customers import CustomerRecords
from bonifiq_async.bonifiq.calls.fields import CancelFields, CustomerFields, OrderFields, PartFields
from bonifiq_async.bonifiq.calls.orders import Orders
from bonifiq_async.bonifiq.checkout import Checkout
from bonifiq_async.bonifiq.customers import Customers
from bonifiq_async.bonifiq.operations.table import OPERATIONS, documented
from bonifiq_async.bonifiq.schemas.customers import CreateCustomerRequest
from bonifiq_async.bonifiq.schemas.orders import CreateOrderRequest

CONTRACT = CONTRACTS["bonifiq"]
BY_METHOD = {documented(each).called: each for each in OPERATIONS}
QUIET = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
Serve = Callable[[Callable[..., Awaitable[None]]], Awaitable[str]]


@attrs.define
class Provider:
    """Reads requests, loses the first answers, and gives the same to all others."""

    answer: object
    lost: int = 0
    heads: list[str] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, body = await read_request(reader)
        self.heads.append(head.decode())
        self.bodies.append(body)
        if len(self.heads) > self.lost:
            writer.write(http(body_of(self.answer)))


async def called(name: str, url: str) -> object:
    """Make the call of an operation."""
    if name in PUBLIC:
        async with BonifiQPublicClient("token", base_url=url, retry=fast()) as client:
            return await PUBLIC[name][0](client)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, retry=fast()) as client:
        return await cast("Awaitable[object]", SAMPLES[name].call(client))


def test_every_operation_has_a_sample() -> None:
    assert set(SAMPLES) | set(PUBLIC) == set(BY_METHOD)


IN_OTHER_WORDS = {
    *("customers.outcome_of", "customers.outcome_on", "customers.points_outcome_on", "customers.prepared"),
    *(
        "customers.add_cashback",
        "customers.remove_cashback",
        "customers.add_points",
        "customers.remove_points",
    ),
    *("public.outcome_on", "orders.find"),
}
"""Methods that make the change of another one, or its read."""


def test_every_method_of_a_group_is_an_operation() -> None:
    """Both ways: no entry without its method, and no method that sends what has no entry."""
    found = {f"{group}.{name}" for group, kind in GROUPS.items() for name in methods_of(kind)}
    found |= {
        f"public.{name}" for name in vars(BonifiQPublicClient) if name in methods_of(BonifiQPublicClient)
    }
    assert found - IN_OTHER_WORDS == set(BY_METHOD)


def methods_of(kind: type[object]) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}


def groups() -> Mapping[str, type[object]]:
    """Return the classes of the groups that a client makes when they are first asked for."""
    client = BonifiQClient(BasicCredentials("t", "k"))
    names = [name for name, value in vars(BonifiQClient).items() if isinstance(value, cached_property)]
    made = {name: type(getattr(client, name)) for name in names if name != "operations"}
    return {"customers": Customers, "checkout": Checkout, **made}


GROUPS = groups()


@QUIET
async def test_each_call_sends_what_the_contract_says(raw_server: Serve) -> None:
    """Method, path, parameters and body; and the answer comes as its class."""
    for name, operation in BY_METHOD.items():
        answer, wanted = (
            (PUBLIC[name][1:]) if name in PUBLIC else (SAMPLES[name].answer, SAMPLES[name].result)
        )
        provider = Provider(answer)
        result = await called(name, await raw_server(provider.talk))
        if isinstance(result, Outcome):
            assert SAMPLES[name].outcome, name
            result = result.result
        found = result[0] if isinstance(result, tuple) else result
        assert type(found).__name__ == wanted, name
        method, target, _ = provider.heads[0].split("\r\n")[0].split(" ")
        parts = urlsplit(target)
        shape = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
        assert method == operation.method and re.fullmatch(shape, parts.path), name
        assert {key for key, _ in parse_qsl(parts.query)} <= set(operation.query), name
        assert_fits(operation, provider.bodies[0])


def assert_fits(operation: Operation[object], body: bytes) -> None:
    """Hold what was sent against the schema of the request."""
    endpoint = cast("dict[str, Schema]", CONTRACT["paths"][operation.path])[operation.method.lower()]
    held = cast("dict[str, dict[str, dict[str, Schema]]]", endpoint).get("requestBody")
    if held is None:
        assert body == b"", operation.name
        return
    schema = held["content"]["application/json"]["schema"]
    sent = json.loads(body)
    faults = [
        f"{fault.json_path}: {fault.message}" for fault in validator(CONTRACT, schema).iter_errors(sent)
    ]
    assert faults == [], operation.name
    if isinstance(sent, dict):
        whole = cast(Schema, CONTRACT["components"]["schemas"])[str(schema["$ref"]).rpartition("/")[2]]
        assert set(sent) <= set(cast(Schema, cast(Schema, whole)["properties"])), operation.name


@QUIET
async def test_what_a_lost_answer_leads_to(raw_server: Serve) -> None:
    """What is safe is asked again, what has a key is sent again as it was, the rest is unknown."""
    for name, operation in BY_METHOD.items():
        answer = PUBLIC[name][1] if name in PUBLIC else SAMPLES[name].answer
        provider = Provider(answer, lost=1)
        url = await raw_server(provider.talk)
        if operation.repeat is RepeatClass.NEVER:
            with pytest.raises(OutcomeUnknownError) as caught:
                await called(name, url)
            assert "not repeat it" in str(caught.value), name
            assert len(provider.heads) == 1, f"{name} was sent a second time"
            continue
        await called(name, url)
        assert len(provider.heads) == 2, name
        assert provider.bodies[0] == provider.bodies[1], name


async def test_what_was_not_seen_warns_once(raw_server: Serve) -> None:
    """At the line that calls it; not where its path is given."""
    url = await raw_server(Provider(SAMPLES["checkout.refresh"].answer).talk)
    paths = {"checkout.refresh": "/v1/pvt/Checkout/refresh"}
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url) as client:
        with warnings.catch_warnings(record=True, action="always") as found:
            for _ in range(2):
                await client.checkout.refresh("ana", "cart")
        assert [(each.category, each.filename) for each in found] == [(UnverifiedOperationWarning, __file__)]
        assert "by analogy" in str(found[0].message)
    provider = Provider(SAMPLES["checkout.refresh"].answer)
    async with BonifiQClient(
        BasicCredentials("t", "k"), base_url=await raw_server(provider.talk), paths=paths
    ) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await client.checkout.refresh("ana", "cart")
        replaced = {each.method_name: each.path for each in client.operations}
    assert provider.heads[0].startswith("POST /v1/pvt/Checkout/refresh ")
    assert replaced["checkout.refresh"] == paths["checkout.refresh"]


def by_its_own_line(client: BonifiQClient) -> object:
    return client.checkout.refresh("ana", "cart")


async def test_each_client_warns_by_itself(raw_server: Serve) -> None:
    """Once, whatever an earlier one of the process has shown; a list does at the line that asks for it."""
    url = await raw_server(Provider(SAMPLES["checkout.refresh"].answer).talk)
    lists = await raw_server(Provider(SAMPLES["reports.received_points"].answer).talk)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(2):
            async with BonifiQClient(BasicCredentials("t", "k"), base_url=url) as client:
                for _ in range(2):
                    await cast("Awaitable[object]", by_its_own_line(client))
            async with BonifiQClient(BasicCredentials("t", "k"), base_url=lists) as client:
                assert len([each async for each in client.reports.received_points()]) == 1
    assert [str(each.message).partition(":")[0] for each in found] == [
        "checkout.refresh",
        "reports.received_points",
    ] * 2
    assert {each.filename for each in found} == {__file__}


REPLACED = {
    "checkout.refresh": ("/v1/a", "POST /v1/a "),
    "customization.get": ("/v1/b?of=me", "GET /v1/b?of=me "),
    "pos.cancel_redeem_by_key": ("/v1/c/{originalKey}/d", "DELETE /v1/c/POS-1/d "),
    "reports.received_points": (
        "/v1/e?Page={pageNumber}&Size={pageSize}",
        "GET /v1/e?Page=1&Size=50 ",
    ),
    "tiers.benefits": ("/v1/f/{tierId}", "GET /v1/f/3 "),
}


@pytest.mark.parametrize("name", REPLACED)
async def test_where_a_parameter_stands_is_replaced_with_its_path(name: str, raw_server: Serve) -> None:
    """Also where it was taken for one of the query, whose place and spelling were not seen."""
    path, head = REPLACED[name]
    provider, sample = Provider(SAMPLES[name].answer), SAMPLES[name]
    async with BonifiQClient(
        BasicCredentials("t", "k"), base_url=await raw_server(provider.talk), paths={name: path}
    ) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await cast("Awaitable[object]", sample.call(client))
    assert provider.heads[0].startswith(head)


def test_every_path_that_was_not_seen_is_replaced_there() -> None:
    unverified = {
        documented(each).called for each in OPERATIONS if documented(each).certainty is Certainty.UNVERIFIED
    }
    assert unverified <= REPLACED.keys()


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("pos.cancel_redeem_by_key", "/v1/c/{key}", "have the parameters"),
        ("checkout.refreshed", "/x", "there is no operation"),
        ("customers.change_cashback", "/v1/pvt/Customer/{id}/other", "is documented"),
        ("checkout.refresh", "v1/x", "must begin with /"),
        ("orders.get", "/v1/pvt/Order/{id}", "have the parameters"),
        ("orders.get", "/v1/pvt/Order", "have the parameters"),
    ],
)
def test_a_path_that_cannot_be_used_is_refused(name: str, path: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        BonifiQClient(BasicCredentials("t", "k"), paths={name: path})


def test_what_is_given_by_name_is_what_is_sent() -> None:
    for fields, kind in ((CustomerFields, CreateCustomerRequest), (OrderFields, CreateOrderRequest)):
        assert set(fields.__annotations__) == {each.name for each in attrs.fields(kind)}
        needed = {each.name for each in attrs.fields(kind) if each.default is attrs.NOTHING}
        assert fields.__required_keys__ == needed


def test_help_lists_what_is_given_by_name() -> None:
    """A signature shows no more than the name of their class."""
    for method, fields in (
        *((Orders.create, OrderFields), (Orders.cancel, CancelFields), (Orders.cancel_partially, PartFields)),
        *((CustomerRecords.upsert, CustomerFields), (CustomerRecords.update, CustomerFields)),
    ):
        text = " ".join(str(method.__doc__).split())
        assert [name for name in fields.__annotations__ if f"`{name}`" not in text] == [], method


@pytest.mark.parametrize("more", [{}, {"value_to_refund": Decimal(1), "referense": "r"}])
async def test_a_part_by_names_that_do_not_fit(more: dict[str, object]) -> None:
    """As of any function: nothing is left out in silence, and no KeyError comes from within."""
    client = BonifiQClient(BasicCredentials("t", "k"))
    for method in (client.orders.cancel_partially, client.pos.cancel_order_partially):
        with pytest.raises(TypeError, match="value_to_refund" if not more else "referense"):
            await method("order-1", **more)


async def test_the_public_client_signs_in_by_its_token_alone(
    raw_server: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment, too; the token is shown nowhere, and nothing is changed with it."""
    provider = Provider(PUBLIC["public.points"][1])
    monkeypatch.setenv("BONIFIQ_BASE_URL", await raw_server(provider.talk))
    monkeypatch.setenv("BONIFIQ_PUBLIC_API_TOKEN", "canary-7319")
    async with BonifiQPublicClient.from_env() as client:
        await client.points("ana")
        with pytest.raises(ConfigurationError, match="changes nothing"):
            await client.outcome_of(PointsChange.add("ana", 1, reason="r", reference="1"))
        assert "canary" not in repr(client.__dict__)
    assert "x-bq-apitoken: canary-7319" in provider.heads[0].lower()
    assert "authorization" not in provider.heads[0].lower()
    monkeypatch.delenv("BONIFIQ_PUBLIC_API_TOKEN")
    with pytest.raises(ConfigurationError, match="BONIFIQ_PUBLIC_API_TOKEN"):
        BonifiQPublicClient.from_env()
    with pytest.raises(ConfigurationError, match="blank"):
        BonifiQPublicClient(" ")


@QUIET
async def test_a_list_is_read_as_far_as_it_is_asked_for(raw_server: Serve) -> None:
    """One page at a time, and no page beyond the last item that is taken."""
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        number = int(dict(parse_qsl(urlsplit(head.split(b" ")[1].decode()).query))["PageNumber"])
        asked.append(number)
        items = [{"Title": f"{number}-{each}"} for each in range(3)]
        page = {"Items": items, "TotalItemCount": 9, "PageNumber": number, "HasNextPage": number < 3}
        writer.write(http(body_of(page)))

    url = await raw_server(talk)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url) as client:
        found = client.customers.history("ana", page_size=3)
        assert [(await anext(found)).title for _ in range(4)] == ["1-0", "1-1", "1-2", "2-0"]
        assert asked == [1, 2]
        await found.aclose()
        assert [line.title async for line in client.customers.history("ana", page_size=3)][-1] == "3-2"
    assert asked == [1, 2, 1, 2, 3]
