"""One attempt: whether it may leave now, and how long its answer asks to wait."""

from collections.abc import Callable

from attrs import define, field

from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._log import logger
from bonifiq_async._model.evidence import HandOver, Headers
from bonifiq_async._policy.budget import Deadline
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.retry_after import asked_wait, in_words
from bonifiq_async._policy.wait_scope import Turn, WaitScope

WORTH_A_TURN = 1.0
"""Seconds of a wait from which on it counts which request leaves first after it."""


@define(eq=False)
class Waits:
    """What a provider asks the calls of one client to wait: those of `limit` hold all of them.

    `patience` are the seconds that a call waits at the most. `clock` is monotonic, `wall` gives seconds
    since the epoch.
    """

    patience: float
    clock: Callable[[], float]
    wall: Callable[[], float]
    limit: SharedLimit
    scope: WaitScope = field(factory=WaitScope)
    _began: float = float("-inf")

    def begins(self, now: float) -> bool:
        """Take in that an attempt begins; say whether it is the first since the hold was over."""
        first, self._began = self._began <= self.limit.hold.until, now
        return first


@define(eq=False, slots=False)
class Watch(HandOver):
    """One attempt to send `request`, whose call ends at `deadline`, while its claim is `held`.

    `first` says that no other has begun since a hold was over, where that is of interest. `asked` are the
    seconds that its answer asks to wait, None when it asks for none; `alone` says that it is this request
    alone that has to. It `began` to wait for a connection, and was `written` on it; until then, both are the
    same.
    """

    _waits: Waits
    _request: PreparedRequest
    _deadline: Deadline
    _held: Callable[[], bool] = lambda: True
    asked: float | None = None
    alone: bool = False
    first: bool = False
    began: float = 0.0
    written: float = 0.0
    _heard: float = 0.0

    def may_send(self) -> bool:
        """See `HandOver.may_send`."""
        limit, now = self._waits.limit, self._waits.clock()
        if limit.hold.until <= now < self._deadline.at and self._held():
            if limit.admission is not None:
                limit.admission.pacer.written(now)
            self.written = now
            return True
        self.withheld = True
        return False

    def head(self, status: int, headers: Headers) -> None:
        """Hold all calls from now on, when the answer asks for it: its body may take its time."""
        waits = self._waits
        wait = asked_wait(status, headers, now=waits.wall())
        if wait is None:
            return
        self.asked, self._heard = wait.seconds, waits.clock()
        if wait.moment is not None:
            end = in_words(wait.seconds, waits.wall())
            logger.warning("a Retry-After of %s is read as a moment: the wait is %s", wait.moment, end)
        self.alone = waits.scope.tell(name_of(self._request), self._heard, first=self.first)
        if self.alone:
            return
        waits.limit.told_to_wait(self._heard, wait.seconds, waits.patience)

    def chance(self, random: Callable[[], float]) -> Callable[[], float]:
        """Return what draws by how much the wait is lengthened, from 0 up to 1."""
        if self.asked is None or self.asked < WORTH_A_TURN:
            return random
        turn = self._waits.scope.turn(name_of(self._request))
        return random if turn is Turn.ANY else lambda: float(turn is Turn.LAST)

    def left(self, now: float) -> float | None:
        """Return the seconds of the wait that are left, None when there is none."""
        return None if self.asked is None else max(0.0, self._heard + self.asked - now)


def name_of(request: PreparedRequest) -> str:
    """Return what tells `request` from others of its client: its key, or where it reads."""
    return request.key or request.path
