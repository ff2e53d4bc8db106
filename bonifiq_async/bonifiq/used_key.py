"""What BonifiQ's errors say of a used key, in English and Portuguese: the answer is not documented.

Four cases are distinguished: the change was made under the key before; a request with it is still being
worked on; the key was used, but what came of that is not said plainly; and nothing of the kind.
"""

import re
import unicodedata
from collections.abc import Sequence

from attrs import evolve

from bonifiq_async._model.evidence import ErrorAnswer

_KEY = r"\b(change ?key|chave|(this|the|same) key)\b"
_WITHIN = r"(?:[^.;]|\.(?!\s|$)){0,160}?"  # to the end of the sentence; amounts have points, too
_DONE = (
    r"\b(already (been )?(used|processed|applied|exists?)|already in use|more than once|mais de uma vez"
    r"|is (a )?duplicated?|ja (existe\w*|(foi )?(utilizad|usad|processad|aplicad)[ao]))\b"
)
_USED_KEY = re.compile(
    r"(duplicated?|already|used|repeated)_?change_?key"
    r"|change_?key_?(is_?|was_?)?(already|duplicated?|in_?use|used|repeated)"
    rf"|{_KEY}{_WITHIN}{_DONE}"
    rf"|\b(already exists?|ja existe){_WITHIN}\b(this|same|esta|mesma) (change ?key|chave)\b"
    rf"|{_KEY}( informada)?( esta| foi| was)? duplica(ted|d[ao])\b"
    r"|\b(already (been )?used|duplicated?|duplicad[ao]|ja (utilizad|usad)[ao]) (change ?key|chave)\b"
)
_ANOTHER = re.compile(
    r"different|differs|other(?!wise)|mismatch|\boutr[ao]|diferente|divergente|unused"
    r"|(key|chave) (de|da|do) (api|acesso|pix)|api ?key|budget"
)
"""What makes a used key not this change's: this change was not made under it."""
_UNPROVEN = re.compile(
    r"reject|rejeit|refus|recus|declin|negad|revers|revert|estorn|desfeit|rolled back|undone|cancel"
    r"|expir|vencid|fail|falh|invalid|conflict|conflit"
    r"|\b(for|by|to|of|with|com|para|por|pel[oa]|d[oa]|n[oa])( the| o| a)? "
    r"(customer|client|cliente|user|usuario|account|conta|store|loja|amount|value|valor|order|pedido)\b"
)
"""Beside a used key: what came of it is open, or it may be another customer's."""
_WORKING = (
    r"\b(in progress|in process|under way|still running|(is|still) processing"
    r"|(being|still|currently) (being )?(processed|executed|applied|handled)"
    r"|em (processamento|andamento|curso|execucao)|sendo (processad|executad|aplicad)[ao])\b"
)
_WAITING = (
    r"\b(pending|pendente|queued|na fila|awaiting|aguardando|currently in use|in use by|later|mais tarde)\b"
)
_IN_PROGRESS = re.compile(
    rf"^(?=.*{_KEY}).*({_WORKING}|{_WAITING})"
    r"|\b(request|operation|change|transaction|requisicao|solicitacao|operacao|alteracao|transacao)\b"
    rf"{_WITHIN}{_WORKING}"
)
_NOT = re.compile(r"\b(not|never|nao|nunca)\b")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


def reports_used_key(answer: ErrorAnswer) -> bool:
    """Say whether an error answer means that the change was made under its key before: the default rule.

    The provider does not document the answer to a reused key, so this reads code name and message,
    in English and Portuguese, and takes nothing for a duplicate that does not speak of the key, or that
    says more of it: that it stands for another change, or was refused, cancelled or reversed, or that its
    request is still in progress.
    """
    texts = texts_of(answer)
    return _used(texts) and not any(
        said.search(text) for said in (_ANOTHER, _UNPROVEN, _IN_PROGRESS) for text in texts
    )


def of_its_key(answer: ErrorAnswer, key: str | None) -> ErrorAnswer:
    """Return what is said of an operation's own key, such as OriginalKey, as it would be said of a ChangeKey.

    Words on the key of another operation stay as they are: they say nothing of this one.
    """
    if key is None or key == "ChangeKey":
        return answer
    own = re.compile(rf"{key.removesuffix('Key')}(?:lation)?([ _]?)key", re.IGNORECASE)
    code_name, message = (
        text and own.sub(r"Change\1Key", text) for text in (answer.code_name, answer.message)
    )
    return evolve(answer, code_name=code_name, message=message)


def is_in_progress(answer: ErrorAnswer) -> bool:
    """Say whether an error answer means that a request with the key is still worked on: its end is open."""
    return any(_IN_PROGRESS.search(text) for text in texts_of(answer))


def leaves_open(answer: ErrorAnswer) -> bool:
    """Say whether the key was used and it is not said plainly what came of it, nor that it was another's."""
    texts = texts_of(answer)
    return (
        _used(texts)
        and any(_UNPROVEN.search(text) for text in texts)
        and not any(_ANOTHER.search(text) for text in texts)
    )


def _used(texts: Sequence[str]) -> bool:
    found = (_USED_KEY.search(text) for text in texts)
    return any(match is not None and not _NOT.search(match[0]) for match in found)


def texts_of(answer: ErrorAnswer) -> Sequence[str]:
    """Return what is said, made plain; the code name also with its words apart."""
    apart = _SEAM.sub(" ", answer.code_name) if answer.code_name else None
    return [_plain(text) for text in (answer.code_name, apart, answer.message) if text]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text[:500].casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(_QUOTED.sub("", bare).split())  # what is quoted is a key, not a statement
