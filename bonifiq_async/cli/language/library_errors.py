"""Errors of the library as the reader is to see them.

The library's texts are English, for logs and programs. Here the usual ones have a sentence of their own, made
of what an error carries: its class, its key, its attempts and the provider's answer, never of its text. What
has none begins in the reader's language with what it means, and goes on in English.
"""

from bonifiq_async._model.errors import (
    AuthenticationError,
    BonifiQError,
    ChangeKeyConflict,
    ConfigurationError,
    CustomerNotFound,
    LedgerError,
    NotAppliedError,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
    RetryAfterTooLong,
)
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Attempt, Verdict
from bonifiq_async._policy.failures import WAY_OUT
from bonifiq_async._policy.verdict import PROXY_REFUSED, leaves_doubt
from bonifiq_async.cli.language.library_texts import cause_said, sentence_said
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase, rephrased

_ENDED = {
    Verdict.NOT_SENT: phrase("was never sent"),
    Verdict.THROTTLED: phrase("was throttled"),
    Verdict.UNPROCESSED: phrase("was not processed"),
    Verdict.BROKEN: phrase("failed at the provider"),
    Verdict.LOST: phrase("was sent and got no whole answer"),
    Verdict.UNREADABLE: phrase("got an unreadable answer"),
    Verdict.INTERCEPTED: phrase("was refused by a proxy or a firewall"),
}


def said(error: BaseException) -> str:
    """Return what to say of an error: a phrase where it is one, or the library's error has one."""
    text = error.args[0] if error.args else ""
    if isinstance(text, Phrase):
        return text
    return _of_library(error, str(error)) if isinstance(error, BonifiQError) else str(error)


def way_out_of(repeat: RepeatClass) -> Phrase:
    """Return what to do about a change of which it is not known whether it took effect."""
    english = WAY_OUT[repeat]
    if repeat is RepeatClass.KEYED:
        return rephrased(english, "Repeat it with the same key, or compare the customer's balance.")
    if repeat is RepeatClass.SAFE:
        return rephrased(english, "Repeat it: a second time does no harm.")
    return rephrased(english, "Do not repeat it; compare the customer's balance and settle it by hand.")


def look_up_failed(error: BonifiQError) -> Phrase:
    """Return why what a provider shows is not known. That says nothing of the money that is asked about."""
    refused = isinstance(error, RefusedError)
    why = _answer(error) if refused else phrase("the answer is not as it is documented")
    return phrase("the look-up failed ({why}): run reconcile again", why=why)


def _of_library(error: BonifiQError, text: str) -> Phrase:
    subject = phrase("The call")
    if error.change_key is not None:
        subject = phrase("Change {key}", key=error.change_key)
    if isinstance(error, OutcomeUnknownError):
        return rephrased(
            text,
            "{subject}: it is not known whether it was applied ({how}).",
            subject=subject,
            how=_how(error),
        )
    if isinstance(error, RefusedError):
        return _refused(error, text, subject)
    if isinstance(error, NotAppliedError) and not error.attempts and error.change_key is None:
        return rephrased(
            text,
            "Stopped before the end; what was not sent may be sent again. ({text})",
            text=sentence_said(text) or text,
        )
    if isinstance(error, RetryAfterTooLong):
        return rephrased(
            text,
            "{subject}: the provider asks to wait longer than allowed ({how}). Nothing changed.",
            subject=subject,
            how=_how(error),
        )
    if isinstance(error, NotAppliedError):
        return rephrased(
            text,
            "{subject}: given up before the provider could act ({how}). Nothing changed; try again.",
            subject=subject,
            how=_how(error),
        )
    if isinstance(error, ChangeKeyConflict):
        return rephrased(
            text, "{subject}: its key stands for another change. Nothing was sent.", subject=subject
        )
    return _in_english(error, text)


def _refused(error: RefusedError, text: str, subject: Phrase) -> Phrase:
    answer = _answer(error)
    if isinstance(error, CustomerNotFound):
        return rephrased(
            text,
            "{subject}: the provider does not know the customer ({answer}). Nothing changed.",
            subject=subject,
            answer=answer,
        )
    if not isinstance(error, AuthenticationError):
        return rephrased(
            text,
            "{subject}: refused by the provider ({answer}). Nothing changed.",
            subject=subject,
            answer=answer,
        )
    if error.status == PROXY_REFUSED:
        return rephrased(
            text,
            "{subject}: a proxy asks for credentials ({answer}). Nothing changed; give it its user.",
            subject=subject,
            answer=answer,
        )
    return rephrased(
        text,
        "{subject}: the provider does not accept the credentials ({answer}). Nothing changed; check them.",
        subject=subject,
        answer=answer,
    )


def _in_english(error: BonifiQError, text: str) -> Phrase:
    if (sentence := sentence_said(text)) is not None:
        return sentence
    if isinstance(error, ConfigurationError):
        return rephrased(text, "Configuration: {text}", text=text)
    if isinstance(error, LedgerError):
        return rephrased(text, "Ledger: {text}", text=text)
    if isinstance(error, PayloadError) and error.attempts:
        return rephrased(
            text,
            "The provider's answer is not as its documentation has it: {text} Nothing changed.",
            text=text,
        )
    if isinstance(error, PayloadError):
        return rephrased(text, "{field} is not accepted: {text}", field=error.path, text=text)
    return rephrased(text, "{text}", text=text)


def _answer(error: BonifiQError) -> Phrase:
    """Return the provider's own words, behind the status."""
    words = [each for each in (error.code_name or error.code, error.provider_message) if each]
    status = [] if error.status is None else [phrase("status {status}", status=error.status)]
    return joined([*status, *dict.fromkeys(words)]) if status or words else phrase("no reason given")


def _how(error: BonifiQError) -> Phrase:
    """Return how the last attempt ended; of what may have been applied, the last that may have done it."""
    if not error.attempts:
        return phrase("without an attempt")
    doubtful: list[Attempt] = []
    if isinstance(error, OutcomeUnknownError):
        doubtful = [each for each in error.attempts if leaves_doubt(each.verdict, each.status)]
    last: Attempt = (doubtful or error.attempts)[-1]
    ended = _ENDED.get(last.verdict, phrase("ended"))
    told = [phrase("attempt {number} {ended}", number=last.number, ended=ended)]
    if last.cause:
        told.append(joined([cause_said(last.cause)]))
    elif last is not error.attempts[-1]:
        told.extend([] if last.status is None else [phrase("status {status}", status=last.status)])
    elif last.status is not None:
        told.append(_answer(error))
    return joined(told, ": ")
