"""Which setting is probably wrong where nothing has ever succeeded, by how the tries failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bonifiq_async._model.errors import AuthenticationError, BonifiQError, NotAppliedError, RetryAfterTooLong
from bonifiq_async._model.outcome import Effect
from bonifiq_async._policy.verdict import PROXY_REFUSED
from bonifiq_async._provider.registry import spec_of
from bonifiq_async._provider.spec import Environment
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.ledger.account import BASE_URL, settings_in

if TYPE_CHECKING:
    from bonifiq_async.cli.adapter import Client
    from bonifiq_async.cli.terminal.report import RunEnding


def tell_why(error: BonifiQError, ending: "RunEnding", client: "Client", *, bound: bool) -> None:
    """Say in `ending` what stopped a run, and which setting to look at where nothing was ever applied."""
    ending.stopped = said(error)
    ending.refused_credentials = isinstance(error, AuthenticationError)
    if ending.refused_credentials:
        proxy = error.status == PROXY_REFUSED
        why = phrase("the provider does not accept the credentials")
        if proxy:
            why = phrase("a proxy asks for credentials")
        ending.stopped = phrase(
            "The run was stopped: {why}. The first refusal: {error}", why=why, error=said(error)
        )
    elif not ending.summary.applied and not ending.summary.already_applied:
        ending.advice = setting_to_look_at(
            error,
            spec_of(ending.adapter.name).environment,
            settings_in(client.account[1])[BASE_URL],
            bound=bound and ending.counts[Effect.UNKNOWN] > 0,
        )


def setting_to_look_at(
    error: BonifiQError, environment: Environment, address: str, *, bound: bool = False
) -> Phrase | None:
    """Return which setting is to be looked at after a run that `error` stopped before anything succeeded.

    `address` is the base URL in force, and `bound` says that a ledger has what was sent there in
    doubt. None where the error shows a provider at work.
    """
    if not isinstance(error, NotAppliedError) or isinstance(error, RetryAfterTooLong):
        return None
    advice = _advice(error.status, environment, address)
    if advice is None or not bound:
        return advice
    bound_to_it = phrase(
        "Once it is corrected, add --same-account: the ledger is bound to it by what is in doubt there."
    )
    return joined((advice, bound_to_it), " ")


def _advice(status: int | None, environment: Environment, address: str) -> Phrase | None:
    """Return what to look at, by the status of all answers; None for no whole answer."""
    url = environment.base_url
    if status is None:
        return phrase(
            "Is {url} right ({address})? This command takes no proxy from the environment. If the provider "
            "is out, try later; --give-up-at-start SECONDS waits longer for it.",
            url=url,
            address=address,
        )
    if status == 403:
        return phrase(
            "A firewall or a proxy seems to answer: is this machine admitted, are {credentials} right, and "
            "is {url} ({address})?",
            credentials=_both(environment.credentials),
            url=url,
            address=address,
        )
    if status in (404, 405):
        return phrase(
            "The server does not have the provider's addresses: is {url} right, its path too ({address})?",
            url=url,
            address=address,
        )
    if status // 100 in (2, 3):
        return phrase(
            "Another server than the provider seems to answer: is {url} right ({address})?",
            url=url,
            address=address,
        )
    if status // 100 == 5:
        return phrase(
            "If the provider works for others, is {url} right ({address}), and are {credentials}? If it is "
            "out, try later; --give-up-at-start SECONDS waits longer for it.",
            credentials=_both(environment.credentials),
            url=url,
            address=address,
        )
    return None


def _both(names: Sequence[str]) -> Phrase:
    """Return names as a list whose last two have an `and` between them."""
    *others, last = names
    return phrase("{names} and {last}", names=joined(others), last=last) if others else joined(names)
