"""How many changes are in flight, how many requests leave in a second, and when a run gives up."""

from attrs import field, frozen, validators

from bonifiq_async._model import validation
from bonifiq_async._model.values import public
from bonifiq_async.ledger.postgres.pace import SharedPace


@public
@frozen
class FlowControl:
    """At most `max_in_flight` changes at once; with `max_rate`, at most so many requests in a second.

    The number in flight begins at `initial` and adapts to what the provider takes, between 1 and
    `max_in_flight`; the client's pool (`PoolLimits.connections`) is a second limit. When nothing succeeds
    for `give_up_after` seconds in which it is tried, the run stops; after `give_up_at_start`, if that is set,
    where nothing has ever succeeded and every try fails in one way: then a setting is probably wrong. The
    batches of several processes keep one `shared_pace` together.
    """

    max_in_flight: int = field(default=256, validator=validation.count)
    initial: int = field(default=8, validator=validation.count)
    max_rate: float | None = field(default=None, validator=validators.optional(validation.setting))
    give_up_after: float = field(default=900.0, validator=validation.setting)
    give_up_at_start: float | None = field(default=None, validator=validators.optional(validation.setting))
    shared_pace: SharedPace | None = field(
        default=None, validator=validators.optional(validators.instance_of(SharedPace))
    )


@public
@frozen
class FlowState:
    """What is going on in a run.

    `in_flight` requests of at most `limit`; `rate` is the pace in force, requests a second, if there is
    one. `held` are the seconds that the provider still asks to wait. `failing` are the seconds for which
    nothing has succeeded though it was tried, once these are some; `paused` the same in an outage, in which
    only probes go out; else None. `waiting` changes failed, and wait to be sent again. While nothing
    succeeds, `cause` says in words why the last try failed, and `status` is that of its answer, if there was
    one; `alike` says that all tries since the last success failed so. `next_try` are the seconds until the
    next one, None where something is on its way. `kind` is the kind of limit that was found, in words, and
    `known_for` the seconds since then.
    """

    in_flight: int
    limit: int
    rate: float | None
    held: float
    paused: float | None
    failing: float | None = None
    waiting: int = 0
    cause: str | None = None
    status: int | None = None
    alike: bool = False
    next_try: float | None = None
    kind: str | None = None
    known_for: float | None = None
