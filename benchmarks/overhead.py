"""Client CPU of one cashback change against bare aiohttp: alternating runs, medians, and their ratio.

The server is a process of its own that sends a canned answer, so that its work is not counted.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from multiprocessing.connection import Connection

import aiohttp
from provider import REPLY, Requests

from bonifiq_async import BasicCredentials, BonifiQClient, CashbackChange


def serve(ready: Connection) -> None:
    """Serve until killed."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Requests(lambda each: each.reply(REPLY)), "127.0.0.1", 0
        )
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


async def spread(calls: int, in_flight: int, call: Callable[[int], Awaitable[object]]) -> float:
    """Make `calls` calls, `in_flight` at once, and return the CPU seconds of this process for each."""
    numbers = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await call(number)

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return (time.process_time() - began) / calls


async def ours(url: str, calls: int, in_flight: int) -> float:
    """One change through the client."""
    async with BonifiQClient(BasicCredentials("t", "k"), base_url=url) as client:

        async def call(number: int) -> None:
            change = CashbackChange.add(
                f"c{number}", Decimal("10.50"), reason="r", reference=f"{run}-{number}"
            )
            await client.customers.change_cashback(change)

        run = time.monotonic_ns()
        return await spread(calls, in_flight, call)


async def bare(url: str, calls: int, in_flight: int) -> float:
    """The same request by hand."""
    headers = {"Authorization": "Basic dDpr"}
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def call(number: int) -> None:
            body = {
                "Value": 10.5,
                "OperationType": 0,
                "Reason": "r",
                "ChangeKey": f"ADD-c{number}-10.5-{number}",
            }
            async with session.post(f"/v1/pvt/Customer/c{number}/cashback", json=body) as response:
                await response.json()

        return await spread(calls, in_flight, call)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(server.pid or 0, {1})
        os.sched_setaffinity(0, {0})
    url = f"http://127.0.0.1:{here.recv()}"
    figures: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(options.runs + 1):  # the first run of each warms up and is not counted
        for name, measure in (("ours", ours), ("bare", bare)):
            figures[name].append(1e6 * asyncio.run(measure(url, options.calls, options.in_flight)))
    server.terminate()
    ratios = [one / other for one, other in zip(figures["ours"][1:], figures["bare"][1:], strict=True)]
    rows = {name: values[1:] for name, values in figures.items()} | {"ratio": ratios}
    result = {name: (min(v), statistics.median(v), max(v)) for name, v in rows.items()}
    if options.json:
        print(json.dumps({"in_flight": options.in_flight, "calls": options.calls, **result}))
        return
    print(f"{options.calls} calls, {options.in_flight} in flight, {options.runs} runs: min, median, max")
    for name, (low, median, high) in result.items():
        unit = "" if name == "ratio" else " us CPU a call"
        print(f"{name:6} {low:8.2f} {median:8.2f} {high:8.2f}{unit}")


if __name__ == "__main__":
    main()
