"""A text that the command says: a template with named fields, written in English where it is said."""

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from string import Formatter

from attrs import field, frozen

from bonifiq_async._model.money import has_exponent, spelled
from bonifiq_async._model.printable import printable

Template = str | tuple[str, str]
"""How a language says something; where it has two forms, that for one and that for many, by `count`."""


@frozen
class Language:
    """A language: its name, its template for each English one, and its marks in numbers.

    `marks` has the characters to put for the comma and the point of English. Whole numbers from
    `least_for_one` to 1 take the form for one (Unicode CLDR, plural rules: 1 alone in English, 0 and 1 in the
    Portuguese of Brazil).
    """

    name: str
    templates: Mapping[str, Template] = field(factory=dict, repr=False)
    marks: Mapping[int, str] = field(factory=dict, repr=False)
    least_for_one: int = 1


ENGLISH = Language("en")

READER: ContextVar[Language] = ContextVar("READER", default=ENGLISH)
"""The language of the screen. The entry point sets it once, and the screen alone reads it."""


class Phrase(str):
    """A text in English, which can be shown in another language. `phrase` makes it."""

    template: str
    fields: Mapping[str, object]

    def within(self, language: Language) -> str:
        """Return it in a language; in English where that does not have it."""
        template = language.templates.get(self.template)
        if isinstance(template, tuple):
            template = template[_is_many(self.fields.get("count"), language)]
        if template is None:
            if language is ENGLISH or not self.fields:
                return str(self)
            template = self.template
        return template.format_map({name: _within(value, language) for name, value in self.fields.items()})


def phrase(template: str, many: str | None = None, /, **fields: object) -> Phrase:
    """Return what a template says with its fields; `many` says it of a `count` other than one.

    Numbers, times and phrases have the form of the language. Whatever else is a field becomes `printable`.
    """
    known = {name: _known(value) for name, value in fields.items()}
    english = many if many is not None and _is_many(fields["count"], ENGLISH) else template
    said = Phrase(english.format_map(known))
    said.template, said.fields = template, known
    return said


def rephrased(english: str, template: str, /, **fields: object) -> Phrase:
    """Return a text that others wrote in English, with a template for other languages."""
    said = Phrase(english)
    said.template, said.fields = template, {name: _known(value) for name, value in fields.items()}
    return said


def recognised(text: str, known: Iterable[Phrase], within: Iterable[Phrase] = ()) -> Phrase | None:
    """Return a text that others wrote as one of the `known` phrases; None where it is none of them.

    What stands in its fields is recognised `within` itself, where it can be.
    """
    for each in known:
        found = _form_of(each.template).fullmatch(text)
        if found is not None:
            fields = {
                name: recognised(part, within, within) or part for name, part in found.groupdict().items()
            }
            return rephrased(text, each.template, **fields)
    return None


@lru_cache
def _form_of(template: str) -> re.Pattern[str]:
    """Return what a text looks like that a template of texts alone has made."""
    parts = [
        re.escape(literal) + (f"(?P<{name}>.+?)" if name else "")
        for literal, name, _, _ in Formatter().parse(template)
    ]
    return re.compile("".join(parts), re.DOTALL)


def number(value: int | float | Decimal) -> Phrase:
    """Return a number with every digit that it has, in groups of three; one beyond all money as it came."""
    if isinstance(value, Decimal):
        digits = spelled(value)
        return (
            phrase("{digits}", digits=digits) if has_exponent(digits) else phrase("{value:,f}", value=value)
        )
    return phrase("{value:,}", value=value)


def joined(parts: Iterable[str], separator: str = ", ") -> Phrase:
    """Return several texts as one."""
    fields = {f"part{at}": part for at, part in enumerate(parts)}
    return phrase(separator.join([f"{{{name}}}" for name in fields]), **fields)


def shown(text: str) -> str:
    """Return a text as the reader of the screen is to see it."""
    return text.within(READER.get()) if isinstance(text, Phrase) else text


def _is_many(count: object, language: Language) -> bool:
    return not (isinstance(count, int) and language.least_for_one <= count <= 1)


def _known(value: object) -> object:
    if isinstance(value, Phrase | int | float | Decimal | datetime) and not isinstance(value, bool):
        return value
    return printable(str(value), None)


@frozen
class _Number:
    value: int | float | Decimal
    marks: Mapping[int, str]

    def __format__(self, spec: str) -> str:
        return format(self.value, spec).translate(self.marks)


def _within(value: object, language: Language) -> object:
    """Return a field as a template of the language takes it."""
    if isinstance(value, Phrase):
        return value.within(language)
    return _Number(value, language.marks) if isinstance(value, int | float | Decimal) else value
