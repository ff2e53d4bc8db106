"""A phrase on a line of a file of the command's own, from which the phrase is made again."""

import json

from bonifiq_async.cli.language.phrase import Phrase, rephrased


def packed(text: str) -> str:
    """Return a text, which may be a phrase, on one line."""
    return json.dumps(_parts(text))


def unpacked(line: str) -> str:
    """Return the text or the phrase that was packed."""
    found = _whole(json.loads(line))
    return found if isinstance(found, Phrase) else str(found)


def _parts(value: object) -> object:
    if isinstance(value, Phrase):
        return [str(value), value.template, {name: _parts(each) for name, each in value.fields.items()}]
    return value if isinstance(value, int | float) else str(value)


def _whole(value: object) -> object:
    if not isinstance(value, list):
        return value
    english, template, fields = value
    return rephrased(english, template, **{name: _whole(each) for name, each in fields.items()})
