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
}
