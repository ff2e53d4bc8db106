"""Which language the command speaks: what an option says, else a variable of its own, else the locale.

Of the locale's variables, the first that is not empty counts (POSIX.1-2024, XBD 8.2).
"""

from collections.abc import Mapping, Sequence

from bonifiq_async.cli.language.phrase import ENGLISH, Language

OPTION = "--language"
VARIABLES = ("BONIFIQ_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def option_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command with `--language` before it: users put it at the end, too."""
    first, rest = list[str](), list[str]()
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            rest += [argument, *left]
        elif argument == OPTION and (value := next(left, None)) is not None:
            first += [argument, value]
        elif argument.startswith(f"{OPTION}="):
            first += [OPTION, argument.removeprefix(f"{OPTION}=")]
        else:
            rest.append(argument)
    return first + rest


def chosen(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """Return the language that the arguments, as `option_first` returns them, or the environment choose."""
    said = arguments[1] if arguments[:1] == [OPTION] and len(arguments) > 1 else ""
    return language_of(said or next(filter(None, map(environment.get, VARIABLES)), ""))


def language_of(name: str) -> Language:
    """Return the language of a name or of a locale, such as `pt` or `pt_BR.UTF-8`; English for all others."""
    if name.lower()[:2] != "pt" or name[2:3].isalpha():
        return ENGLISH
    from bonifiq_async.cli.language.portuguese import PORTUGUESE

    return PORTUGUESE
