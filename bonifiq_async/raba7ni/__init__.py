"""The provider Raba7ni.

answers     the reader: a success is a 2xx and `success: true`; the rest is an error
cards       the card operations of the client
cashback    earn, redeem, refund, balance, and the transactions of the history page by page
changes     what is earned, redeemed and taken back, each under a key that stays on this side
client      the client: one application, one pool of connections, one event loop
envelope    what the envelope says, and the table of what its members state together
evidence/   what the provider shows of a balance, for the command line (an edge)
files       the columns of its files of changes, and how the command line reads a row (an edge)
member      members, the secrets of their sign-in, and what it answers
members     the member operations of the client
operations  the endpoints as data
payloads    what is sent and what is answered, as attrs classes
sandbox/    the sandbox of this provider (an edge)
"""

from typing import TYPE_CHECKING

from bonifiq_async._provider.lazy_names import lazy_names
from bonifiq_async._provider.spec import Environment, ObjectReference, ProviderSpec

if TYPE_CHECKING:
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

__all__ = [
    "CardReward",
    "CashbackBalance",
    "CashbackCard",
    "CashbackConfig",
    "CashbackEarned",
    "CashbackRedeemed",
    "CashbackRefunded",
    "CashbackTransaction",
    "Earn",
    "HistoryPage",
    "MaskedMember",
    "Member",
    "MemberCheck",
    "MemberRegistration",
    "MemberToken",
    "OneTimeCode",
    "OneTimeCodeSent",
    "Pagination",
    "Pin",
    "Raba7niClient",
    "Raba7niCredentials",
    "Redeem",
    "Refund",
    "SignInPaths",
    "SignedIn",
]

PORTUGUESE: dict[str, str] = {
    "purchases": "compras",
    "refunds, redemptions": "devoluções, resgates",
    "operation is {shown}; write earn or refund": "operation é {shown}; escreva earn ou refund",
    "operation is 'redeem', which needs the member's sign-in: redeem from a program": (
        "operation é 'redeem', que precisa do acesso do membro: resgate a partir de um programa"
    ),
    "{name} belongs to the operation {operation} alone": "{name} pertence só à operação {operation}",
    "{field} is {shown}; write a whole number": "{field} é {shown}; escreva um número inteiro",
    "metadata is no JSON object": "metadata não é um objeto JSON",
    "the provider shows balance and history by member id, and this is {member}": (
        "o provedor mostra saldo e histórico pelo id do membro, e este é {member}"
    ),
    "{count} movements were read": "{count} movimentações foram lidas",
    "{count} movements were read, and there may be more": (
        "{count} movimentações foram lidas, e pode haver mais"
    ),
    "it takes {amount} if it took effect": "retira {amount} se teve efeito",
    "it moves about {amount} ({percentage}%) if it took effect": (
        "movimenta cerca de {amount} ({percentage}%) se teve efeito"
    ),
    "by how much it moves the balance, the card does not say": "o cartão não diz quanto o saldo muda",
    "by how much it moves the balance, the card's percentage does not tell": (
        "a porcentagem do cartão não diz quanto o saldo muda"
    ),
    "raba7ni knows no keys, so that none is used twice: leave out --duplicates.": (
        "raba7ni não tem chaves, então nenhuma é usada duas vezes: deixe --duplicates de fora."
    ),
}
"""What the command line says of it alone, in Portuguese; here, because `files` imports the client."""

PROVIDER = ProviderSpec(
    name="raba7ni",
    title="Raba7ni",
    environment=Environment("RABA7NI_BASE_URL", ("RABA7NI_APP_ID", "RABA7NI_API_KEY")),
    client=ObjectReference(f"{__name__}.client", "Raba7niClient"),
    operations=ObjectReference(f"{__name__}.operations", "OPERATIONS"),
    files=ObjectReference(f"{__name__}.files", "ADAPTER"),
    sandbox=ObjectReference(f"{__name__}.sandbox.sandbox", "Raba7niSandbox"),
    sandbox_options={
        "faults": "names of what the requests meet, in order, or a FaultScript",
        "cards": "percentages by card id",
        "members": "the ids that exist",
        "scopes": "what the key may do",
    },
    portuguese=ObjectReference(__name__, "PORTUGUESE"),
)
"""What the registry loads."""

_PLACES = {
    "CardReward": f"{__name__}.payloads",
    "CashbackBalance": f"{__name__}.payloads",
    "CashbackCard": f"{__name__}.payloads",
    "CashbackConfig": f"{__name__}.payloads",
    "CashbackEarned": f"{__name__}.payloads",
    "CashbackRedeemed": f"{__name__}.payloads",
    "CashbackRefunded": f"{__name__}.payloads",
    "CashbackTransaction": f"{__name__}.payloads",
    "Earn": f"{__name__}.changes",
    "HistoryPage": f"{__name__}.payloads",
    "MaskedMember": f"{__name__}.payloads",
    "Member": f"{__name__}.member",
    "MemberCheck": f"{__name__}.payloads",
    "MemberRegistration": f"{__name__}.payloads",
    "MemberToken": f"{__name__}.member",
    "OneTimeCode": f"{__name__}.member",
    "OneTimeCodeSent": f"{__name__}.payloads",
    "Pagination": f"{__name__}.payloads",
    "Pin": f"{__name__}.member",
    "Raba7niClient": f"{__name__}.client",
    "Raba7niCredentials": f"{__name__}.client",
    "Redeem": f"{__name__}.changes",
    "Refund": f"{__name__}.changes",
    "SignInPaths": f"{__name__}.operations",
    "SignedIn": f"{__name__}.member",
}
"""Where each name is defined; it is imported from there when it is first asked for."""
__getattr__ = lazy_names(__name__, _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
