"""What became of a change, as a screen has it: the word of the code, the files and the options.

In another language, the word of that language stands before it.
"""

from bonifiq_async._model.outcome import Effect
from bonifiq_async.cli.language.phrase import Phrase, phrase
from bonifiq_async.ledger.protocol import State

NOT_TRIED = "not tried"
"""How a run counts the changes that were never begun."""

_NAMES = {
    "applied": phrase("applied"),
    "already_applied": phrase("already_applied"),
    "used_elsewhere": phrase("used_elsewhere"),
    "refused": phrase("refused"),
    "not_applied": phrase("not_applied"),
    "unknown": phrase("unknown"),
    "claimed": phrase("claimed"),
    "in_doubt": phrase("in_doubt"),
    "not_tried": phrase("not tried"),
}


def effect_name(kind: Effect | State | str) -> Phrase:
    """Return how an effect, or the state of a change in a ledger, is called, or what a run counts."""
    name = kind.replace(" ", "_") if isinstance(kind, str) else kind.name.lower()
    return _NAMES.get(name) or phrase("{name}", name=name)
