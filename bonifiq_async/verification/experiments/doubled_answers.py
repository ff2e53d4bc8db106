"""Answers that a proxy sends twice: each counts for its own change alone."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from urllib.parse import urlsplit

from attrs import frozen

from bonifiq_async._model.outcome import Effect, Outcome
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.bonifiq.payloads import CashbackChange, CustomerPoints
from bonifiq_async.verification.bench import Closed
from bonifiq_async.verification.finding import Experiment, Figures, Finding, Lab, experiment, found
from bonifiq_async.verification.keyed_provider import TITLE, keyed_bench

REFUSED = "no"
"""Keys of changes that the provider refuses begin so."""


@frozen
class Doubled:
    """The outcomes of changes whose answers came twice, and of those that followed on their connections."""

    outcomes: tuple[Outcome[CustomerPoints], ...]
    doubled: int
    closed: Closed


class _Doubler:
    """Passes on what comes, each way, and the last answer once more when it is asked to."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._last: tuple[socket.socket, bytes] | None = None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.doubled = 0

    def double(self) -> None:
        """Send the last answer again, now; the caller's event loop does not turn meanwhile."""
        if self._last is not None:
            line, answer = self._last
            line.sendall(answer)
            self.doubled += 1

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is doubled comes at once
                threading.Thread(target=self._pass_on, args=(line,), daemon=True).start()

    def stop(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, line: socket.socket) -> None:
        answer = b""
        with suppress(OSError), line, socket.create_connection(self._there) as there:
            while True:
                for ready in select.select([line, there], [], [])[0]:
                    if not (data := ready.recv(65_536)):
                        return
                    answer = b"" if ready is line else answer + data
                    if ready is there:
                        self._last = (line, answer)
                    (there if ready is line else line).sendall(data)


@contextmanager
def _doubler(url: str) -> Iterator[_Doubler]:
    made = _Doubler(url)
    serving = threading.Thread(target=made.serve, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        made.stop()
        serving.join()


async def double(lab: Lab) -> Doubled:
    """After each change that is accepted, its answer comes again; then follows one that is refused."""
    outcomes = list[Outcome[CustomerPoints]]()
    with (
        keyed_bench(f'[[fault]]\nfault = "400"\nkey = "{REFUSED}-*"\n') as provider,
        _doubler(provider.url) as way,
    ):
        async with BonifiQClient(provider.credentials, base_url=way.url) as client:
            for number in range(lab.scale.keys):
                for kind in ("yes", REFUSED):
                    change = CashbackChange(f"c-{kind}", Decimal(1), "doubled", f"{kind}-{number}")
                    outcomes.append(await client.outcome_of(change))
                    if kind != REFUSED:
                        way.double()
            lab.tell(f"{provider.arrived():,} requests")
        return Doubled(tuple(outcomes), way.doubled, provider.close())


def own_answer(record: Doubled) -> Finding:
    """A refusal is reported so, though a yes was on its connection; what is accepted is in the books."""
    effects = record.closed.effects()
    problems, lost = list[str](), 0
    for outcome in record.outcomes:
        key = outcome.change.change_key
        expected = Effect.REFUSED if key.startswith(REFUSED) else Effect.APPLIED
        lost += outcome.effect is Effect.APPLIED and not effects[key]
        if outcome.effect is not expected:
            problems.append(f"{key} was reported as {outcome.effect.value}, and is {expected.value}")
    figures = Figures(
        changes=len(record.outcomes),
        requests=len(record.closed.seen),
        faults=record.doubled,
        doubled=sum(count > 1 for count in effects.values()),
        lost=lost,
        unknown=sum(outcome.effect is Effect.UNKNOWN for outcome in record.outcomes),
    )
    return found(figures, problems, met=record.doubled, note=f"{record.doubled:,} answers came twice")


DOUBLED: Experiment = experiment(
    "doubled",
    TITLE,
    double,
    {"own-answer": ("an answer that is doubled counts for its own change alone", own_answer)},
)
"""Answers that something on the way doubles, while the program is too busy to read them."""
