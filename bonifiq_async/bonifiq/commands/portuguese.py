"""What these commands and BonifiQ's files say, in Portuguese."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

PORTUGUESE: Mapping[str, Template] = {
    "Show a customer's balance (BonifiQ).": "Mostra o saldo de um cliente (BonifiQ).",
    "Show what a customer has not been granted yet (BonifiQ).": (
        "Mostra o que um cliente ainda não recebeu (BonifiQ)."
    ),
    "Take the cashback off a checkout (BonifiQ).": "Tira o cashback de um checkout (BonifiQ).",
    "List every operation of the API, with how sure it is and whether a repeat is safe (BonifiQ).": (
        "Lista todas as operações da API, com o grau de certeza e se repetir é seguro (BonifiQ)."
    ),
    "Show the data of a customer (BonifiQ).": "Mostra os dados de um cliente (BonifiQ).",
    "Show an order, by its id in the store (BonifiQ).": "Mostra um pedido, pelo id na loja (BonifiQ).",
    "List what a customer's points did, page by page (BonifiQ).": (
        "Lista o que aconteceu com os pontos de um cliente, página por página (BonifiQ)."
    ),
    "List the customers with their balances, page by page (BonifiQ).": (
        "Lista os clientes com seus saldos, página por página (BonifiQ)."
    ),
    "List points that expire, or that customers received, page by page (BonifiQ).": (
        "Lista os pontos que expiram, ou que os clientes receberam, página por página (BonifiQ)."
    ),
    "What expires, is to be warned of, or was received.": "O que expira, o que avisar, ou o recebido.",
    "From this day on; not of what was received.": "A partir deste dia; não para o que foi recebido.",
    "Up to this day.": "Até este dia.",
    "what was received has no period": "o que foi recebido não tem período",
    "Not all of this report was seen documented: see bonifiq operations.": (
        "Nem tudo deste relatório foi visto documentado: veja bonifiq operations."
    ),
    "Created from this day on, such as 2026-03-01.": "Criados a partir deste dia, como 2026-03-01.",
    "Created up to this day.": "Criados até este dia.",
    "Customers of a page, at most 500.": "Clientes por página, no máximo 500.",
    "{name} is no day such as 2026-03-01": "{name} não é um dia como 2026-03-01",
    "operation": "operação",
    "repeat, key": "repetição, chave",
    "source": "fonte",
    "R$ {amount}": "R$ {amount}",
    "{amount} {unit}": "{amount} {unit}",
    "{amount} points": "{amount} pontos",
    "kind is {kind}; write cashback or points": "kind é {kind}; escreva cashback ou pontos",
    "value and points are both there; leave one empty": "value e points estão preenchidos; deixe um vazio",
    "kind is cashback, and its number is under points": "kind é cashback, e o número está em points",
    "{name} is {number}; points are whole numbers, without decimals": (
        "{name} é {number}; pontos são números inteiros, sem casas decimais"
    ),
    "{name} is {number}; that is too large": "{name} é {number}; é grande demais",
    "give exactly one of change_key and reference": "informe change_key ou reference, uma das duas",
    "customer id": "identificador do cliente",
    "customer exists": "cliente existe",
    "cashback balance": "saldo de cashback",
    "points balance": "saldo de pontos",
    "name": "nome",
    "total pending points": "total de pontos pendentes",
    "total pending cashback": "total de cashback pendente",
    "pending orders": "pedidos pendentes",
    "id in the store": "id na loja",
    "public id": "id público",
    "e-mail": "e-mail",
    "phone": "telefone",
    "document": "documento",
    "birthday": "aniversário",
    "signed up": "cadastro",
    "takes part": "participa",
    "placed": "feito em",
    "completed": "concluído em",
    "cancelled": "cancelado em",
    "changed": "alterado em",
    "status": "situação",
    "is cancelled or returned": "cancelado ou devolvido",
    "is completed": "concluído",
    "total": "total",
    "coupon": "cupom",
    "external coupon": "cupom externo",
    "date": "data",
    "points": "pontos",
    "title": "título",
    "cashback": "cashback",
    "expires": "expira em",
    "message": "mensagem",
    "repeated": "repetido",
    "The checkout's current total, such as 99.90.": "O total atual do checkout, como 99.90.",
}
