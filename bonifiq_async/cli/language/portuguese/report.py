"""The page of a run or of a period."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "All changes of {ledger}": "Todos os lançamentos de {ledger}",
    "The report is in {file}.": "O relatório está em {file}.",
    "Run {run}": "Execução {run}",
    "Changes from {since} to {until}": "Lançamentos de {since} a {until}",
    "Changes since {since}": "Lançamentos desde {since}",
    "Changes until {until}": "Lançamentos até {until}",
    "The page {path} cannot be written: {why}.": "Não é possível gravar a página {path}: {why}.",
    "needs a ledger, in which the changes are recorded": "precisa de um registro, onde os lançamentos ficam gravados",
    # What stands on it.
    "{at:%Y-%m-%d %H:%M:%S}": "{at:%d/%m/%Y %H:%M:%S}",
    "{at:%Y-%m-%d}": "{at:%d/%m/%Y}",
    "Ledger": "Registro",
    "Provider": "Provedor",
    "Report made": "Relatório feito em",
    "First sent": "Primeiro envio",
    "Last event": "Último evento",
    "Requests": "Requisições",
    "Changes in a second, on average": "Lançamentos por segundo, em média",
    "{applied:,} of {changes:,} changes are applied.": "{applied:,} de {changes:,} lançamentos estão aplicados.",
    "At the end of the run, {applied:,} of {changes:,} changes were applied.": "No fim da execução, {applied:,} de {changes:,} lançamentos estavam aplicados.",
    "{count:,} of them had been applied before.": (
        "{count:,} deles já estava aplicado antes.",
        "{count:,} deles já estavam aplicados antes.",
    ),
    "{count:,} was refused.": ("{count:,} foi recusado.", "{count:,} foram recusados."),
    "{count:,} was not applied.": ("{count:,} não foi aplicado.", "{count:,} não foram aplicados."),
    "{count:,} was sent again or settled later (run {runs}): below is what stands of it today.": (
        "{count:,} foi reenviado ou resolvido depois (execução {runs}): abaixo está como se encontra hoje.",
        "{count:,} foram reenviados ou resolvidos depois (execução {runs}): abaixo está como se encontram hoje.",
    ),
    "{count:,} is in no list below: it stands under another run, or under none.": (
        "{count:,} não está nas listas abaixo: consta em outra execução, ou em nenhuma.",
        "{count:,} não estão nas listas abaixo: constam em outras execuções, ou em nenhuma.",
    ),
    "Of {count:,} it is not known.": "De {count:,} não se sabe.",
    "{count:,} has a key that was used elsewhere.": (
        "{count:,} tem uma chave usada em outro lugar.",
        "{count:,} têm uma chave usada em outro lugar.",
    ),
    "The run ended early: {count:,} was not tried.": (
        "A execução terminou antes do fim: {count:,} não foi tentado.",
        "A execução terminou antes do fim: {count:,} não foram tentados.",
    ),
    "The run has not ended: the file may have more changes.": "A execução não terminou: o arquivo pode ter mais lançamentos.",
    "Sums by effect": "Somas por resultado",
    "Sums by day": "Somas por dia",
    "day": "dia",
    "Over time": "Ao longo do tempo",
    "changes that ended": "lançamentos terminados",
    "of them errors": "deles com erro",
    "errors": "erros",
    "{count:,} in {span} at the top": "{count:,} em {span} no ponto mais alto",
    "{seconds:,} s": "{seconds:,} s",
    "{hours:,} h": "{hours:,} h",
    "{days:,} d": "{days:,} d",
    "Errors": "Erros",
    "Settled by hand, or with a remark": "Resolvidos à mão, ou com observação",
    "what was said": "o que foi dito",
    "for example": "por exemplo",
    "others": "outros",
    "and {count:,} changes more, which ended otherwise": "e mais {count:,} lançamentos, que terminaram de outro modo",
    "run {run}, line {line:,}": "execução {run}, linha {line:,}",
    # What is unknown, and how to settle it.
    "Not known: {count:,}": "Não se sabe: {count:,}",
    "That command leaves out changes whose key the provider is not known to count: see there what became of them, and give your word on each.": "Esse comando deixa de fora lançamentos cuja chave não se sabe se o provedor conta: veja lá o que foi feito deles e dê sua palavra sobre cada um.",
    "They may have been applied or not. The provider knows their keys, so that to send them again under the same keys moves no money twice, and tells which it is:": "Podem ter sido aplicados ou não. O provedor conhece as chaves, de modo que enviar de novo com as mesmas chaves não move dinheiro duas vezes, e mostra qual dos dois foi:",
    "They may have been applied or not, and are not sent again: that could move the money twice. Look at what the provider shows, and then give your word on each:": "Podem ter sido aplicados ou não, e não são enviados de novo: isso poderia mover o dinheiro duas vezes. Veja o que o provedor mostra e dê a sua palavra sobre cada um:",
    "A command that takes your word on one; where it was not applied, with --as not_applied:": "O comando que registra a sua palavra sobre um; se ele não foi aplicado, com --as not_applied:",
    "how you know, and your name": "como se sabe, e o seu nome",
    "and {count:,} more; this has them all:": "e mais {count:,}; isto mostra todos:",
    "Keys that were used before: {count:,}": "Chaves que já tinham sido usadas: {count:,}",
    "The provider says that their keys were used before, and this ledger knows of no such request. First look whether another file or ledger applied them (bonifiq reconcile compares with the balances), and give your word on each. Only what was never applied needs a key of its own, under which it is paid:": (
        "O provedor diz que as chaves já tinham sido usadas, e este registro não conhece tal requisição. Veja primeiro se outro arquivo ou registro os aplicou (bonifiq reconcile compara com os saldos), e dê a sua palavra sobre cada um. Só o que nunca foi aplicado precisa de uma chave própria, com a qual é pago:"
    ),
    "since": "desde",
    "customer": "cliente",
    # The runs.
    "Runs": "Execuções",
    "run": "execução",
    "command": "comando",
    "file": "arquivo",
    "by": "por",
    "begun": "começo",
    "changes here": "lançamentos aqui",
    "not ended: its process is gone": "não terminou: o processo não existe mais",
}
