"""What is asked afterwards: history, runs, status, exports."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "run {run}, {command} by {user} on {host}": "execução {run}, {command} por {user} em {host}",
    "{state}: {operation} for {customer}": "{state}: {operation} para {customer}",
    "key {key}": "chave {key}",
    "reason {reason}": "motivo {reason}",
    "answer {words}": "resposta {words}",
    "no run is recorded": "nenhuma execução registrada",
    "ended, first sent": "término, primeiro envio",
    "amount": "valor",
    "change": "lançamento",
    "not ended": "sem término",
    "last sent by {run}": "enviado por último pela {run}",
    "ended by {run}": "terminado pela {run}",
    "{count:,} attempt": ("{count:,} tentativa", "{count:,} tentativas"),
    "No run has been recorded.": "Nenhuma execução foi registrada.",
    "What the keys of {provider} are made of is not known here: ask with --key.": "Não se sabe aqui de que são feitas as chaves de {provider}: pergunte com --key.",
    "The ledger {ledger} has no run {run}; bonifiq history {ledger} --runs lists them.": "O registro {ledger} não tem a execução {run}; bonifiq history {ledger} --runs lista todas.",
    "{text} is no time: write 2026-01-31 or 2026-01-31T14:30, with a zone (-03:00) if need be": "{text} não é uma data: escreva 2026-01-31 ou 2026-01-31T14:30, com fuso (-03:00) se preciso",
    "The ledger has changes of {customer}: probably that is meant.": "O registro tem lançamentos de {customer}: provavelmente é o que se quer.",
    # Runs.
    "Run {run} ({what}, begun {begun} by {user} on {host})": "Execução {run} ({what}, iniciada {begun} por {user} em {host})",
    "{at:%Y-%m-%d %H:%M:%S %z}": "{at:%d/%m/%Y %H:%M:%S %z}",
    "ended {time}: {counts}": "terminou {time}: {counts}",
    "no change": "nenhum lançamento",
    "not ended, and its process is gone: it was killed, or could not write down its end": "sem término, e seu processo não existe mais: foi morto, ou não conseguiu gravar o seu término",
    "under way": "em curso",
    # Status.
    "yes": "sim",
    "no": "não",
    "applied in all": "aplicados ao todo",
    "Provider: {provider}": "Provedor: {provider}",
    "none yet": "nenhum ainda",
    "The last runs; bonifiq history --runs has all:": "As últimas execuções; bonifiq history --runs tem todas:",
    "In doubt: {key}: {operation} {amount} for {customer}, {sent} {time}": "Em dúvida: {key}: {operation} {amount} para {customer}, {sent} {time}",
    "sent": "enviado",
    "may have been sent since": "pode ter sido enviado desde",
    "balance now {amount}": "saldo agora {amount}",
    "<- this much": "<- este valor",
    "    no movement of that amount at that time": "    nenhuma movimentação desse valor naquele momento",
    "    no movement at that time": "    nenhuma movimentação naquele momento",
    "and {count:,} more; bonifiq export {ledger} --effect unknown has them all": "e mais {count:,}; bonifiq export {ledger} --effect unknown mostra todos",
    "{count:,} used_elsewhere: their keys were used before, the provider says, and not by what is recorded here. bonifiq export {ledger} --effect used_elsewhere has them; bonifiq settle {ledger} --key KEY --as applied (or not_applied) --note ... takes your word for one": "{count:,} used_elsewhere: suas chaves já tinham sido usadas, diz o provedor, e não pelo que está registrado aqui. bonifiq export {ledger} --effect used_elsewhere mostra todos; bonifiq settle {ledger} --key KEY --as applied (ou not_applied) --note ... registra a sua palavra sobre um",
    "There is nothing to look up for changes of {provider}: bonifiq settle LEDGER --all-by-repeating settles them under their keys.": "Não há o que consultar para lançamentos de {provider}: bonifiq settle LEDGER --all-by-repeating os resolve com suas chaves.",
    "To settle them, run the apply that left them again, or bonifiq settle {ledger} --all-by-repeating: both send them again under their keys": "Para resolvê-los, rode de novo o apply que os deixou, ou bonifiq settle {ledger} --all-by-repeating: ambos os enviam de novo com suas chaves",
    "They are not sent again. When you have found out what became of one: bonifiq settle {ledger} --key KEY --as applied (or not_applied) --note ...": "Não são enviados de novo. Quando tiver apurado o que houve com um: bonifiq settle {ledger} --key KEY --as applied (ou not_applied) --note ...",
    # Exports, and where it is recorded what is sent.
    "The ledger {ledger} holds changes of {provider}, which is not known here.": "O registro {ledger} contém lançamentos de {provider}, que não é conhecido aqui.",
    "{provider} de-duplicates nothing: apply this with --ledger {ledger}, which knows what was sent, and with no other.": "{provider} não reconhece repetições: aplique isto com --ledger {ledger}, que sabe o que foi enviado, e com nenhum outro.",
    "{name} is none of {names}": "{name} não é um destes: {names}",
    "{count:,} of them have an empty text or outer blanks, which CSV does not keep: applied from it, they are refused as other changes. Use --format jsonl.": (
        "{count:,} deles tem um texto vazio ou espaços nas pontas, que o CSV não guarda: aplicado a partir dele, é recusado como outro lançamento. Use --format jsonl.",
        "{count:,} deles têm um texto vazio ou espaços nas pontas, que o CSV não guarda: aplicados a partir dele, são recusados como outros lançamentos. Use --format jsonl.",
    ),
    "{count:,} change is left out, which no file can have: see bonifiq history.": (
        "{count:,} lançamento fica de fora, pois nenhum arquivo pode tê-lo: veja bonifiq history.",
        "{count:,} lançamentos ficam de fora, pois nenhum arquivo pode tê-los: veja bonifiq history.",
    ),
    "What is sent is recorded in {ledger}, with all other files beside it; the same command goes on there.": "O que é enviado fica registrado em {ledger}, com todos os outros arquivos ao lado; o mesmo comando continua dali.",
    "What is sent is recorded in {ledger}; the same command goes on there.": "O que é enviado fica registrado em {ledger}; o mesmo comando continua dali.",
    "{own} may have what was sent of {file}, and {shared} would be begun anew. Nothing was sent; say which one it is with --ledger.": "{own} pode ter o que foi enviado de {file}, e {shared} começaria do zero. Nada foi enviado; diga qual é com --ledger.",
}
