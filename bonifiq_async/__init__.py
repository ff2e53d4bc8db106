"""asyncio client for cashback APIs: money moves exactly once, and when that cannot be known, it is said.

The packages, from the bottom to the top; each imports what stands above it in this list, never the reverse:

    _model/          the values: operations, outcomes, evidence, money, secrets, errors; validation; JSON
    _pages/          pages and pictures of results: HTML and SVG that need nothing from outside
    _policy/         the pure decisions: what an answer proves, whether to send again, which error to raise
    _concurrency/    the clock, timers, yielding to the event loop, the limiter in front of the connections
    _limits/         the provider's limit as its answers show it, and whether a request may leave now
    ledger/          the record of each change and its outcome: in memory, in an SQLite file, in PostgreSQL
    _transport/      one attempt over aiohttp: session, connection pool, the public path and the fast path
    _delivery/       one call: single flight by key, claims, attempts until the call ends, what is in doubt
    _provider/       what every provider is built of, and the registry: the one list of the providers
    bonifiq/         the provider BonifiQ: operations, payloads, answers, client, files, sandbox
    raba7ni/         the provider Raba7ni: the same parts
    batch/           many changes at once: order per customer, turns, outages
    consumers/       events of a broker, applied once each and then acknowledged
    faststream/      what RabbitMQ, NATS, Redis and Kafka need for that, by FastStream
    dead_letters/    what was put aside at a broker: looked at, and given back
    sandbox/         real HTTP servers on loopback that behave as the providers do, with faults on request
    testing/         for tests of programs that use this library: the virtual clock and the pytest plugin
    verification/    the promises of the library, tried against the sandbox: `bonifiq prove`
    cli/             the console command `bonifiq`

    _log             the library's log: each line is one line, and a terminal may show it
    virtual_time     the documented name of the virtual clock
    webhooks         the documented name of what receives webhooks of BonifiQ

A leading underscore marks what is internal. The public names are the ones in `__all__`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bonifiq_async._concurrency.runtime import Runtime
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
    from bonifiq_async._model.evidence import DuplicateRule, ErrorAnswer
    from bonifiq_async._model.outcome import Attempt, Effect, Notice, Outcome, StopReason, Verdict
    from bonifiq_async._policy.change_key import change_key_for
    from bonifiq_async._policy.retry import RetryPolicy
    from bonifiq_async._transport.connector import PoolLimits
    from bonifiq_async._transport.session import Timeouts
    from bonifiq_async.batch.flow import FlowControl, FlowState
    from bonifiq_async.batch.run import CashbackBatch
    from bonifiq_async.batch.summary import BatchSummary
    from bonifiq_async.bonifiq.calls.caller import UnverifiedOperationWarning
    from bonifiq_async.bonifiq.changes.points import PointsChange
    from bonifiq_async.bonifiq.client import BasicCredentials, BonifiQClient
    from bonifiq_async.bonifiq.payloads import (
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
    from bonifiq_async.bonifiq.public_client import BonifiQPublicClient
    from bonifiq_async.ledger.memory import MemoryLedger
    from bonifiq_async.ledger.postgres.pace import SharedPace
    from bonifiq_async.ledger.postgres.store import PostgresLedger
    from bonifiq_async.ledger.protocol import Ledger
    from bonifiq_async.ledger.sqlite.store import SqliteLedger
    from bonifiq_async.raba7ni.changes import Earn, Redeem, Refund
    from bonifiq_async.raba7ni.client import Raba7niClient, Raba7niCredentials
    from bonifiq_async.raba7ni.member import Member, MemberToken, OneTimeCode, Pin, SignedIn
    from bonifiq_async.raba7ni.operations import SignInPaths
    from bonifiq_async.raba7ni.payloads import (
        CardReward,
        CashbackBalance,
        CashbackCard,
        CashbackConfig,
        CashbackEarned,
        CashbackRedeemed,
        CashbackRefunded,
        CashbackTransaction,
        HistoryPage,
        MaskedMember,
        MemberCheck,
        MemberRegistration,
        OneTimeCodeSent,
        Pagination,
    )

    __version__: str

__all__ = [
    "Attempt",
    "AuthenticationError",
    "BasicCredentials",
    "BatchSummary",
    "BonifiQClient",
    "BonifiQError",
    "BonifiQPublicClient",
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
    "PointsChange",
    "PoolLimits",
    "PostgresLedger",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "RefusedError",
    "RetryAfterTooLong",
    "RetryPolicy",
    "Runtime",
    "Severity",
    "SharedPace",
    "SignInPaths",
    "SignedIn",
    "SqliteLedger",
    "StopReason",
    "Timeouts",
    "UnverifiedOperationWarning",
    "Verdict",
    "change_key_for",
]

_PLACES = {
    "Attempt": "_model.outcome",
    "AuthenticationError": "_model.errors",
    "BasicCredentials": "bonifiq.client",
    "BatchSummary": "batch.summary",
    "BonifiQClient": "bonifiq.client",
    "BonifiQError": "_model.errors",
    "BonifiQPublicClient": "bonifiq.public_client",
    "CardReward": "raba7ni.payloads",
    "CashbackBalance": "raba7ni.payloads",
    "CashbackBatch": "batch.run",
    "CashbackCard": "raba7ni.payloads",
    "CashbackChange": "bonifiq.payloads",
    "CashbackConfig": "raba7ni.payloads",
    "CashbackEarned": "raba7ni.payloads",
    "CashbackRedeemed": "raba7ni.payloads",
    "CashbackRefunded": "raba7ni.payloads",
    "CashbackTransaction": "raba7ni.payloads",
    "ChangeKeyConflict": "_model.errors",
    "CheckoutRemoval": "bonifiq.payloads",
    "ConfigurationError": "_model.errors",
    "CustomerNotFound": "_model.errors",
    "CustomerPoints": "bonifiq.payloads",
    "CustomerPointsToExpire": "bonifiq.payloads",
    "DuplicateRule": "_model.evidence",
    "Earn": "raba7ni.changes",
    "Effect": "_model.outcome",
    "ErrorAnswer": "_model.evidence",
    "FlowControl": "batch.flow",
    "FlowState": "batch.flow",
    "HistoryPage": "raba7ni.payloads",
    "Ledger": "ledger.protocol",
    "LedgerError": "_model.errors",
    "MaskedMember": "raba7ni.payloads",
    "Member": "raba7ni.member",
    "MemberCheck": "raba7ni.payloads",
    "MemberRegistration": "raba7ni.payloads",
    "MemberToken": "raba7ni.member",
    "MemoryLedger": "ledger.memory",
    "NotAppliedError": "_model.errors",
    "Notice": "_model.outcome",
    "OneTimeCode": "raba7ni.member",
    "OneTimeCodeSent": "raba7ni.payloads",
    "OrderOrigin": "bonifiq.payloads",
    "Outcome": "_model.outcome",
    "OutcomeUnknownError": "_model.errors",
    "Pagination": "raba7ni.payloads",
    "PayloadError": "_model.errors",
    "PendingOrder": "bonifiq.payloads",
    "PendingPoints": "bonifiq.payloads",
    "Pin": "raba7ni.member",
    "PointDetailItem": "bonifiq.payloads",
    "PointsChange": "bonifiq.changes.points",
    "PoolLimits": "_transport.connector",
    "Raba7niClient": "raba7ni.client",
    "Raba7niCredentials": "raba7ni.client",
    "Redeem": "raba7ni.changes",
    "Refund": "raba7ni.changes",
    "RefusedError": "_model.errors",
    "RetryAfterTooLong": "_model.errors",
    "RetryPolicy": "_policy.retry",
    "Runtime": "_concurrency.runtime",
    "Severity": "bonifiq.payloads",
    "SignInPaths": "raba7ni.operations",
    "SignedIn": "raba7ni.member",
    "PostgresLedger": "ledger.postgres.store",
    "SharedPace": "ledger.postgres.pace",
    "SqliteLedger": "ledger.sqlite.store",
    "StopReason": "_model.outcome",
    "Timeouts": "_transport.session",
    "UnverifiedOperationWarning": "bonifiq.calls.caller",
    "Verdict": "_model.outcome",
    "change_key_for": "_policy.change_key",
}
"""Where each public name is defined; it is imported from there when it is first asked for."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that the console command starts quickly."""
    # By itself and not by `lazy_names`: importing the package imports nothing else of it.
    if name == "__version__":
        from importlib.metadata import version

        return version("bonifiq-async")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
