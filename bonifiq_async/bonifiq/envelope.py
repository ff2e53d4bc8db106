"""What BonifiQ's envelope says: its flags, what denies a success beside them, and what a result shows.

Three questions are put to the members, and `STATES` is the table of what their answers state together.
"""

import re
from collections.abc import Mapping
from operator import is_, itemgetter

from attrs import evolve

from bonifiq_async._model.evidence import ErrorAnswer
from bonifiq_async._model.json_codec import NotNull, structure
from bonifiq_async._model.outcome import Notice
from bonifiq_async._model.values import Kind, fixed
from bonifiq_async._policy.answer_body import JsonObject, said_of
from bonifiq_async._policy.statement import Statement
from bonifiq_async.bonifiq.payloads import Severity
from bonifiq_async.bonifiq.used_key import texts_of


@fixed
class Envelope:
    """Both generations: the older one has the four members without Code, CodeName, Severity, HasWarning."""

    error_message: str | None = None
    error_code: int | None = None
    code: str | None = None
    code_name: str | None = None
    severity: NotNull[Severity | int] = None
    has_warning: NotNull[bool] = None
    has_error: NotNull[bool] = None


PLAIN = Envelope(severity=Severity.SUCCESS, has_warning=False, has_error=False)
"""The envelope that says success and nothing else, as nearly every one does."""
_SAID = {
    "ErrorMessage": None,
    "ErrorCode": None,
    "Code": None,
    "CodeName": None,
    "Severity": 0,
    "HasWarning": False,
    "HasError": False,
}
_saying = itemgetter(*_SAID)
OWN = frozenset({*_SAID, "Result"})
"""The members of an envelope."""


def envelope_of(answer: JsonObject) -> Envelope:
    """Return the envelope of an answer; raises `PayloadError` for one that does not fit the contract.

    The plain one is recognised by a comparison, in 0.3 us; cattrs takes 1.6 us (CPython 3.11, cattrs 26.2).
    """
    try:
        plain = all(map(is_, _saying(answer), _SAID.values()))  # equal is not enough: 0 is no boolean
    except KeyError:  # it leaves members out
        plain = False
    return PLAIN if plain else structure(answer, Envelope)


class Declared(Kind):
    """What the flags say: `HasError`, `Severity` and `HasWarning`."""

    COMPLETED = "it was completed"
    NO_ERROR = "no error"
    WARNING = "a warning"
    FAILURE = "a failure"
    DIVIDED = "a failure by one flag, none by the other"
    CONFLICT = "what the page rules out"
    SILENT = "nothing"


_NEW = 9
"""Stands for every severity that the page does not know."""
_DONE, _FREE, _WARN = Declared.COMPLETED, Declared.NO_ERROR, Declared.WARNING
_FAIL, _SPLIT, _CLASH, _MUTE = Declared.FAILURE, Declared.DIVIDED, Declared.CONFLICT, Declared.SILENT

HAS_ERROR = (None, False, True)
"""The columns of `DECLARED`; None is left out."""
DECLARED: Mapping[tuple[int | None, bool | None], tuple[Declared, Declared, Declared]] = {
    # Severity, HasWarning: HasError left out, false, true
    (None, None): (_MUTE, _FREE, _FAIL),
    (None, False): (_MUTE, _FREE, _FAIL),
    (None, True): (_WARN, _WARN, _CLASH),
    (Severity.SUCCESS, None): (_FREE, _DONE, _SPLIT),
    (Severity.SUCCESS, False): (_FREE, _DONE, _SPLIT),
    (Severity.SUCCESS, True): (_CLASH, _CLASH, _CLASH),
    (Severity.WARNING, None): (_WARN, _WARN, _CLASH),
    (Severity.WARNING, False): (_CLASH, _CLASH, _CLASH),
    (Severity.WARNING, True): (_WARN, _WARN, _CLASH),
    (Severity.ERROR, None): (_FAIL, _SPLIT, _FAIL),
    (Severity.ERROR, False): (_FAIL, _SPLIT, _FAIL),
    (Severity.ERROR, True): (_CLASH, _CLASH, _CLASH),
    (_NEW, None): (_MUTE, _FREE, _FAIL),
    (_NEW, False): (_MUTE, _FREE, _FAIL),
    (_NEW, True): (_WARN, _WARN, _CLASH),
}
"""What the flags say together.

The page: `HasError` is for real errors alone, warnings have it false; `HasWarning` is true when `Severity` is
Warning; `Severity` Success means that the action was completed.
"""


def declared(envelope: Envelope) -> Declared:
    """Return what the flags of an envelope say."""
    severity = envelope.severity
    known = severity if severity is None or isinstance(severity, Severity) else _NEW
    return DECLARED[known, envelope.has_warning][HAS_ERROR.index(envelope.has_error)]


class Denied(Kind):
    """What speaks against a success beside the flags."""

    NOT = "nothing"
    CUSTOMER = "the customer does not exist"
    YES = "a member names a failure"


class Shown(Kind):
    """What speaks for a success beside the flags."""

    NOTHING = "nothing"
    RESULT = "a result"
    SUCCESS = "a result that says success"


_SUCCESS, _BOTH, _OUT = Statement.SUCCESS, Statement.BOTH, Statement.OUT_OF_STEP
_NO, _NO_ONE, _UNSAID, _WARNED = (
    Statement.FAILURE,
    Statement.NO_CUSTOMER,
    Statement.UNSAID,
    Statement.WARNED,
)
_WORDS, _NEITHER = Statement.WORDS, Statement.NEITHER

STATES: Mapping[Declared, Mapping[Denied, tuple[Statement, Statement, Statement]]] = {
    # Shown: nothing, a result, a result that says success
    Declared.COMPLETED: {
        Denied.NOT: (Statement.COMPLETED, _SUCCESS, _SUCCESS),
        Denied.CUSTOMER: (_NO_ONE, _BOTH, _BOTH),
        Denied.YES: (_OUT, _BOTH, _BOTH),
    },
    Declared.NO_ERROR: {
        Denied.NOT: (_UNSAID, _SUCCESS, _SUCCESS),
        Denied.CUSTOMER: (_NO_ONE, _BOTH, _BOTH),
        Denied.YES: (_OUT, _BOTH, _BOTH),
    },
    Declared.WARNING: {
        Denied.NOT: (_UNSAID, _WARNED, _WARNED),
        Denied.CUSTOMER: (_NO_ONE, _BOTH, _BOTH),
        Denied.YES: (_OUT, _BOTH, _BOTH),
    },
    Declared.FAILURE: {
        Denied.NOT: (_NO, _NO, _BOTH),
        Denied.CUSTOMER: (_NO_ONE, _NO, _BOTH),
        Denied.YES: (_NO, _NO, _BOTH),
    },
    Declared.DIVIDED: {
        Denied.NOT: (_NO, _BOTH, _BOTH),
        Denied.CUSTOMER: (_NO_ONE, _BOTH, _BOTH),
        Denied.YES: (_NO, _BOTH, _BOTH),
    },
    Declared.CONFLICT: {
        Denied.NOT: (_OUT, _BOTH, _BOTH),
        Denied.CUSTOMER: (_OUT, _BOTH, _BOTH),
        Denied.YES: (_OUT, _BOTH, _BOTH),
    },
    Declared.SILENT: {
        Denied.NOT: (_UNSAID, _NEITHER, _NEITHER),
        Denied.CUSTOMER: (_WORDS, _NEITHER, _NEITHER),
        Denied.YES: (_WORDS, _WORDS, _BOTH),
    },
}
"""What flags and members state together. A warning that shows nothing says no more than that it was one."""


def states(flags: Declared, denies: Denied, shows: Shown) -> Statement:
    """Return what an envelope and its result state together."""
    return STATES[flags][denies][list(Shown).index(shows)]


_NO_FAILURE = re.compile(r"\b(no|without|sem|nenhum) (errors?|erros?)\b")
_NAMES_FAILURE = re.compile(
    r"\b(not?|never|nothing|cannot|errors?|invalid|fail(ed|ure|s)?|denied|refused|rejected|declined|forbidden"
    r"|unauthori[sz]ed|required|missing|blocked|insufficient|exceed(s|ed)?|expired|inactive|disabled|conflict"
    r"|ignored|skipped|cancell?ed|revers(ed|al)|unchanged|unknown|unable"
    r"|already|used|repeated|duplicated?|pending|queued|scheduled|awaiting|processing|progress"
    r"|nao|nada|nenhuma?|erro|falh(a|ou)|negad[ao]|recusad[ao]|rejeitad[ao]|invalid[ao]|bloquead[ao]|expirad[ao]"
    r"|ja|utilizad[ao]|usad[ao]|duplicad[ao]|pendente|aguardando|agendad[ao]|processamento|andamento)\b"
)
"""What a code name says of a change that was not made, not yet, or before; its words stand apart:
`CustomerNotFound`, `FieldCannotBeNullOrBlank`, `ChangeKeyAlreadyUsed`."""
_SAYS_NOT_DONE = re.compile(
    r"\b(nothing|unchanged|cannot|could not|unable|fail(ed|ure)|rejected|refused|denied|declined|ignored"
    r"|skipped|cancell?ed|reversed|not (been |be |yet )?(applied|changed|added|removed|credited|debited"
    r"|processed|done|executed|made|completed|found|possible)|no (change|effect)s?"
    r"|pending|queued|scheduled|awaiting|in progress|being processed|pendente|aguardando|agendad[ao]"
    r"|em (processamento|andamento)|nada|nenhuma?|nao (foi|foram|pode|ha)|recusad[ao]|rejeitad[ao]"
    r"|ignorad[ao]|cancelad[ao]|estornad[ao]|falh(a|ou))\b"
)
"""What a warning says of a change that was not made, or not yet, in English and Portuguese."""
_NAMES_SUCCESS = re.compile(r"\b(success(ful(ly)?)?|sucesso)\b")


def names_failure(code_name: str | None) -> bool:
    """Say whether a code name is that of a failure."""
    return any(
        _NAMES_FAILURE.search(_NO_FAILURE.sub("", text)) for text in texts_of(ErrorAnswer(0, None, code_name))
    )


def says_not_done(message: str | None) -> bool:
    """Say whether a text says that nothing was done."""
    return any(_SAYS_NOT_DONE.search(text) for text in texts_of(ErrorAnswer(0, message=message)))


def names_success(code_name: str | None) -> bool:
    """Say whether a code name is that of a success."""
    return any(_NAMES_SUCCESS.search(text) for text in texts_of(ErrorAnswer(0, None, code_name)))


def denied(envelope: Envelope, flags: Declared, result: object, members: frozenset[str]) -> Denied:
    """Return what in the members speaks against a success of a change.

    `members` are those that the result may have: a `Success` that is one of them is what was asked for.
    """
    inner = result if isinstance(result, dict) else {}
    words = envelope.error_message
    if (
        envelope.error_code is not None
        or (text(words) is not None and (flags is not Declared.WARNING or says_not_done(words)))
        or names_failure(envelope.code_name)
        or text(inner.get("Error")) is not None
        or ("Success" not in members and inner.get("Success") is False)
    ):
        return Denied.YES
    return Denied.CUSTOMER if inner.get("CustomerExists") is False else Denied.NOT


def shown(envelope: Envelope, result: object, members: frozenset[str]) -> Shown:
    """Return what in the members speaks for a success; `members` are those that the result may have."""
    inner = result if isinstance(result, dict) else {}
    if inner.get("Success") is True or names_success(envelope.code_name):
        return Shown.SUCCESS
    if inner.get("CustomerExists") is False:  # whose balance is left out or zero
        found = any(inner.get(name) for name in _OF_A_CHANGE)
    elif isinstance(result, dict):
        found = any(inner.get(name) is not None for name in members - {"Error"})
    else:
        found = result is not None
    return Shown.RESULT if found else Shown.NOTHING


_OF_A_CHANGE = ("PointsBalance", "CashbackBalance", "RedeemKey")


def said_by(envelope: Envelope, answer: JsonObject, status: int) -> ErrorAnswer:
    """Return what an envelope says of a failure, or beside a success: also the text inside `Result`."""
    result = answer.get("Result")
    inner = text(result.get("Error")) if isinstance(result, dict) else None
    words = [each for each in dict.fromkeys((text(envelope.error_message), inner)) if each is not None]
    message = ". ".join(words) if words else said_of(answer, status).message
    return ErrorAnswer(status, envelope.code, envelope.code_name, envelope.error_code, message)


def notice_of(envelope: Envelope, flags: Declared) -> Notice | None:
    """Return what an envelope says beside its result, None where that is nothing but success."""
    severity = Severity.WARNING if flags is Declared.WARNING else envelope.severity
    code, name, words = map(text, (envelope.code, envelope.code_name, envelope.error_message))
    if code is name is words is None and severity in (None, Severity.SUCCESS):
        return None
    return Notice(code, name, severity, words)


def text(value: object) -> str | None:
    """Return `value` if it is a text that says something."""
    return value if isinstance(value, str) and value.strip() else None


ERROR_NAMES = (
    "Campaign_InvalidDateRange",
    "Campaign_Conflict",
    "Reward_PointsShouldBePositive",
    "Reward_ValueShouldBePositive",
    "Reward_ValueShouldBe100PercentMax",
    "Reward_ValueShouldBe999ValueMax",
    "Reward_PointsShouldBe9999ValueMax",
    "General_FieldCannotBeNullOrBlank",
    "General_FieldCannotBeDefault",
    "General_BiggerThanZero",
    "Genaral_LengthLimitExceeded",
    "Order_OrderCompletedNeddCompletedDate",
    "Order_OrderCompletedDateMustBeAfterPlacementDate",
    "Order_CompletedOrderCannotBeCancelled",
    "Order_CancelledOrderRequiresCancellationDate",
    "Order_OrderCancellationDateBeforePlacementDate",
    "Points_PointsCannotBeZero",
    "FileUpload_NoFileReceived",
    "FileUpload_MoreThanOneFileReceived",
    "Objective_AmountOfPointsCannotBeLessThanOne",
    "Objective_DiscountValueCannotBeLessThanOne",
    "Objective_OrderMinimumValueCannotBeLessThanZero",
    "Objective_DaysToWaitToGrantPointsCannotBeLessThanZero",
)
"""The names of `ErrorCode`, from 0 on (table ApiResponseErrorDescription), spelled as the page does.

The page that was seen is cut after them: higher numbers exist, and have no name here.
"""


def named(said: ErrorAnswer, codes: Mapping[str, str]) -> ErrorAnswer:
    """Return the same with the name that the pages give its code or number, where it has none."""
    if said.code_name:
        return said
    number = said.error_code
    of_table = ERROR_NAMES[number] if number is not None and 0 <= number < len(ERROR_NAMES) else None
    return evolve(said, code_name=codes.get(said.code or "", of_table))
