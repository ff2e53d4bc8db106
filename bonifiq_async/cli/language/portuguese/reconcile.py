"""The ledger against what the provider shows."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "{count:,} customer to ask about.": ("{count:,} cliente a consultar.", "{count:,} clientes a consultar."),
    "There is nothing to compare changes of {provider} with: it shows no balance.": "Não há com que comparar os lançamentos de {provider}: não mostra saldo.",
    "ledger and provider": "registro e provedor",
    "changes, movements": "lançamentos, movimentações",
    "agrees": "confere",
    "missing there": "falta lá",
    "not ours": "não é nosso",
    "may be ours": "pode ser nosso",
    "in doubt": "em dúvida",
    "cannot tell": "não dá para saber",
    "and {count:,} more; --out FILE.csv writes them all": "e mais {count:,}; --out FILE.csv grava todos",
    "movement of {amount} at {at} ({event})": "movimentação de {amount} em {at} ({event})",
    "{operation} {amount}, {state}, key {key}": "{operation} {amount}, {state}, chave {key}",
    # Why.
    "a movement of its amount is there at its time": "há uma movimentação do seu valor na sua hora",
    "a movement of its amount is there at its time: it seems to be applied": "há uma movimentação do seu valor na sua hora: parece aplicado",
    "no movement of its amount is there at its time": "não há movimentação do seu valor na sua hora",
    "no movement of its amount is there at its time: it seems not to be applied": "não há movimentação do seu valor na sua hora: parece não aplicado",
    "a movement of its amount at its time was cancelled there": "uma movimentação do seu valor na sua hora foi cancelada lá",
    "nothing of it is there, as the ledger has it": "nada dele está lá, como diz o registro",
    "the ledger has it as not applied, and a movement of its amount is there at its time": "o registro diz que não foi aplicado, e há uma movimentação do seu valor na sua hora",
    "it is of an order, and no ledger has what orders give or take": "é de um pedido, e nenhum registro tem o que os pedidos dão ou tiram",
    "at its time the ledger has a change that names no customer, such as a cancelled part of an order": "na sua hora o registro tem um lançamento sem cliente, como uma parte cancelada de um pedido",
    "no change of this ledger explains it": "nenhum lançamento deste registro explica isto",
    "no movement of its amount is there: the provider may have taken less, or given it back": "não há movimentação do seu valor: o provedor pode ter tirado menos, ou devolvido",
    "it may be of a change of which no amount is known": "pode ser de um lançamento cujo valor não se conhece",
    "by how much it moved the balance is not known": "não se sabe quanto moveu o saldo",
    "the provider does not show what would tell it": "o provedor não mostra o que permitiria saber",
    "the provider shows no movements under the name that the change has": "o provedor não mostra movimentações com o nome que o lançamento tem",
    "the look-up failed ({why}): run reconcile again": "a consulta falhou ({why}): rode reconcile de novo",
    "the answer is not as it is documented": "a resposta não é como está documentada",
    "the provider does not know this customer": "o provedor não conhece este cliente",
    "the provider shows a balance, and no movements": "o provedor mostra um saldo, e nenhuma movimentação",
    "the movements that the provider shows do not come to the balance: some are not shown": "as movimentações que o provedor mostra não somam o saldo: algumas não aparecem",
    "the history is longer than the {most:,} lines that are read": "o histórico é mais longo que as {most:,} linhas que são lidas",
    # The file of a comparison that is not at its end.
    "Another process compares with this ledger: it has {file}.": "Outro processo está comparando com este registro: ele tem {file}.",
    "{file}, which has how far the comparison is, cannot be used: {why}. Delete it to begin anew.": "{file}, que guarda até onde foi a comparação, não pode ser usado: {why}. Apague-o para começar de novo.",
    "reconcile: the ledger and the provider do not agree": "reconcile: o registro e o provedor não conferem",
}
