"""Which setting is probably wrong where nothing has ever succeeded, by how the tries failed."""

from collections.abc import Mapping

from bonifiq_async._model.errors import BonifiQError, NotAppliedError, RetryAfterTooLong
from bonifiq_async._provider.spec import Environment

ANOTHER = "Another server than the provider seems to answer: is {base_url} right ({address})?"
NO_ADDRESS = (
    "The server does not have the provider's addresses: is {base_url} right, its path too ({address})?"
)
BY_STATUS: Mapping[int, str] = {
    403: "A firewall or a proxy seems to answer: is this machine admitted, are {credentials} right, and is "
    "{base_url} ({address})?",
    404: NO_ADDRESS,
    405: NO_ADDRESS,
}
"""What to look at, by the status of all answers; by their hundreds in `BY_HUNDRED`."""
BY_HUNDRED: Mapping[int, str] = {
    2: ANOTHER,
    3: ANOTHER,
    5: "If the provider works for others, is {base_url} right ({address}), and are {credentials}? If it is "
    "out, try later; --give-up-at-start SECONDS waits longer for it.",
}
NO_ANSWER = (
    "Is {base_url} right ({address})? This command takes no proxy from the environment. If the provider is "
    "out, try later; --give-up-at-start SECONDS waits longer for it."
)
"""The same where no whole answer came."""
BOUND = " Once it is corrected, add --same-account: the ledger is bound to it by what is in doubt there."


def setting_to_look_at(
    error: BonifiQError, environment: Environment, address: str, *, bound: bool = False
) -> str | None:
    """Return which setting is to be looked at after a run that `error` stopped before anything succeeded.

    `address` is the base URL in force, and `bound` says that a ledger has what was sent there in
    doubt. None where the error shows a provider at work.
    """
    if not isinstance(error, NotAppliedError) or isinstance(error, RetryAfterTooLong):
        return None
    text: str | None = NO_ANSWER
    if error.status is not None:
        text = BY_STATUS.get(error.status, BY_HUNDRED.get(error.status // 100))
    credentials = " and ".join(environment.credentials)
    if text is None:
        return None
    told = text.format(base_url=environment.base_url, address=address, credentials=credentials)
    return told + BOUND * bound
