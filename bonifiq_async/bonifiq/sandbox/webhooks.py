"""The webhooks that the provider posts of its books: what, to where, and again after a failure."""

import http.client
import ipaddress
import threading
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from attrs import field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.bonifiq.sandbox.books import BookedMove, Books

TIMEOUT = 30.0
"""Seconds after which a delivery counts as failed (page webhooks/00-configuracao)."""
EARNED = (3, "Communication_EarnPurchasePoints")
"""Number and name of a topic that the pages show."""
ADDED, REMOVED = (9000, "Sandbox_PointsAdded"), (9001, "Sandbox_PointsRemoved")
"""The pages say that added and removed points have topics; numbers, names and payloads are made up here."""
_PURCHASE = 0
"""The `ObjectiveType` of points for a purchase."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
NO_HEADERS: Mapping[str, str] = {}


@frozen
class WebhookDelivery:
    """What came of one event: the status of each attempt in order, None where there was no answer."""

    uuid: str
    topic: int
    statuses: tuple[int | None, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver acknowledged it: with 200, in time."""
        return self.statuses[-1:] == (HTTPStatus.OK,)


class Webhooks:
    """Posts the events of a sandbox's books; each change of a balance is one, the same at each delivery.

    What an order gives is posted as points earned by a purchase, which the pages show. Anything else that is
    added or removed, cashback or points, by hand, by a redeem or as an order is cancelled, is posted under
    numbers and names that are made up: the pages show neither, so a receiver must take these as open. Of
    points for a birthday the pages have a topic, but the sandbox gives none; of tiers and orders they have
    none.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._space = uuid.uuid4()
        self._accepted: set[int] = set()
        self._lock = threading.Lock()

    def deliver(
        self,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        attempts: int = 3,
        timeout: float = TIMEOUT,
        again: bool = False,
    ) -> tuple[WebhookDelivery, ...]:
        """Post what has not been accepted yet to `url`, the oldest first, with `headers`; return what came.

        Anything but a 200 within `timeout` seconds is a failure. An event that fails is posted again, at
        most `attempts` times; then the subscription is off, as BonifiQ's is after repeated failures, until
        the next call, which begins with that event. When and how often BonifiQ posts again is not
        documented. `again` posts what was accepted before, too. It waits for the answers: call it by
        `asyncio.to_thread` where the receiver is in the same loop.

        Raises `ConfigurationError` for a URL that is not http on loopback, and `attempts` below 1.
        """
        to = _receiver(url, headers, timeout)
        if type(attempts) is not int or attempts < 1:
            raise ConfigurationError(f"attempts must be a whole number above zero, not {attempts!r:.60}.")
        done = list[WebhookDelivery]()
        with self._lock:
            for moved in self._moves():
                if moved.identity in self._accepted and not again:
                    continue
                statuses = tuple(_tries(to, self._body(moved), attempts))
                done.append(WebhookDelivery(self._uuid(moved), _topic(moved)[0], statuses))
                if not done[-1].is_accepted:
                    break
                self._accepted.add(moved.identity)
        return tuple(done)

    def _moves(self) -> list[BookedMove]:
        """Return what moved cashback or points, the oldest first."""
        moves: list[BookedMove] = [*self._books.history(), *self._books.points.history()]
        return sorted(moves, key=lambda moved: moved.moment)

    def _uuid(self, moved: BookedMove) -> str:
        return str(uuid.uuid5(self._space, str(moved.identity)))

    def _body(self, moved: BookedMove) -> bytes:
        topic, name = _topic(moved)
        known = self._books.customer(moved.customer_id)
        customer = {
            "Email": moved.customer_id if "@" in moved.customer_id else "",
            "Id": moved.customer_id,
            "Name": known.name or moved.customer_id,
            "Phone": "",
            "BirthdayDate": None,
        }
        told: dict[str, object] = {"Points": moved.points}
        if (topic, name) == EARNED:
            told = {"EarnedPoints": moved.points, "ObjectiveType": _PURCHASE}
        return _encode(
            {
                "Uuid": self._uuid(moved),
                "Timestamp": f"{moved.moment:%Y-%m-%dT%H:%M:%S.%f}0Z",
                "Topic": topic,
                "TopicName": name,
                "Payload": {**told, "Customer": customer},
            }
        )


def _topic(moved: BookedMove) -> tuple[int, str]:
    if moved.value < 0:
        return REMOVED
    return ADDED if moved.origin is None else EARNED


@frozen
class _Receiver:
    """Where to post; the headers, which have a secret, are not shown."""

    host: str
    port: int
    target: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float

    def post(self, body: bytes) -> int | None:
        """Post a body; return the status of the answer, None where there is none in time."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            fields = {**self.headers, "Content-Type": "application/json; charset=utf-8"}
            connection.request("POST", self.target, body, fields)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _receiver(url: str, headers: Mapping[str, str], timeout: float) -> _Receiver:
    """Return where to post. Raises `ConfigurationError` for a URL that is not http on loopback."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or parts.scheme != "http":
        raise ConfigurationError(f"url must be http on loopback, not {url!r:.60}. Nothing was posted.")
    return _Receiver(
        host, port, f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}", headers, timeout
    )


def _tries(to: _Receiver, body: bytes, attempts: int) -> Iterator[int | None]:
    """Post a body until it is accepted; yield the status of each attempt."""
    for _ in range(attempts):
        status = to.post(body)
        yield status
        if status == HTTPStatus.OK:
            return
