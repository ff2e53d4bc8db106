"""Which request meets which fault: what is known of a request, and the rules that are held against it."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from attrs import Attribute, field, frozen, validators

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.sandbox.faults import TRANSIENT, Fault, known


@frozen
class Arrival:
    """A request that has come in: the `number`-th, counted from 1, with what it says.

    `key` and `customer` are None where it names none. `elapsed` are the seconds since the first request;
    `at_once` is how many are being served, this one included. The repr has no body: a PIN may be in it.
    """

    number: int
    key: str | None = None
    customer: str | None = None
    body: bytes = field(default=b"", repr=False)
    elapsed: float = 0.0
    at_once: int = 1


@frozen
class Meeting:
    """What a request meets: `fault` (None: it goes well), called `name`, and an answer `late` by seconds.

    `retry_after` is what the fault asks for where it asks for a wait, in seconds.
    """

    fault: Fault | None = None
    name: str = ""
    late: float = 0.0
    retry_after: int = 1


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list | tuple) else [value]
    if not names:
        raise ConfigurationError("fault must name a fault, or several to draw from.")
    return known(map(str, names))


def _numbers(value: int | Iterable[int]) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Iterable) else (value,)


def _pattern(_: object, attribute: "Attribute[str | None]", value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{attribute.name} must be a text, not {value!r}.")


def share(_: object, attribute: "Attribute[float]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a probability; raises `ConfigurationError`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"{attribute.name} must be a number from 0 to 1, not {value!r}.")


MOST_SECONDS = 10**9
"""The longest wait that a date can say."""


def wait(_: object, attribute: "Attribute[int]", value: object) -> None:
    """Check, as an attrs validator, that a setting is a wait in whole seconds; raises as `share`."""
    if type(value) is not int or not 1 <= value <= MOST_SECONDS:
        raise ConfigurationError(
            f"{attribute.name} must be a whole number of seconds above zero and at most {MOST_SECONDS}."
        )


_count = validators.optional(validation.count)


@frozen
class Rule:
    """Requests that fit it meet `fault`, one of `FAULTS`, or one drawn from several.

    A request fits when all that is given says so: `requests` are numbers in order of arrival, counted
    from 1; `key` and `customer` are shell patterns (`ADD-ana@*`, case counts); `rate` is a probability. It
    strikes `times` times at the most, and `times_per_key` for one key. `retry_after` is in seconds.
    """

    fault: tuple[str, ...] = field(converter=_names)
    requests: tuple[int, ...] = field(
        default=(), converter=_numbers, validator=validators.deep_iterable(validation.count)
    )
    key: str | None = field(default=None, validator=_pattern)
    customer: str | None = field(default=None, validator=_pattern)
    rate: float = field(default=1.0, validator=share)
    times: int | None = field(default=None, validator=_count)
    times_per_key: int | None = field(default=None, validator=_count)
    retry_after: int | None = field(default=None, validator=validators.optional(wait))

    def fits(self, arrival: Arrival, chance: float, *, struck: int, struck_key: int) -> bool:
        """Say whether `arrival` meets the fault; `chance` is from 0 up to 1.

        `struck` is how often the rule has struck so far, `struck_key` how often for this key.
        """
        return (
            (not self.requests or arrival.number in self.requests)
            and _matches(self.key, arrival.key)
            and _matches(self.customer, arrival.customer)
            and (self.times is None or struck < self.times)
            and (self.times_per_key is None or struck_key < self.times_per_key)
            and chance < self.rate
        )


def _matches(pattern: str | None, text: str | None) -> bool:
    return pattern is None or (text is not None and fnmatchcase(text, pattern))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"A list of names of faults is needed, not {value!r}.")
    names = tuple(map(str, value))
    known(filter(None, names))
    return names


@frozen
class Chosen:
    """What a script says without a rule: names in order, and chance."""

    seed: int = field(default=0, validator=validation.stock)
    rate: float = field(default=0.0, validator=share)
    among: tuple[str, ...] = field(default=TRANSIENT, converter=_listed)
    seconds: int = field(default=1, validator=wait)
    sequence: tuple[str, ...] = field(default=(), converter=_listed)

    def __attrs_post_init__(self) -> None:
        if self.rate and not self.among:
            raise ConfigurationError("among is empty: a rate needs faults to draw from.")
