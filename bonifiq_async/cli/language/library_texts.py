"""Sentences of the library that an operator meets where something usual fails, known again by their form.

The library speaks English, for logs and programs, and its errors carry some causes as texts alone. Each
phrase here is such a sentence, word for word; what is none of them stays English.
"""

from bonifiq_async.cli.language.phrase import Phrase, phrase, recognised

_CAUSES = (
    phrase("connection refused at {place}", place=""),
    phrase("no answer in time"),
    phrase("the connection was closed without an answer"),
    phrase("the answer's head broke off"),
    phrase("the answer's body broke off"),
    phrase("the connection broke"),
    phrase("what came back is not HTTP/1.1"),
    phrase("{place}: no connection in time", place=""),
    phrase("{place}: its name is not known", place=""),
    phrase("{place}: its name cannot be looked up now", place=""),
    phrase("{place}: its certificate has expired", place=""),
    phrase("{place}: its certificate is signed by itself", place=""),
    phrase("{place}: its certificate is for another host name", place=""),
    phrase(
        "{place}: its certificate comes from an authority that this machine does not know",
        place="",
    ),
    phrase("{place}: it does not speak TLS there: is it plain http, or another port?", place=""),
    phrase("it speaks TLS there: is it https, or another port?"),
    phrase("No space left on device"),
    phrase("No such file or directory"),
    phrase("Permission denied"),
    phrase("Is a directory"),
    phrase("Read-only file system"),
    phrase("database is locked"),
    phrase("database or disk is full"),
    phrase("Nothing has succeeded for {time} s ({cause})", time="", cause=""),
    phrase("Nothing has succeeded for {time} s", time=""),
)
"""Why something failed: a part of a sentence."""

_SENTENCES = (
    phrase(
        "{why}, so the run was stopped. What was in flight is accounted for; nothing else was sent.", why=""
    ),
    phrase("The ledger {path} cannot be opened: {why}. Nothing was sent.", path="", why=""),
    phrase(
        "The ledger {path} cannot be written: {why}. Free disk space or give rights there, then run again.",
        path="",
        why="",
    ),
    phrase(
        "The ledger {path} has not taken the change in the time of the call, which sent nothing: another "
        "program may have locked the file. Let go of it there, then run again.",
        path="",
    ),
    phrase(
        "The ledger {path} cannot be used: {why}. Nothing was sent; keep the file, it may hold outcomes.",
        path="",
        why="",
    ),
    phrase(
        "{path} is no ledger: it does not begin as one does. Nothing was sent. Name the ledger; if {name} "
        "was one, it is damaged: keep the file for what it holds, and go on with an earlier copy or a new "
        "ledger: the same keys go out again, which does no harm only where the provider de-duplicates them, "
        "and as long as it remembers them.",
        path="",
        name="",
    ),
    phrase("No change is in doubt under the key {key} in {path}. Nothing was settled.", key="", path=""),
    phrase(
        "{name}: The base URL has no scheme or no host; give one such as https://host. Nothing was sent.",
        name="",
    ),
)
"""What an error says as a whole."""


def cause_said(text: str) -> str:
    """Return a cause in words that are known here, else as it came."""
    return recognised(text, _CAUSES, _CAUSES) or text


def sentence_said(text: str) -> Phrase | None:
    """Return what an error says as a whole, with its cause; None for what is not known here."""
    return recognised(text, _SENTENCES, _CAUSES)
