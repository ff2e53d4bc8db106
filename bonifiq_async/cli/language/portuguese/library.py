"""Sentences of the library, as `library_texts` knows them."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "connection refused at {place}": "conexão recusada em {place}",
    "no answer in time": "sem resposta a tempo",
    "the connection was closed without an answer": "a conexão foi fechada sem resposta",
    "the answer's head broke off": "o cabeçalho da resposta foi interrompido",
    "the answer's body broke off": "o corpo da resposta foi interrompido",
    "the connection broke": "a conexão caiu",
    "what came back is not HTTP/1.1": "o que veio não é HTTP/1.1",
    "{place}: no connection in time": "{place}: sem conexão a tempo",
    "{place}: its name is not known": "{place}: o nome não é conhecido",
    "{place}: its name cannot be looked up now": "{place}: o nome não pode ser consultado agora",
    "{place}: its certificate has expired": "{place}: o certificado venceu",
    "{place}: its certificate is signed by itself": "{place}: o certificado é assinado por si mesmo",
    "{place}: its certificate is for another host name": "{place}: o certificado é de outro nome de servidor",
    "{place}: its certificate comes from an authority that this machine does not know": "{place}: o certificado é de uma autoridade que esta máquina não conhece",
    "{place}: it does not speak TLS there: is it plain http, or another port?": "{place}: ali não se fala TLS: é http simples, ou outra porta?",
    "it speaks TLS there: is it https, or another port?": "ali se fala TLS: é https, ou outra porta?",
    "No space left on device": "não há espaço no disco",
    "No such file or directory": "não há esse arquivo ou pasta",
    "Permission denied": "sem permissão",
    "Is a directory": "é uma pasta",
    "Read-only file system": "o sistema de arquivos é só de leitura",
    "database is locked": "outro programa bloqueia o arquivo",
    "database or disk is full": "o disco está cheio",
    "Nothing has succeeded for {time} s ({cause})": "Nada deu certo há {time} s ({cause})",
    "Nothing has succeeded for {time} s": "Nada deu certo há {time} s",
    "{why}, so the run was stopped. What was in flight is accounted for; nothing else was sent.": "{why}, então a execução foi parada. O que estava em curso foi contado; nada mais foi enviado.",
    "The ledger {path} cannot be opened: {why}. Nothing was sent.": "O registro {path} não pode ser aberto: {why}. Nada foi enviado.",
    "The ledger {path} cannot be written: {why}. Free disk space or give rights there, then run again.": "O registro {path} não pode ser gravado: {why}. Libere espaço em disco ou dê permissão ali, e rode de novo.",
    "The ledger {path} has not taken the change in the time of the call, which sent nothing: another program may have locked the file. Let go of it there, then run again.": "O registro {path} não aceitou o lançamento no tempo da chamada, que nada enviou: outro programa pode ter bloqueado o arquivo. Libere-o ali e rode de novo.",
    "The ledger {path} cannot be used: {why}. Nothing was sent; keep the file, it may hold outcomes.": "O registro {path} não pode ser usado: {why}. Nada foi enviado; guarde o arquivo, ele pode conter resultados.",
    "{path} is no ledger: it does not begin as one does. Nothing was sent. Name the ledger; if {name} was one, it is damaged: keep the file for what it holds, and go on with an earlier copy or a new ledger: the same keys go out again, which does no harm only where the provider de-duplicates them, and as long as it remembers them.": "{path} não é um registro: não começa como um. Nada foi enviado. Informe o registro; se {name} era um, está danificado: guarde o arquivo pelo que contém, e siga com uma cópia anterior ou um registro novo: as mesmas chaves são enviadas de novo, o que só não faz mal onde o provedor reconhece repetições, e enquanto se lembra delas.",
    "No change is in doubt under the key {key} in {path}. Nothing was settled.": "Nenhum lançamento está em dúvida com a chave {key} em {path}. Nada foi resolvido.",
    "{name}: The base URL has no scheme or no host; give one such as https://host. Nothing was sent.": "{name}: a URL base não tem esquema ou servidor; informe uma como https://servidor. Nada foi enviado.",
}
