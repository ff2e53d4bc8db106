"""The help of the commands, and what is wrong with a command that was typed, in the reader's language.

Help is declared in English; what was declared is translated where another language is to be read. The library
of the command line has words of its own, in English alone: those that stand on every page are replaced.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Protocol, cast, runtime_checkable

from typer.core import TyperGroup

from bonifiq_async.cli.language.phrase import ENGLISH, Language, Phrase, phrase

WORDS = (
    phrase("Usage:"),
    phrase("Arguments:"),
    phrase("Options:"),
    phrase("Commands:"),
    phrase("[default:"),
    phrase("required]"),
    phrase("[OPTIONS]"),
    phrase("COMMAND [ARGS]..."),
    phrase("Show this message and exit."),
    phrase("Print the version."),
)
"""What the library says on a page of help."""


class _Parameter(Protocol):
    help: str | None


class _Command(Protocol):
    help: str | None
    epilog: str | None
    params: Sequence[_Parameter]

    def get_help(self, ctx: object) -> str: ...


@runtime_checkable
class UsageError(Protocol):
    """What the command line's library raises of what was typed; releases disagree on where the class is."""

    exit_code: int

    def show(self, file: IO[str]) -> None: ...
    def format_message(self) -> str: ...


def translate(group: TyperGroup, language: Language, *about: Phrase) -> None:
    """Make the help of a group and of its commands speak a language; the texts `about` it are phrases."""
    if language is ENGLISH:
        return
    known = {str(each): each.within(language) for each in about}
    group.help, group.epilog = known.get(group.help or ""), known.get(group.epilog or "")
    for each in every_command(group):
        command = cast(_Command, each)
        command.help = in_language(command.help, language)
        for parameter in command.params:
            if hasattr(parameter, "help"):
                parameter.help = in_language(parameter.help, language)
        _translate_page(command, language)


def every_command(group: TyperGroup) -> Iterator[object]:
    """Yield a group, its commands, and those of the groups in it."""
    yield group
    for each in group.commands.values():
        if isinstance(each, TyperGroup):
            yield from every_command(each)
        else:
            yield each


def in_language(english: str | None, language: Language) -> str | None:
    """Return a help text in a language; as it is where there is none for it."""
    said = language.templates.get(english or "")
    return said if isinstance(said, str) else english


def _translate_page(command: _Command, language: Language) -> None:
    original = command.get_help

    def page(ctx: object) -> str:
        return translated_page(original(ctx), language)

    setattr(command, "get_help", page)  # noqa: B010  a method may not be assigned to


def translated_page(page: str, language: Language) -> str:
    """Return a page of help with the library's own words in a language."""
    words = {str(word): word.within(language) for word in WORDS}
    found = re.compile("|".join(map(re.escape, words)))
    return found.sub(lambda match: words[match[0]], page)


def usage_lines(error: UsageError, language: Language) -> Sequence[str]:
    """Return what to say of an error in what was typed: the usage, and what is wrong, each one line."""
    written = io.StringIO()
    error.show(written)
    usage, mark, message = f"\n{written.getvalue()}".rstrip("\n").partition("\nError: ")
    lines = translated_page(usage, language).split("\n")[1:]
    if not mark:
        return lines
    if language is not ENGLISH:
        lines = [line for line in lines if not line.startswith("Try '")]
        message = what_is_wrong(error)
    return [*lines, phrase("Error: {message}", message=message)]


_FORMS: Sequence[tuple[str, Callable[[re.Match[str]], Phrase]]] = (
    (r"^No such command '(.+)'", lambda form: phrase("there is no command {name}", name=form[1])),
    (r"unexpected extra argument\S* \((.+)\)", lambda form: phrase("{given} is one too many", given=form[1])),
    (r"^Option '(.+)' requires", lambda form: phrase("{name} needs a value", name=form[1])),
    (r"^Option '(.+)' does not take", lambda form: phrase("{name} takes no value", name=form[1])),
    (
        r"('.*') is not one of (.+?)\.?$",
        lambda form: phrase("{given} is none of {names}", given=form[1], names=form[2]),
    ),
    (r"valid (?:integer|int)\b", lambda _: phrase("a whole number is needed")),
    (r"valid (?:number|float)\b", lambda _: phrase("a number is needed")),
    (r"greater than or equal to (\S+)", lambda form: phrase("it is {least} or more", least=form[1])),
    (r"less than or equal to (\S+)", lambda form: phrase("it is {most} or less", most=form[1])),
)
"""What the library says of what was typed, by its form, and the same to be translated."""


def what_is_wrong(error: UsageError) -> str:
    """Return what is wrong with what was typed; an unknown sentence of the library stays as it is."""
    kind, message = type(error).__name__, getattr(error, "message", "")
    name = _name(error)
    if kind == "NoSuchOption":
        return phrase("there is no option {name}", name=getattr(error, "option_name", ""))
    if kind == "MissingParameter":
        return phrase("{name} is missing", name=name)
    if kind == "BadParameter":
        return phrase("{name}: {message}", name=name, message=_known(message))
    return _known(error.format_message())


def _known(message: str) -> str:
    if isinstance(message, Phrase):
        return message
    found = ((re.search(form, message), said) for form, said in _FORMS)
    return next((said(form) for form, said in found if form is not None), message)


def _name(error: UsageError) -> str:
    """Return how the parameter is called that an error is about."""
    hint = getattr(error, "param_hint", None)
    parameter = getattr(error, "param", None)
    if hint is None and parameter is not None:
        hint = parameter.get_error_hint()
    return hint if isinstance(hint, str) else " / ".join(hint or ())
