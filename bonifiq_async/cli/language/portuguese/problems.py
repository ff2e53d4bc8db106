"""The kinds of what is said of a row, and what to do."""

from collections.abc import Mapping

from bonifiq_async.cli.language.phrase import Template

TEMPLATES: Mapping[str, Template] = {
    "{count:,} row: {what}; first at {where}: {shown}. {advice}": (
        "{count:,} linha: {what}; a primeira, {where}: {shown}. {advice}",
        "{count:,} linhas: {what}; a primeira, {where}: {shown}. {advice}",
    ),
    "the row does not have the form of the others": "a linha não tem a forma das outras",
    "Correct the rows.": "Corrija as linhas.",
    "a cell has a line break": "uma célula tem uma quebra de linha",
    "Take it out.": "Tire-o.",
    "a member stands there twice": "um campo está ali duas vezes",
    "Take one of the two out.": "Tire um dos dois.",
    "a cell is empty": "uma célula está vazia",
    "Fill it in.": "Preencha-a.",
    "a cell is not valid": "uma célula não é válida",
    "Correct it.": "Corrija-a.",
    "a cell is no amount": "uma célula não é um valor",
    "Write digits with a decimal mark, and no more.": "Escreva algarismos com um separador decimal, e nada mais.",
    "the amount has a decimal comma": "o valor tem vírgula decimal",
    "Say --decimal , if all amounts have one; if some have a point, write all in one way.": "Diga --decimal , se todos os valores a têm; se alguns têm ponto, escreva todos do mesmo modo.",
    "the amount has a decimal point": "o valor tem ponto decimal",
    "Say --decimal . if all amounts have one; if some have a comma, write all in one way.": "Diga --decimal . se todos os valores o têm; se alguns têm vírgula, escreva todos do mesmo modo.",
    "an amount has more decimals than its currency": "um valor tem mais casas decimais que a sua moeda",
    "Round it; if its point groups thousands, say --decimal ,": "Arredonde-o; se o ponto separa milhares, diga --decimal ,",
    "a spreadsheet has spoilt the cell": "uma planilha estragou a célula",
    "Make its column one of text, and take the cell from its source again.": "Faça da coluna uma de texto, e tome a célula de novo da sua origem.",
    "a cell has an invisible character": "uma célula tem um caractere invisível",
    "a CPF or CNPJ lost its first zeros": "um CPF ou CNPJ perdeu os primeiros zeros",
    "Make its column one of text, and write the zeros.": "Faça da coluna uma de texto, e escreva os zeros.",
    "a cell is neither text nor a number": "uma célula não é nem texto nem número",
    "Write it as text, or as a number.": "Escreva-a como texto, ou como número.",
    "the key stands for two changes": "a chave vale para dois lançamentos",
    "Take out the row that is wrong, or give it a key of its own.": "Tire a linha errada, ou dê-lhe uma chave própria.",
    "{list} is no list of problems and stays as it is: name another file. Nothing was sent.": "{list} não é uma lista de problemas e fica como está: diga outro arquivo. Nada foi enviado.",
    "{list} cannot be written: {why}. Nothing was sent; name another file with --problems, or leave it out.": "Não é possível escrever {list}: {why}. Nada foi enviado; diga outro arquivo com --problems, ou deixe-o de fora.",
}
