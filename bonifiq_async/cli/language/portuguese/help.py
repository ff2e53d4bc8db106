"""The help of the commands and their options."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    # What the library of the command line says on each page.
    "Usage:": "Uso:",
    "Arguments:": "Argumentos:",
    "Options:": "Opções:",
    "Commands:": "Comandos:",
    "[default:": "[padrão:",
    "required]": "obrigatório]",
    "[OPTIONS]": "[OPÇÕES]",
    "COMMAND [ARGS]...": "COMANDO [ARGUMENTOS]...",
    "Show this message and exit.": "Mostra esta mensagem e termina.",
    # What is wrong with what was typed.
    "Error: {message}": "Erro: {message}",
    "there is no option {name}": "a opção {name} não existe",
    "{name} is missing": "falta {name}",
    "there is no command {name}": "o comando {name} não existe; bonifiq --help mostra os que existem",
    "{given} is one too many": "{given} está a mais",
    "{name} needs a value": "{name} precisa de um valor",
    "{name} takes no value": "{name} não aceita valor",
    "{given} is none of {names}": "{given} não é nenhum destes: {names}",
    "a whole number is needed": "é preciso um número inteiro",
    "a number is needed": "é preciso um número",
    "it is {least} or more": "precisa ser {least} ou mais",
    "it is {most} or less": "precisa ser {most} ou menos",
    # The command as a whole.
    "Cashback changes, each applied exactly once. Credentials come from the environment: {environment}.": (
        "Lançamentos de cashback, cada um aplicado exatamente uma vez. As credenciais vêm do ambiente: "
        "{environment}."
    ),
    "{names} and, if need be, {url}": "{names} e, se preciso, {url}",
    "with {option} {variables}": "com {option} {variables}",
    "Exit codes: {codes}.": "Códigos de saída: {codes}.",
    "every change is applied, some of them before and with other words, such as a reason, than the file has now; these stay as they are": (
        "todos os lançamentos estão aplicados, alguns antes e com outras palavras, como um motivo, que as do "
        "arquivo agora; estes ficam como estão"
    ),
    "every change is applied, now or before": "todos os lançamentos estão aplicados, agora ou antes",
    "a bug": "um defeito do programa",
    "usage, configuration, credentials or an invalid file": (
        "uso, configuração, credenciais ou um arquivo inválido"
    ),
    "finished; some changes were refused, or rows that are not valid were left out": (
        "terminado; alguns lançamentos foram recusados, ou linhas inválidas ficaram de fora"
    ),
    "finished; of some changes it is not known whether they are applied, or their keys were used before, not "
    "by this ledger": (
        "terminado; de alguns lançamentos não se sabe se foram aplicados, ou suas chaves já tinham sido usadas, "
        "não por este registro"
    ),
    "stopped early, gave some up or could not print its results; the same command goes on": (
        "parado antes do fim, desistiu de alguns ou não pôde mostrar os resultados; o mesmo comando continua"
    ),
    "interrupted; the same command goes on": "interrompido; o mesmo comando continua",
    # Options that stand before a command.
    "Print the version.": "Mostra a versão.",
    "Of help, tables and errors. Default: BONIFIQ_LANGUAGE, or the locale.": (
        "Da ajuda, das tabelas e dos erros. Padrão: BONIFIQ_LANGUAGE, ou o idioma do sistema."
    ),
    # The commands.
    "Do the main job against the built-in sandbox with faults on, and compare the books.": (
        "Faz o trabalho principal contra o sandbox embutido, com falhas ligadas, e confere as contas."
    ),
    "Validate every row, and compare it with the ledger; send nothing.": "Valida todas as linhas e as compara com o registro; não envia nada.",
    "Write a file of whatever form in the plain one: UTF-8, commas, points; send nothing.": (
        "Grava um arquivo de qualquer formato no formato simples: UTF-8, vírgulas, pontos; não envia nada."
    ),
    "Apply every row once.": "Aplica cada linha uma vez.",
    "Say what a ledger knows: its provider, changes and sums by state, and what is in doubt.": (
        "Diz o que um registro sabe: o provedor, lançamentos e somas por estado, e o que está em dúvida."
    ),
    "Write one page of a run or a period: sums, pictures, errors, what is unknown and how to settle it.": "Grava uma página de uma execução ou de um período: somas, gráficos, erros, o que não se sabe e como resolver.",
    "Print the changes of a ledger that have these effects, as a file that can be applied again.": (
        "Mostra os lançamentos de um registro que têm estes efeitos, como um arquivo que pode ser aplicado de "
        "novo."
    ),
    "Settle what is in doubt: one change by your word, which sends nothing; or all by repeating them.\n\nThis "
    "settles also a change whose key was used before, but not by this ledger.": (
        "Resolve o que está em dúvida: um lançamento pela sua palavra, sem enviar nada; ou todos, repetindo-os."
        "\n\nResolve também um lançamento cuja chave já tinha sido usada, mas não por este registro."
    ),
    "Care for a ledger in PostgreSQL.": "Cuida de um registro no PostgreSQL.",
    "Look at events that were put aside, and replay them.": "Mostra os eventos que foram postos de lado, e os devolve.",
    "amqp://user@host/, nats://host, redis://host or kafka://host:9092; its password is in BONIFIQ_BROKER_PASSWORD.": "amqp://usuario@servidor/, nats://servidor, redis://servidor ou kafka://servidor:9092; a senha fica em BONIFIQ_BROKER_PASSWORD.",
    "One object a line.": "Um objeto por linha.",
    "The queue, stream or topic with the events.": "A fila, o stream ou o tópico com os eventos.",
    "Show the events that were put aside, and why where the broker keeps that.": "Mostra os eventos que foram postos de lado, e por quê, onde o broker guarda isso.",
    "Give all events that were put aside back to their queue, stream or topic.": "Devolve à fila, ao stream ou ao tópico todos os eventos que foram postos de lado.",
    "Make the tables of a ledger in PostgreSQL, or what is missing of them.": "Cria as tabelas de um registro no PostgreSQL, ou o que falta delas.",
    "postgresql://user@host/database?schema=bonifiq; its password is in PGPASSWORD or ~/.pgpass.": (
        "postgresql://user@host/database?schema=bonifiq; a senha está em PGPASSWORD ou em ~/.pgpass."
    ),
    "Print the SQL of all tables instead; connect to nothing.": "Só mostra o SQL de todas as tabelas; não se conecta a nada.",
    "Run the sandbox in the foreground until Ctrl-C.": "Mantém o sandbox em primeiro plano até Ctrl-C.",
    "Try every promise against the built-in sandbox, with faults and kills; 1 if one does not hold.": (
        "Põe à prova cada promessa contra o sandbox embutido, com falhas e processos mortos; 1 se uma não vale."
    ),
    # Their options.
    ".xlsx, .xls, .ods, CSV with a header, or JSON lines; - is standard input.": (
        ".xlsx, .xls, .ods, CSV com cabeçalho, ou linhas JSON; - é a entrada padrão."
    ),
    "The provider.": "O provedor.",
    "What FILE holds, if its ending does not tell.": "O que FILE contém, se a extensão não diz.",
    "Of a CSV file, such as utf-8 or windows-1252. Default: what it shows.": (
        "De um arquivo CSV, como utf-8 ou windows-1252. Padrão: o que ele mostra."
    ),
    "Of a CSV file: , ; | or tab. Default: what its header shows.": (
        "De um arquivo CSV: , ; | ou tab. Padrão: o que o cabeçalho mostra."
    ),
    "The decimal mark of amounts: , or . Default: what the amounts prove.": (
        "O separador decimal dos valores: , ou . Padrão: o que os valores provam."
    ),
    "The line of the header. Default: the first; none is guessed.": "A linha do cabeçalho. Padrão: a primeira; nenhuma é adivinhada.",
    "The sheet of a spreadsheet, by name or number.": "A planilha do arquivo, por nome ou número.",
    "Which column is what: customer_id, value or points, reason, reference or change_key, customer_reason, kind. "
    "Another provider's are named where one is wrong. May be given again.": (
        "Qual coluna é o quê: customer_id (cliente), value (valor) ou points (pontos), reason (motivo), reference "
        "(pedido) ou change_key (chave), customer_reason, kind. As de outro provedor são ditas quando uma está "
        "errada. Pode ser repetida."
    ),
    "What --save-profile kept of these, where none is given.": (
        "O que --save-profile guardou destas opções, onde nenhuma é dada."
    ),
    "Keep --encoding, --decimal, --map and so on as a profile.": (
        "Guarda --encoding, --decimal, --map e as demais como um perfil."
    ),
    "The file to write, .csv; it must not exist yet.": "O arquivo a gravar, .csv; ainda não pode existir.",
    "One line of JSON on standard output.": "Uma linha de JSON na saída padrão.",
    "One outcome a line: .xlsx, .csv or .jsonl; a run that goes on adds to it.": (
        "Um resultado por linha: .xlsx, .csv ou .jsonl; uma execução que continua acrescenta a ele."
    ),
    "Of what is written in CSV: for programs (plain), or for spreadsheets by their decimal mark. Default: as FILE is.": (
        "Do que é gravado em CSV: para programas (plain), ou para planilhas conforme a marca decimal (comma: vírgula, "
        "point: ponto). Padrão: como em FILE."
    ),
    "Apply the customers of shard I of N alone, from 0; other workers apply the others.": (
        "Aplica só os clientes da parte I de N, a partir de 0; outros processos aplicam as outras."
    ),
    "Apply the file in so many processes, a shard each.": (
        "Aplica o arquivo em tantos processos, cada um com uma parte."
    ),
    "Show how far the shards of its files are, until all are done.": (
        "Mostra o andamento das partes dos arquivos, até que todas estejam concluídas."
    ),
    "The record of what was sent: a file, or the URL of a database. Default: FILE.ledger; for a provider that "
    "de-duplicates nothing, PROVIDER.ledger in the folder of FILE.": (
        "O registro do que foi enviado: um arquivo, ou a URL de um banco de dados. Padrão: FILE.ledger; para um "
        "provedor que não reconhece repetições, "
        "PROVIDER.ledger na pasta de FILE."
    ),
    "Keep no record beside the file.": "Não guarda registro ao lado do arquivo.",
    "The ledger is of this account, whose credentials are new.": (
        "O registro é desta conta, cujas credenciais são novas."
    ),
    "Changes in flight at once, at most; fewer when the provider takes fewer.": (
        "Lançamentos em andamento ao mesmo tempo, no máximo; menos, quando o provedor aceita menos."
    ),
    "Requests in a second, at most.": "Requisições por segundo, no máximo.",
    "Requests in a second, at most. With --shard or --shards: of all workers together.": (
        "Requisições por segundo, no máximo. Com --shard ou --shards: de todos os processos juntos."
    ),
    "Seconds without any success after which the run stops.": (
        "Segundos sem nenhum sucesso depois dos quais a execução para."
    ),
    "Have each sum above it typed before it is sent, also with --yes.": (
        "Faz digitar cada soma acima deste valor antes de enviar, também com --yes."
    ),
    "Do not ask.": "Não pergunta.",
    "Say what would be sent; send nothing.": "Diz o que seria enviado; não envia nada.",
    "Write all that is said of rows to this CSV file.": "Escreve neste arquivo CSV tudo o que se diz das linhas.",
    "Pay a customer and reference again, by another amount, spelling or ledger: both are meant.": "Paga um cliente e referência outra vez, com outro valor, grafia ou registro: os dois são desejados.",
    "Leave out rows that are not valid.": "Deixa de fora as linhas inválidas.",
    "No exit code 4 where a key was used before, not by this ledger: that counts as applied.": (
        "Sem código de saída 4 onde uma chave já tinha sido usada, não por este registro: vale como aplicado."
    ),
    "Ask the provider what helps to decide: the balance now, and the movements of that time.": (
        "Pergunta ao provedor o que ajuda a decidir: o saldo agora, e as movimentações daquele momento."
    ),
    "Such as unknown or not_applied; may be given again.": "Como unknown ou not_applied; pode ser repetida.",
    "The key of the change in doubt.": "A chave do lançamento em dúvida.",
    "What you found out at the provider. It cannot be taken back.": "O que você apurou no provedor. Não pode ser desfeito.",
    "Of CSV, as apply has it for --out. Default: plain.": "De CSV, como o apply a tem para --out. Padrão: plain.",
    "A new file for a spreadsheet: .xlsx, or .csv with --out-form.": "Um arquivo novo para planilha: .xlsx, ou .csv com --out-form.",
    "How you know, and your name.": "Como você sabe, e seu nome.",
    "Such as earn, where several changes in doubt share the key.": (
        "Como earn, onde vários lançamentos em dúvida têm a mesma chave."
    ),
    "Send again, under the same keys, what is in doubt.": (
        "Envia de novo, com as mesmas chaves, o que está em dúvida."
    ),
    "Go on without the ledger's log, if you know that it held nothing more.": (
        "Continua sem o log do registro, se você sabe que não continha mais nada."
    ),
    "How many changes.": "Quantos lançamentos.",
    "Share of requests that fail.": "Parte das requisições que falham.",
    "The same seed repeats a run exactly.": "A mesma semente repete uma execução exatamente.",
    "A fault script, TOML or Python: what each request meets; in place of --faults.": (
        "Um roteiro de falhas, TOML ou Python: o que cada requisição encontra; no lugar de --faults."
    ),
    "0 takes a free one.": "0 usa uma livre.",
    "How a used key is answered, where there are keys. Default: error-400.": (
        "Como se responde a uma chave usada, onde há chaves. Padrão: error-400."
    ),
    "How much is tried: large has 100,000 changes.": "Quanto se põe à prova: large tem 100.000 lançamentos.",
    "Repeats changes, faults and kills.": "Repete lançamentos, falhas e processos mortos.",
    "Try this claim alone.": "Põe à prova só esta promessa.",
    "Write a page with pictures.": "Grava uma página com figuras.",
    "The same where nothing ever has, and all fails in one way: a setting may be wrong.": "O mesmo onde nunca houve sucesso e tudo falha do mesmo modo: uma configuração pode estar errada.",
    "Say of each change when and by which run it was sent, from which file and line, and what came of it.": "Diz de cada lançamento quando e por qual execução foi enviado, de qual arquivo e linha, e o que resultou.",
    "The customer's id.": "O identificador do cliente.",
    "The change key.": "A chave do lançamento.",
    "The order or event id of the row.": "O identificador do pedido ou evento da linha.",
    "Ended at 2026-01-31T14:30 or later.": "Terminado em 2026-01-31T14:30 ou depois.",
    "Ended before that; a day alone is in the period.": "Terminado antes disso; um dia sozinho está no período.",
    "Such as applied; may be given again.": "Como applied; pode ser repetida.",
    "First sent, or ended, by this run.": "Enviado primeiro, ou terminado, por esta execução.",
    "Write a page of this run at its end, as bonifiq report does.": "Grava no fim uma página desta execução, como faz bonifiq report.",
    "The page to write; an earlier page there is replaced.": "A página a gravar; uma página anterior é substituída.",
    "A new CSV file with all that was found.": "Um arquivo CSV novo com tudo o que foi encontrado.",
    "Compare a ledger with what the provider shows of its customers; change nothing.\n\nInterrupted, the same command goes on where it stopped.": "Compara um registro com o que o provedor mostra dos seus clientes; não muda nada.\n\nInterrompido, o mesmo comando continua de onde parou.",
    "List the runs instead.": "Lista as execuções, em vez dos lançamentos.",
    "For programs. Default: a table.": "Para programas. Padrão: uma tabela.",
    "The same as --format jsonl.": "O mesmo que --format jsonl.",
}
