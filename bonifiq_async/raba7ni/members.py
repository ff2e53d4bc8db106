"""Raba7ni's members: whether one exists, a new one, and the sign-in by one-time code."""

from collections.abc import Mapping
from typing import TypeVar

from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.delivery import Reader
from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.operation import Operation
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import prepare
from bonifiq_async.raba7ni.answers import AnswerReader
from bonifiq_async.raba7ni.member import SignedIn
from bonifiq_async.raba7ni.operations import CHECK, REGISTER, REQUEST_OTP, VERIFY_OTP, SignInPaths
from bonifiq_async.raba7ni.payloads import (
    Contact,
    MemberCheck,
    MemberRegistration,
    OneTimeCodeSent,
    RegistrationRequest,
)

T = TypeVar("T")


class Members:
    """A client's members. No call needs a scope.

    All methods raise `RefusedError` (or `CustomerNotFound`), `NotAppliedError` and `PayloadError`.
    `register`, `request_otp` and `verify_otp` are not repeated once they have left; without an answer they
    raise `OutcomeUnknownError`.
    """

    def __init__(self, calls: Calls, base_url: str, reader: AnswerReader, paths: SignInPaths) -> None:
        self._calls = calls
        self._base_url = base_url
        self._reader = reader
        self._paths = paths

    async def check(
        self, *, email: str | None = None, phone: str | None = None, deadline: float | None = None
    ) -> MemberCheck:
        """Say whether a member exists. Exactly one of `email` and `phone` is given."""
        return await self._send(CHECK, _contact(email, phone), self._reader.read, deadline)

    async def register(
        self,
        *,
        name: str,
        email: str,
        phone: str,
        accepts_emails: bool | None = None,
        deadline: float | None = None,
    ) -> MemberRegistration:
        """Make a member; the provider sends a one-time code to it."""
        body = RegistrationRequest(
            validation.text(name, "name"),
            validation.text(email, "email"),
            validation.text(phone, "phone"),
            accepts_emails,
        )
        return await self._send(REGISTER, body, self._reader.read, deadline)

    async def request_otp(
        self, *, email: str | None = None, phone: str | None = None, deadline: float | None = None
    ) -> OneTimeCodeSent:
        """Have a one-time code sent to a member. Exactly one of `email` and `phone` is given.

        With `SignInPaths.MEMBERS_AUTH` only a phone number is documented. An unknown member raises
        `CustomerNotFound`.
        """
        contact = _contact(email, phone)
        if self._paths is SignInPaths.MEMBERS_AUTH:
            if contact.phone is None:
                raise PayloadError("these sign-in paths take a phone number alone", path="email")
            contact = Contact(phone_number=contact.phone)
        return await self._send(REQUEST_OTP[self._paths], contact, self._reader.read, deadline)

    async def verify_otp(self, body: Mapping[str, str], *, deadline: float | None = None) -> SignedIn:
        """Give a one-time code back. `body` is sent as it is, and the answer is kept as it comes.

        Neither is documented for the default paths; the integration page shows `phone_number` and `otp`.
        `SignedIn.token` takes the member's token out of the answer.
        """
        sealed: dict[str, Secret] = {}
        kind = None if isinstance(body, Mapping) else type(body).__name__
        try:
            if kind is not None:
                raise PayloadError(f"body must be a mapping of names to texts, not {kind}", path="body")
            for name in body:  # any of them may be the code
                sealed[validation.text(name, "a name in body")] = Secret.of(body[name])
        finally:
            del body  # a traceback that shows locals must not have it
        if not sealed:
            raise PayloadError("body is empty", path="body")
        return await self._send(
            VERIFY_OTP[self._paths], sealed, self._reader.read_sign_in, deadline, tuple(sealed.values())
        )

    async def _send(
        self,
        operation: Operation[T],
        body: object,
        reader: Reader[T],
        deadline: float | None,
        secrets: tuple[Secret, ...] = (),
    ) -> T:
        request = prepare(operation, self._base_url, {}, body, secrets=secrets)
        result, _ = await self._calls.value(operation, request, reader, deadline=deadline)
        return result


def _contact(email: str | None, phone: str | None) -> Contact:
    if (email is None) == (phone is None):
        raise PayloadError("give exactly one of email and phone", path="email")
    if email is not None:
        return Contact(email=validation.text(email, "email"))
    return Contact(phone=validation.text(phone, "phone"))
