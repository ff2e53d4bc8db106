"""What is wrong with files, rows and cells."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "line {line}": "linha {line}",
    "lines {first} to {last}": "linhas {first} a {last}",
    "{one} or {other}": "{one} ou {other}",
    "column {number}": "coluna {number}",
    "empty": "vazio",
    "{file}, line {line}: {problem}": "{file}, linha {line}: {problem}",
    "columns that mean nothing here: {names}": "colunas sem significado aqui: {names}",
    "members that mean nothing here: {names}": "campos sem significado aqui: {names}",
    "not a JSON object": "não é um objeto JSON",
    "{field} is {shown}; write digits with a point and nothing else, such as 10.50": "{field} é {shown}; escreva algarismos com um ponto e nada mais, como 10.50",
    "{file}, line 1: the header lacks {names}; it has {others}. Nothing was sent.": "{file}, linha 1: faltam no cabeçalho {names}; ele tem {others}. Nada foi enviado.",
    "{where}: {problem}. Nothing was sent.": "{where}: {problem}. Nada foi enviado.",
    "{names} stands there twice, and which of the two counts is not known": "{names} está ali duas vezes, e não se sabe qual das duas vale",
    "{file} has no changes in it. Nothing was sent.": "{file} não contém lançamentos. Nada foi enviado.",
    "{file}, line {line}: not UTF-8. Save the file as UTF-8. Nothing was sent.": "{file}, linha {line}: não é UTF-8. Salve o arquivo como UTF-8. Nada foi enviado.",
    "What was sent before is accounted for.": "O que foi enviado antes está contabilizado.",
    "{file} cannot be read: {why}. {meaning}": "Não é possível ler {file}: {why}. {meaning}",
    "{file}, line {line}: not CSV ({why}). Nothing was sent.": "{file}, linha {line}: não é CSV ({why}). Nada foi enviado.",
    "{cells} cells, but the header has {width}": "{cells} células, mas o cabeçalho tem {width}",
    "the cell under {name} has a line break, which has no place there: take it out, or the quotes that make one cell of several lines": "a célula em {name} tem uma quebra de linha, que não cabe ali: tire-a, ou as aspas que fazem de várias linhas uma célula",
    "{file}, {lines}: the header has a line break in a cell. Nothing was sent; take it out, or the quotes that make one cell of several lines.": "{file}, {lines}: o cabeçalho tem uma quebra de linha numa célula. Nada foi enviado; tire-a, ou as aspas que fazem de várias linhas uma célula.",
    "{file} is empty. Nothing was sent.": "{file} está vazio. Nada foi enviado.",
    "the header has {names} twice": "o cabeçalho tem {names} duas vezes",
}
