"""What commands ask and say."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "{file} needs XlsxWriter: pip install 'bonifiq-async[cli]'. Nothing was sent.": "{file} precisa do XlsxWriter: pip install 'bonifiq-async[cli]'. Nada foi enviado.",
    "it was interrupted": "foi interrompido",
    "{file} was not made ({why}). The outcomes are in {lines}, and the same command makes it.": "{file} não foi criado ({why}). Os resultados estão em {lines}, e o mesmo comando o cria.",
    "The outcomes of all runs are in {file}; {before} is of an earlier run and stays as it was.": "Os resultados de todas as execuções estão em {file}; {before} é de uma execução anterior e fica como estava.",
    "{count:,} change": ("{count:,} lançamento", "{count:,} lançamentos"),
    "{count:,} row": ("{count:,} linha", "{count:,} linhas"),
    "Nothing was sent.": "Nada foi enviado.",
    "Interrupted.": "Interrompido.",
    "Standard output takes no more ({why}). Run the same command again.": "A saída padrão não aceita mais nada ({why}). Rode o mesmo comando de novo.",
    "What came of it could not be printed ({lost}); the exit code says how it ended.": "O resultado não pôde ser mostrado ({lost}); o código de saída diz como terminou.",
    # What became of a change: the word of the code stands beside it.
    "applied": "aplicado (applied)",
    "already_applied": "já aplicado antes (already_applied)",
    "used_elsewhere": "chave já usada (used_elsewhere)",
    "refused": "recusado (refused)",
    "not_applied": "não aplicado (not_applied)",
    "unknown": "não se sabe se foi aplicado (unknown)",
    "claimed": "reservado para envio (claimed)",
    "in_doubt": "em dúvida (in_doubt)",
    # Before anything is sent.
    "{file} can be applied": "{file} pode ser aplicado",
    "{file} is refused as it is": "{file} é recusado como está",
    "{verdict}: {changes}, {rows} not valid.": "{verdict}: {changes}, {rows} com erro.",
    "{rows} of {file} cannot be applied, so nothing was sent. Correct the file.": "Não é possível aplicar {rows} de {file}, então nada foi enviado. Corrija o arquivo.",
    "{rows} for a customer and reference with another payment: both would be paid.": "{rows} para um cliente e referência com outro pagamento: os dois seriam pagos.",
    "{ledger} has {rows} of {file}, or probably has: a new ledger could let them be paid again.": "{ledger} já tem {rows} de {file}, ou provavelmente tem: com um registro novo, poderiam ser pagas outra vez.",
    "Say --ledger {ledger}, or --allow-second-amount if all of it is to be paid.": "Use --ledger {ledger}, ou --allow-second-amount se é para pagar tudo.",
    "{count:,} change of earlier runs of this file is applied, or may be, and is not in it now: {key}.": (
        "{count:,} lançamento de execuções anteriores deste arquivo está aplicado, ou pode estar, e não está mais nele: {key}.",
        "{count:,} lançamentos de execuções anteriores deste arquivo estão aplicados, ou podem estar, e não estão mais nele, como {key}.",
    ),
    "Take out what corrects a former amount, or say --allow-second-amount if both are meant.": "Tire o que corrige um valor anterior, ou diga --allow-second-amount se quer os dois.",
    "{count:,} of these has other words in the file than were applied; it stays as it is.": (
        "{count:,} destes tem no arquivo outras palavras que as aplicadas; fica como está.",
        "{count:,} destes têm no arquivo outras palavras que as aplicadas; ficam como estão.",
    ),
    "--skip-invalid leaves out what is not valid.": "--skip-invalid deixa de fora as linhas com erro.",
    "{list} has all that is said of rows: {rows}.": "{list} tem tudo o que se diz das linhas: {rows}.",
    "{file} asks for:": "{file} pede:",
    "{count:,} of them are applied already, says {ledger}.": (
        "{count:,} deles já está aplicado, diz {ledger}.",
        "{count:,} deles já estão aplicados, diz {ledger}.",
    ),
    "{count:,} of them are not sent again: {why}; bonifiq export {ledger} --effect used_elsewhere has them.": (
        "{count:,} deles não é enviado de novo: {why}; bonifiq export {ledger} --effect used_elsewhere o mostra.",
        "{count:,} deles não são enviados de novo: {why}; bonifiq export {ledger} --effect used_elsewhere os mostra.",
    ),
    "In doubt in {ledger}: {changes}, of which none is sent again; bonifiq settle {ledger} takes your word for each.": "Em dúvida em {ledger}: {changes}; nenhum é enviado de novo. bonifiq settle {ledger} registra a sua palavra sobre cada um.",
    "This was a dry run: nothing was sent. {changes}.": "Foi uma simulação: nada foi enviado. {changes}.",
    "{count:,} change would be sent": (
        "{count:,} lançamento seria enviado",
        "{count:,} lançamentos seriam enviados",
    ),
    "Apply {changes} ({sums}) to {provider}, {account}, at {address}, {ledger}?": "Aplicar {changes} ({sums}) em {provider}, {account}, em {address}, {ledger}?",
    "nothing": "nada",
    "no ledger": "sem registro",
    "ledger {ledger}": "registro {ledger}",
    "new ledger {ledger}": "registro novo {ledger}",
    "{ledger} is new. No row of the file is in the ledgers of this account beside it ({others}). If the file corrects one of another folder, name the ledger of that one with --ledger.": (
        "{ledger} é novo. Nenhuma linha do arquivo está nos registros desta conta ao lado dele ({others}). Se o arquivo corrige um de outra pasta, informe o registro daquele com --ledger."
    ),
    "{count:,} more": "mais {count:,}",
    "{text} is no single amount such as 10000.00 or 10000,00": "{text} não é um valor único como 10000.00 ou 10000,00",
    "Type the sum to go on, {sum}": "Digite a soma para continuar, {sum}",
    "{sum} is above --confirm-above, and there is no terminal to type it at. Nothing was sent.": "{sum} passa de --confirm-above, e não há terminal para digitar a soma. Nada foi enviado.",
    "That is not the sum. Nothing was sent.": "Essa não é a soma. Nada foi enviado.",
    "There is no terminal to ask at, so nothing was sent. Add --yes to send.": "Não há terminal para perguntar, então nada foi enviado. Acrescente --yes para enviar.",
    # What options may not be.
    "says the opposite of --ledger; give one of them": "diz o contrário de --ledger; use só uma das duas",
    "{provider} de-duplicates nothing: without a ledger, a second run would apply everything again": "{provider} não reconhece repetições: sem um registro, uma segunda execução aplicaria tudo de novo",
    "standard input has no name to keep a record beside: say where with --ledger, or --no-ledger for none": "a entrada padrão não tem nome ao lado do qual guardar um registro: diga onde com --ledger, ou --no-ledger para nenhum",
    "{one} and {other} are the same file": "{one} e {other} são o mesmo arquivo",
    "stands alone": "não combina com outras opções",
    "stands alone, without --key, --as, --note and --operation": "não combina com --key, --as, --note e --operation",
    "give --key, --as and --note, or --all-by-repeating": "informe --key, --as e --note, ou --all-by-repeating",
    # How a run ended, and how to go on.
    "{count:,} key was used before": (
        "{count:,} chave já tinha sido usada",
        "{count:,} chaves já tinham sido usadas",
    ),
    "{keys}, the provider says, and not by what is recorded here. First look whether another file or ledger applied it: then --accept-used-keys counts it as applied.": "{keys}, diz o provedor, e não pelo que está registrado aqui. Veja primeiro se outro arquivo ou registro o aplicou: nesse caso, --accept-used-keys conta como aplicado.",
    "bonifiq reconcile {ledger} compares with the balances, and bonifiq settle {ledger} --key KEY takes your word for one.": "bonifiq reconcile {ledger} compara com os saldos, e bonifiq settle {ledger} --key KEY registra a sua palavra sobre um.",
    "Only what was never applied needs a key of its own, under which it is paid.": "Só o que nunca foi aplicado precisa de uma chave própria, com a qual é pago.",
    "{out} has {changes} as applied, and {ledger}, which is new, has none of them: name the ledger of these outcomes with --ledger.": "{out} tem {changes} como aplicados, e {ledger}, que é novo, não tem nenhum deles: informe o registro desses resultados com --ledger.",
    "{count:,} outcome stands above, and not in {out}; those before it are there.": (
        "{count:,} resultado está acima, e não em {out}; os anteriores estão lá.",
        "{count:,} resultados estão acima, e não em {out}; os anteriores estão lá.",
    ),
    "--out FILE writes them all": "--out FILE grava todos",
    "all are in {out}": "todos estão em {out}",
    "and {count:,} more with a warning; {where}": "e mais {count:,} com aviso; {where}",
    "and {count:,} more that failed; {where}": (
        "e mais {count:,} que falhou; {where}",
        "e mais {count:,} que falharam; {where}",
    ),
    "To go on, run the same command again; no change is applied twice:": "Para continuar, rode o mesmo comando de novo; nenhum lançamento é aplicado duas vezes:",
    "What is in doubt is not sent again: bonifiq status {ledger} --look helps to decide, and bonifiq settle {ledger} takes your word for each.": "O que está em dúvida não é enviado de novo: bonifiq status {ledger} --look ajuda a decidir, e bonifiq settle {ledger} registra a sua palavra sobre cada um.",
    # convert, export, settle.
    "{to} has {rows} in the plain form: {changes}. Nothing was sent.": "{to} tem {rows} no formato simples: {changes}. Nada foi enviado.",
    "{to} must end in .csv, which the plain form is": "{to} precisa terminar em .csv, que é o formato simples",
    "{to} exists already and stays as it is: name another file.": "{to} já existe e fica como está: escolha outro arquivo.",
    "{to} cannot be written: {why}.": "Não é possível gravar {to}: {why}.",
    "The ledger holds a change that cannot be read: {problem}. Nothing was sent.": "O registro contém um lançamento que não pode ser lido: {problem}. Nada foi enviado.",
    "There is no ledger {ledger}. Nothing was settled.": "Não existe o registro {ledger}. Nada foi resolvido.",
    "{ledger} is taken as whole without its log.": "{ledger} passa a valer como completo sem o seu log.",
    "Change {key} is now recorded as {effect}.": "O lançamento {key} agora está registrado como {effect}.",
    "Nothing in {ledger} is in doubt.": "Nada em {ledger} está em dúvida.",
    "In doubt in {ledger}, to be sent again under the same keys:": "Em dúvida em {ledger}, a enviar de novo com as mesmas chaves:",
    "{count:,} change in doubt is not repeated": (
        "{count:,} lançamento em dúvida não é repetido",
        "{count:,} lançamentos em dúvida não são repetidos",
    ),
    "{doubtful}, because {provider} de-duplicates none: settle each with --key, --as and --note.": "{doubtful}, porque {provider} não reconhece repetições: resolva cada um com --key, --as e --note.",
    "Not repeated: {why}. Settle it with --key, --as and --note.": "Não repetido: {why}. Resolva-o com --key, --as e --note.",
}
