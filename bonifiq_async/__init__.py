"""asyncio client for cashback APIs: money moves exactly once, and when that cannot be known, it is said.

The rooms, in the order in which a change passes through them:

    operation, outcome, evidence, history, errors, converters, money, secret
                        the words
    printable, log      what others wrote, fit to be shown; the library's log
    change_key, door    a change gets its key; what must not be sent is refused
    bonifiq/, raba7ni/  the providers as data: operations, payloads, how an answer is read
    request             URL and bytes are fixed once
    calls, claims       one key is one change: joined in flight, remembered after
    doubts              what one client has in doubt, whichever ledger is asked
    delivery            the loop: admission, one attempt, verdict, decision, wait
    runtime             the clock, the sleep and the random source
    admission           the queue in front of the connections
    session             one attempt on the wire; its evidence
    direct, exchange    the two ways of a request: over a pooled connection, and by aiohttp's session
    wire                the last step before the wire of what goes by aiohttp's session
    aiohttp_parts       whether the parts of aiohttp that the fast path needs are there, and its own
    proxies             the proxy that the environment names
    causes              why there was no whole answer, in plain words
    connector           the pool, and what comes on a connection that no request asked for
    verdict             what the evidence proves
    answer_body, statement
                        what an answer says, and what that proves
    retry, budget       whether to send again, and what all calls share
    conclusion          how the end is said
    intent, ledger/     what was meant and what came of it: in memory, or durable in a file
    batch/              many of these ways side by side
    sandbox/            a server to try it all against
    virtual_time, pytest_plugin
                        tests of what uses it: waits that pass at once, fixtures over the sandbox
    laboratory/         what is promised, tried against it
    cli/                the console command
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bonifiq_async.batch import BatchSummary, CashbackBatch, FlowControl, FlowState
    from bonifiq_async.bonifiq import (
        BasicCredentials,
        BonifiQClient,
        CashbackChange,
        CheckoutRemoval,
        CustomerPoints,
        CustomerPointsToExpire,
        OrderOrigin,
        PendingOrder,
        PendingPoints,
        PointDetailItem,
        Severity,
    )
    from bonifiq_async.change_key import change_key_for
    from bonifiq_async.errors import (
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
    from bonifiq_async.evidence import DuplicateRule, ErrorAnswer
    from bonifiq_async.intent import Ledger
    from bonifiq_async.ledger.memory import MemoryLedger
    from bonifiq_async.ledger.sqlite import SqliteLedger
    from bonifiq_async.outcome import Attempt, Effect, Notice, Outcome, StopReason, Verdict
    from bonifiq_async.raba7ni import (
        CardReward,
        CashbackBalance,
        CashbackCard,
        CashbackConfig,
        CashbackEarned,
        CashbackRedeemed,
        CashbackRefunded,
        CashbackTransaction,
        Earn,
        HistoryPage,
        MaskedMember,
        Member,
        MemberCheck,
        MemberRegistration,
        MemberToken,
        OneTimeCode,
        OneTimeCodeSent,
        Pagination,
        Pin,
        Raba7niClient,
        Raba7niCredentials,
        Redeem,
        Refund,
        SignedIn,
        SignInPaths,
    )
    from bonifiq_async.retry import RetryPolicy
    from bonifiq_async.runtime import Runtime
    from bonifiq_async.session import PoolLimits, Timeouts

    __version__: str

__all__ = [
    "Attempt",
    "AuthenticationError",
    "BasicCredentials",
    "BatchSummary",
    "BonifiQClient",
    "BonifiQError",
    "CardReward",
    "CashbackBalance",
    "CashbackBatch",
    "CashbackCard",
    "CashbackChange",
    "CashbackConfig",
    "CashbackEarned",
    "CashbackRedeemed",
    "CashbackRefunded",
    "CashbackTransaction",
    "ChangeKeyConflict",
    "CheckoutRemoval",
    "ConfigurationError",
    "CustomerNotFound",
    "CustomerPoints",
    "CustomerPointsToExpire",
    "DuplicateRule",
    "Earn",
    "Effect",
    "ErrorAnswer",
    "FlowControl",
    "FlowState",
    "HistoryPage",
    "Ledger",
    "LedgerError",
    "MaskedMember",
    "Member",
    "MemberCheck",
    "MemberRegistration",
    "MemberToken",
    "MemoryLedger",
    "NotAppliedError",
    "Notice",
    "OneTimeCode",
    "OneTimeCodeSent",
    "OrderOrigin",
    "Outcome",
    "OutcomeUnknownError",
    "Pagination",
    "PayloadError",
    "PendingOrder",
    "PendingPoints",
    "Pin",
    "PointDetailItem",
    "PoolLimits",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "RefusedError",
    "RetryAfterTooLong",
    "RetryPolicy",
    "Runtime",
    "Severity",
    "SignInPaths",
    "SignedIn",
    "SqliteLedger",
    "StopReason",
    "Timeouts",
    "Verdict",
    "change_key_for",
]

_ROOMS = (
    "outcome",
    "errors",
    "evidence",
    "change_key",
    "retry",
    "runtime",
    "session",
    "intent",
    "ledger.memory",
    "bonifiq",
    "batch",
    "ledger.sqlite",
    "raba7ni",
)
"""In the order in which they are asked: what most programs need comes first."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that the console command starts quickly."""
    if name == "__version__":
        from importlib.metadata import version

        return version("bonifiq-async")
    if name in __all__:
        for room in _ROOMS:
            value = getattr(import_module(f"{__name__}.{room}"), name, None)
            if value is not None:
                globals()[name] = value
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
