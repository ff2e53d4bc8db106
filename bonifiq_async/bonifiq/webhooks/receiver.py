"""One delivery: read, claimed by its Uuid, handled, noted, and answered in time.

The answer comes after the work. Whether BonifiQ delivers again what was not answered with 200 is not
documented: what is acknowledged before it is done is lost for good when the process ends in between. An event
is claimed in a ledger before it is handled, and noted there before it is acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._delivery.single_flight import checked_ledger
from bonifiq_async._log import logger
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError, LedgerError, PayloadError
from bonifiq_async.bonifiq.webhooks.event import LARGEST, WebhookEvent, parse
from bonifiq_async.bonifiq.webhooks.verifier import RequestHeaders, Verifier
from bonifiq_async.ledger.memory import MemoryLedger
from bonifiq_async.ledger.protocol import (
    Ending,
    Granted,
    Held,
    Intent,
    Ledger,
    Ruling,
    Settled,
    State,
    Unsettled,
)

DOCUMENTED = 30.0
"""Seconds after which BonifiQ takes a delivery for failed (page webhooks/00-configuracao)."""
WITHIN = 25.0
"""Seconds for reading and handling a delivery; the rest is for the ledger and for the network."""
PATIENCE = 2.0
"""Seconds that the ledger has to note what was handled."""
LOOK_AGAIN = 0.1
"""Seconds after which to ask again for an event that is being handled already."""
ACCOUNT = ("bonifiq webhooks", "webhooks")
"""The account of a ledger of events: no client's, so that no ledger of money counts an event."""

BodyReader = Callable[[], Awaitable[bytes]]
"""What gives the next bytes of a body, and none at its end."""


class WebhookReceiver:
    """Gives each event that `verifier` accepts to `handle`, and says with which status to answer.

    An event that was handled is not handled again, as long as `ledger` knows it: a `MemoryLedger` (the
    default) knows the last 100,000 of this process, a `SqliteLedger` all of every process that used its file.
    The file is for events alone, never that of a client. An event is handled again at its next delivery when
    `handle` raised, was cancelled, or ended with its process before the ledger had noted it: let what it
    does be safe to repeat, as a change with `reference=event.uuid` is.

    `handle` has `within` seconds and is cancelled then. Raises `ConfigurationError` for what cannot be meant.
    """

    def __init__(
        self,
        handle: Callable[[WebhookEvent], Awaitable[None]],
        verifier: Verifier,
        *,
        ledger: Ledger | None = None,
        within: float = WITHIN,
        runtime: Runtime | None = None,
    ) -> None:
        validation.function(handle, "handle", None, awaited=True)
        self._handle = handle
        self._verifier = verifier
        self._ledger = checked_ledger(MemoryLedger() if ledger is None else ledger)
        self._within = validation.seconds(within, "within", above_zero=True)
        if within > DOCUMENTED - PATIENCE:
            raise ConfigurationError(f"within must be at most {DOCUMENTED - PATIENCE:g} seconds.")
        self._sleep = (runtime or Runtime()).sleep
        self._bound = False

    def accepts(self, headers: RequestHeaders) -> bool:
        """Say whether a request comes from the subscription; one that does not is answered with 401."""
        accepted = self._verifier.check(headers)
        if not accepted:
            logger.warning("webhook refused: not the header of the subscription, %s", self._verifier)
        return accepted

    async def answer(self, read: BodyReader) -> int:
        """Return the status of a delivery whose headers are accepted, and whose body `read` gives.

        200: handled, now or before. 400: no event. 408: its body did not come in time. 503: not handled,
        since `handle` took too long, another call is at it, or the ledger cannot be used. What `handle`
        raises is raised.
        """
        until = asyncio.get_running_loop().time() + self._within
        try:
            async with asyncio.timeout_at(until):
                event = parse(await _whole(read))
        except PayloadError as error:
            logger.warning("webhook not read: %s", error)
            return 400
        except TimeoutError:
            return 408
        intent, limit = _intent(event), asyncio.timeout_at(until)
        try:
            async with limit:
                ruling = await self._claimed(intent)
                if isinstance(ruling, Granted):
                    await self._handled(event, intent, ruling.fence)
        except TimeoutError:
            if not limit.expired():
                raise  # it is the handler's own
            logger.warning("webhook %s not handled: %g s were not enough", event.uuid, self._within)
            return 503
        if isinstance(ruling, Granted):
            await self._note(intent, ruling.fence)
        elif not isinstance(ruling, Settled):
            logger.warning("webhook %s not handled: %s", event.uuid, ruling)
            return 503
        return 200

    async def _claimed(self, intent: Intent) -> Ruling:
        """Return what the ledger says of an event, once no other call is handling it."""
        lease = self._within + PATIENCE
        try:
            if not self._bound:
                await self._ledger.bind(*ACCOUNT)
                self._bound = True
            while isinstance(ruling := await self._ledger.claim(intent, lease=lease, repeatable=True), Held):
                await self._sleep(LOOK_AGAIN)
        except (ConfigurationError, LedgerError) as error:
            return Unsettled(str(error))
        return ruling

    async def _handled(self, event: WebhookEvent, intent: Intent, fence: int) -> None:
        try:
            await self._handle(event)
        except BaseException as error:  # a cancellation frees the claim, too
            self._ledger.leave(intent, fence, Ending(State.NOT_APPLIED, 1, error=type(error).__name__))
            raise

    async def _note(self, intent: Intent, fence: int) -> None:
        """Note that an event was handled; it is acknowledged even where that fails: to repeat it is worse."""
        problem = "another call has claimed it meanwhile"
        try:
            async with asyncio.timeout(PATIENCE):
                if await self._ledger.end(intent, fence, Ending(State.APPLIED, 1)):
                    return
        except LedgerError as error:
            problem = str(error)
        except TimeoutError:
            problem = f"the ledger has not taken it in {PATIENCE:g} s"
        logger.warning("webhook %s was handled, which may not be noted: %s", intent.key, problem)


async def _whole(read: BodyReader) -> bytes:
    """Return a body. Raises `PayloadError` for one that is too long, as soon as it is."""
    found = bytearray()
    while len(found) <= LARGEST and (piece := await read()):
        found += piece
    if len(found) > LARGEST:
        raise PayloadError(f"the body is longer than {LARGEST} bytes", path="$")
    return bytes(found)


def _intent(event: WebhookEvent) -> Intent:
    """Return what a ledger keeps of an event: its Uuid, and nothing of its customer."""
    return Intent(
        operation="webhook",
        key=event.uuid,
        digest=b"",
        customer_id="",
        value=Decimal(0),
        path="",
        body=b"",
        account=ACCOUNT,
    )
