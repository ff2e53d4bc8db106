"""The clients that are compared: each applies the same change in the way its own documentation shows.

All have a pool as wide as the calls in flight; httpx keeps its default of 20 idle connections, which
costs it less than keeping more. They are imported where they run, so that no client pays for
the modules of another.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

from attrs import frozen
from method import Drive, Reading, loops, read, spread_over

HEADERS = {"Authorization": "Basic dDpr"}
BALANCE = 10.5
"""What the provider always answers."""

Opened = Callable[[str, int], AbstractAsyncContextManager[Drive]]


@frozen
class Contestant:
    """A client: how it is opened for a URL and a width, what it imports, and what generates it, if so."""

    name: str
    opened: Opened
    needs: tuple[str, ...] = ()
    generated_by: str | None = None
    ours: bool = False


def path(number: int) -> str:
    """Return the path of a change."""
    return f"/v1/pvt/Customer/c{number}/cashback"


def payload(run: int, number: int) -> dict[str, object]:
    """Return a change as a program without a client library writes it."""
    key = f"ADD-c{number}-10.5-{run}.{number}"
    return {"Value": 10.5, "OperationType": 0, "Reason": "r", "ChangeKey": key}


def sees(balance: object) -> None:
    """Fail when an answer was not read."""
    if balance != BALANCE:
        raise AssertionError(f"the balance was read as {balance!r}")


@asynccontextmanager
async def single(url: str, width: int) -> AsyncIterator[Drive]:
    """This client, one call for each change."""
    from bonifiq_async import BasicCredentials, BonifiQClient, CashbackChange, PoolLimits

    pool = PoolLimits(connections=width)
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url, pool=pool) as client:

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                change = CashbackChange.add(
                    f"c{number}", Decimal("10.50"), reason="r", reference=f"{run}.{number}"
                )
                outcome = await client.customers.change_cashback(change)
                if outcome.result is None or outcome.result.cashback_balance is None:
                    raise AssertionError("no balance was read")

            await spread_over(width, changes, call)

        yield drive


def batch(durable: bool) -> Opened:
    """This client, as a batch, with a ledger in memory or in a file."""

    @asynccontextmanager
    async def opened(url: str, width: int) -> AsyncIterator[Drive]:
        from bonifiq_async import (
            BasicCredentials,
            BonifiQClient,
            CashbackBatch,
            CashbackChange,
            Effect,
            FlowControl,
            MemoryLedger,
            PoolLimits,
            SqliteLedger,
        )

        def source(run: int, changes: int) -> Iterator[CashbackChange]:
            for number in range(changes):
                yield CashbackChange.add(
                    f"c{number}", Decimal("10.50"), reason="r", reference=f"{run}.{number}"
                )

        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            ledger = SqliteLedger(Path(folder, "ledger")) if durable else MemoryLedger()
            await stack.enter_async_context(ledger)
            client = await stack.enter_async_context(
                BonifiQClient(BasicCredentials("t", "k"), base_url=url, pool=PoolLimits(connections=width))
            )

            async def drive(changes: int) -> None:
                flow = FlowControl(max_in_flight=width, initial=width)
                made = CashbackBatch(client, flow=flow, ledger=ledger)
                async for outcome in made.run(source(time.monotonic_ns(), changes)):
                    if outcome.effect is not Effect.APPLIED:
                        raise AssertionError(str(outcome.error))

            yield drive

    return opened


@asynccontextmanager
async def bare(url: str, width: int) -> AsyncIterator[Drive]:
    """The measure: aiohttp without a client library."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=width)
    async with aiohttp.ClientSession(url, headers=HEADERS, connector=connector) as session:

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                async with session.post(path(number), json=payload(run, number)) as response:
                    sees((await response.json())["Result"]["CashbackBalance"])

            await spread_over(width, changes, call)

        yield drive


@asynccontextmanager
async def with_backoff(url: str, width: int) -> AsyncIterator[Drive]:
    """Aiohttp in a function that backoff repeats."""
    import aiohttp
    import backoff

    connector = aiohttp.TCPConnector(limit=width)
    async with aiohttp.ClientSession(url, headers=HEADERS, connector=connector) as session:

        @backoff.on_exception(backoff.expo, (aiohttp.ClientError, TimeoutError), max_tries=6, max_time=60)
        async def change(number: int, body: dict[str, object]) -> dict[str, dict[str, object]]:
            async with session.post(path(number), json=body) as response:
                response.raise_for_status()
                answer: dict[str, dict[str, object]] = await response.json()
                return answer

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                sees((await change(number, payload(run, number)))["Result"]["CashbackBalance"])

            await spread_over(width, changes, call)

        yield drive


@asynccontextmanager
async def with_aiohttp_retry(url: str, width: int) -> AsyncIterator[Drive]:
    """Aiohttp through aiohttp-retry's client."""
    import aiohttp
    from aiohttp_retry import ExponentialRetry, RetryClient

    connector = aiohttp.TCPConnector(limit=width)
    async with aiohttp.ClientSession(url, headers=HEADERS, connector=connector) as session:
        client = RetryClient(client_session=session, retry_options=ExponentialRetry(attempts=6))

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                async with client.post(path(number), json=payload(run, number)) as response:
                    sees((await response.json())["Result"]["CashbackBalance"])

            await spread_over(width, changes, call)

        yield drive


@asynccontextmanager
async def with_httpx(url: str, width: int) -> AsyncIterator[Drive]:
    """Httpx without a client library."""
    import httpx

    limits = httpx.Limits(max_connections=max(100, width), max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, limits=limits, timeout=60) as client:

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                response = await client.post(path(number), json=payload(run, number))
                sees(response.json()["Result"]["CashbackBalance"])

            await spread_over(width, changes, call)

        yield drive


@asynccontextmanager
async def from_openapi_generator(url: str, width: int) -> AsyncIterator[Drive]:
    """The client that openapi-generator makes (aiohttp and pydantic)."""
    from generated_aiohttp import ApiClient, Configuration, CustomerApi, CustomerChangeCashbackRequest

    configuration = Configuration(host=url, username="t", password="k")
    configuration.connection_pool_maxsize = width
    async with ApiClient(configuration) as api:
        customers = CustomerApi(api)

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                body = CustomerChangeCashbackRequest(
                    value=10.5, operation_type=0, reason="r", change_key=f"ADD-c{number}-10.5-{run}.{number}"
                )
                sees((await customers.customer_change_cashback(f"c{number}", body)).result.cashback_balance)

            await spread_over(width, changes, call)

        yield drive


@asynccontextmanager
async def from_openapi_python_client(url: str, width: int) -> AsyncIterator[Drive]:
    """The client that openapi-python-client makes (httpx and attrs)."""
    import httpx
    from generated_httpx import AuthenticatedClient
    from generated_httpx.api.customer import customer_change_cashback
    from generated_httpx.models import ChangePointOperation, CustomerChangeCashbackRequest

    limits = httpx.Limits(max_connections=max(100, width), max_keepalive_connections=20)
    async with AuthenticatedClient(
        base_url=url,
        token="dDpr",
        prefix="Basic",
        timeout=httpx.Timeout(60),
        httpx_args={"limits": limits},
    ) as client:

        async def drive(changes: int) -> None:
            run = time.monotonic_ns()

            async def call(number: int) -> None:
                body = CustomerChangeCashbackRequest(
                    value=10.5,
                    operation_type=ChangePointOperation.VALUE_0,
                    reason="r",
                    change_key=f"ADD-c{number}-10.5-{run}.{number}",
                )
                answer = await customer_change_cashback.asyncio(f"c{number}", client=client, body=body)
                sees(answer.result.cashback_balance)

            await spread_over(width, changes, call)

        yield drive


MEASURE = "bare aiohttp"
CONTESTANTS = (
    Contestant(MEASURE, bare),
    Contestant("bare aiohttp, a second time", bare),
    Contestant("this client, single calls", single, ours=True),
    Contestant("this client, batch", batch(False), ours=True),
    Contestant("this client, batch with SQLite ledger", batch(True), ours=True),
    Contestant("aiohttp and backoff", with_backoff, ("backoff",)),
    Contestant("aiohttp-retry", with_aiohttp_retry, ("aiohttp_retry",)),
    Contestant(
        "openapi-generator, asyncio",
        from_openapi_generator,
        ("openapi_generator_cli", "pydantic", "dateutil", "aiohttp_retry"),
        "openapi-generator",
    ),
    Contestant("httpx by hand", with_httpx, ("httpx",)),
    Contestant(
        "openapi-python-client",
        from_openapi_python_client,
        ("openapi_python_client", "httpx"),
        "openapi-python-client",
    ),
)
"""The second bare aiohttp shows which differences the method itself cannot distinguish."""
BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}


def measure(name: str, url: str, width: int, loop: str, changes: int) -> Reading:
    """Measure one run of a contestant in this process."""

    async def run() -> Reading:
        async with BY_NAME[name].opened(url, width) as drive:
            return await read(drive, changes, width)

    with asyncio.Runner(loop_factory=loops()[loop]) as runner:
        return runner.run(run())
