"""Signing in by attempt: headers that are made afresh for each request that leaves.

A provider whose headers are always the same needs none of this. One whose token is renewed, or whose
signature covers the body and the time, gives a `SignIn` to its connection.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from attrs import evolve

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.secret import HeaderValue, Secret
from bonifiq_async._policy.request import PreparedRequest


@runtime_checkable
class SignIn(Protocol):
    """Makes the headers that sign one attempt in."""

    async def sign(self, request: PreparedRequest, now: float) -> Mapping[str, HeaderValue]:
        """Return the headers for `request`, which leaves at `now` (seconds since the epoch).

        Asked once in each attempt, within its time. A `ConfigurationError` ends the call; after any other
        error nothing was sent, and the attempt may be repeated. What is secret is a `Secret`: no error and
        no log line repeats it.
        """


class SignInFailed(Exception):
    """No headers were made; the text has nothing of the error but its kind."""


async def signed(
    sign_in: SignIn, request: PreparedRequest, now: float, seconds: float
) -> tuple[PreparedRequest, tuple[Secret, ...]]:
    """Return `request` with the headers of this attempt, and the secrets among them.

    Raises `ConfigurationError` and `SignInFailed`.
    """
    failed: str
    try:
        async with asyncio.timeout(seconds):
            made = await sign_in.sign(request, now)
        secrets = tuple([value for value in made.values() if isinstance(value, Secret)])
        return evolve(request, headers=(*request.headers, *made.items())), secrets
    except ConfigurationError as error:
        raise error.with_traceback(None) from None
    except TimeoutError:
        failed = "it took longer than an attempt may"
    except Exception as error:  # noqa: BLE001 - a provider's own code; nothing has left
        failed = type(error).__name__
    raise SignInFailed(f"the sign-in failed ({failed})")
