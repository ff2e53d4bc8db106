"""Which broker a URL means; the password comes from the environment."""

import os
from importlib import import_module
from typing import Protocol, cast
from urllib.parse import quote, urlsplit, urlunsplit

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.dead_letters.letter import DeadLetters

PASSWORD = "BONIFIQ_BROKER_PASSWORD"
"""The variable of the environment with the broker's password."""
MODULES = {
    "amqp": "rabbit",
    "amqps": "rabbit",
    "kafka": "kafka",
    "nats": "nats",
    "tls": "nats",
    "redis": "redis",
    "rediss": "redis",
}
"""The module of each scheme of a URL."""


class _Module(Protocol):
    def opened(self, url: str, name: str) -> DeadLetters: ...


def dead_letters(url: str, name: str) -> DeadLetters:
    """Return the dead letters of the queue, stream or subject `name` at a broker.

    Raises `ConfigurationError` for another scheme, for a URL with a password, and where the extra is missing.
    """
    scheme = urlsplit(url).scheme
    if scheme not in MODULES:
        known = ", ".join(f"{each}://" for each in MODULES)
        raise ConfigurationError(f"The URL of a broker begins with one of {known}. Nothing was read.")
    module = cast(_Module, import_module(f"bonifiq_async.dead_letters.{MODULES[scheme]}"))
    return module.opened(with_password(url), name)


def with_password(url: str) -> str:
    """Return `url` with the password of the environment, if its user has one there."""
    parts = urlsplit(url)
    if parts.password is not None:
        raise ConfigurationError(
            "The URL has a password, which other processes of this machine can see. Nothing was read; put it "
            f"into {PASSWORD}."
        )
    password = os.environ.get(PASSWORD)
    if not password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
