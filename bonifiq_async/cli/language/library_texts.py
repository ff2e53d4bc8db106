"""Sentences of the library that an operator meets, from errors and from ledgers, known again by their form.

The library speaks English, for logs and programs, and its errors carry some causes as texts alone. Each
phrase here is such a sentence, word for word; what is none of them stays English.
"""

from bonifiq_async.cli.language.phrase import Phrase, phrase, recognised
from bonifiq_async.cli.language.server_texts import SENTENCES

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
    phrase("There is no ledger {ledger}.", ledger=""),
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
    phrase(
        "{path} is no ledger: it does not begin as one does. The ledger beside it is {ledger}. Nothing was "
        "sent. Name the ledger; if {name} was one, it is damaged: keep the file for what it holds, and go on "
        "with an earlier copy or a new ledger: the same keys go out again, which does no harm only where the "
        "provider de-duplicates them, and as long as it remembers them.",
        path="",
        ledger="",
        name="",
    ),
    phrase(
        "The ledger {ledger} is of another account: "
        "it was written for {held}, not for {asked}. Nothing was sent; name "
        "another ledger.",
        ledger="",
        held="",
        asked="",
    ),
    phrase(
        "The ledger {ledger} is of another account: "
        "it was written with another {name} and the base URL {before}, not "
        "{now}. Nothing was sent; correct the {name_too} and the base URL, or name another ledger if this is "
        "meant: everything goes out again there, also what is applied already.",
        ledger="",
        name="",
        before="",
        now="",
        name_too="",
    ),
    phrase(
        "The ledger {ledger} is of another account: "
        "it was written with the base URL {before}, not {now}. Nothing was "
        "sent; correct the base URL, or name another ledger if this is meant: everything goes out again "
        "there, also what is applied already.",
        ledger="",
        before="",
        now="",
    ),
    phrase(
        "The ledger {ledger} is of another account: "
        "it was written with another {setting}. Nothing was sent; correct "
        "the {names}, or name another ledger if this is meant: everything goes out again there, also what is "
        "applied already. If the same account has a new {name}, `apply --same-account` goes on here.",
        ledger="",
        setting="",
        names="",
        name="",
    ),
    phrase("No change is in doubt under the key {key} in {path}. Nothing was settled.", key="", path=""),
    phrase(
        "{name}: The base URL has no scheme or no host; give one such as https://host. Nothing was sent.",
        name="",
    ),
    *SENTENCES,
)
"""What an error says as a whole."""

_ATTEMPTS = (
    phrase("was never sent"),
    phrase("was throttled"),
    phrase("was not processed"),
    phrase("failed at the provider"),
    phrase("was sent and got no whole answer"),
    phrase("got an unreadable answer"),
    phrase("was refused by a proxy or a firewall"),
)
_STOPS = (
    phrase("a repeat could apply it twice"),
    phrase("the answer does not fit the contract"),
    phrase("a proxy or a firewall refused it in the provider's place"),
    phrase("all attempts are spent"),
    phrase("the deadline leaves no time"),
    phrase("within the provider's limit its turn comes after the deadline"),
    phrase("the retry quota is spent"),
    phrase("the provider asks to wait longer than allowed"),
    phrase("the provider asks to wait {note}, which is longer than allowed", note=""),
    phrase("the client was closed"),
    phrase("it was applied before"),
    phrase("another call or process is sending it"),
    phrase("it must not be sent again"),
    phrase("nothing has succeeded for too long"),
    phrase("the run was stopped"),
)
_PARTS = (
    *_CAUSES,
    *_ATTEMPTS,
    *_STOPS,
    phrase("no reason given"),
    phrase("it is not what was asked"),
    phrase("it is larger than is read"),
    phrase("status {status}, which proves nothing", status=""),
    phrase("status {status}, {words}", status="", words=""),
    phrase("an earlier run left it in doubt, and {how}", how=""),
    phrase("an earlier call with this key ended unknown"),
    phrase("{how}, and its repeat was refused ({answer})", how="", answer=""),
    phrase("{how} (last: {attempt})", how="", attempt=""),
    phrase("the answer does not fit the contract ({why})", why=""),
    phrase("{how}, and {stopped}", how="", stopped=""),
    phrase("attempt {number} {ended}", number="", ended=""),
    phrase("{ended} with status {status}", ended="", status=""),
    phrase("{ended} ({why})", ended="", why=""),
)
"""Of what is said of how a change ended: the longer form before one that would take its end for a name."""

_STORED = (
    phrase("settled by hand: {note}", note=""),
    phrase("it stood as {state} ({why}) when its sender was answered", state="", why=""),
    phrase("this client has sent it before and got no answer, and this ledger knows nothing of that"),
    phrase("Change {key} was refused by the provider ({answer}). Nothing changed.", key="", answer=""),
    phrase(
        "Change {key} was refused: the provider does not know the customer ({answer}). Nothing changed.",
        key="",
        answer="",
    ),
    phrase(
        "Change {key} was refused: the provider does not accept the credentials ({answer}). Nothing changed; "
        "check the credentials and what they are allowed to do.",
        key="",
        answer="",
    ),
    phrase(
        "Change {key} was refused: the provider does not accept the sign-in of this call, or not the "
        "credentials ({answer}). Nothing changed; sign in again, else check the credentials.",
        key="",
        answer="",
    ),
    phrase(
        "Change {key} was refused on the way: a proxy asks for credentials ({answer}). The provider did not "
        "get it. Nothing changed; give the proxy its user and password.",
        key="",
        answer="",
    ),
    phrase(
        "Change {key} was refused by a proxy or a firewall in the provider's place ({answer}, with a page "
        "that is not the provider's). Nothing changed; ask its operator why.",
        key="",
        answer="",
    ),
    phrase(
        "Change {key} may or may not have been applied: {how}. Repeat it with the same key, or compare the "
        "customer's balance.",
        key="",
        how="",
    ),
    phrase(
        "Change {key} may or may not have been applied: {how}. Do not repeat it; compare the customer's "
        "balance and settle it by hand.",
        key="",
        how="",
    ),
    phrase("Change {key} was given up: {how}. Nothing changed; it may be made again.", key="", how=""),
)
"""What a ledger keeps of how a change ended."""


def cause_said(text: str) -> str:
    """Return a cause in words that are known here, else as it came."""
    return recognised(text, _CAUSES, _CAUSES) or text


def stored_said(text: str) -> str:
    """Return what a ledger keeps of how a change ended in words that are known here, else as it came."""
    return recognised(text, _STORED, (*_STORED, *_PARTS)) or text


def sentence_said(text: str) -> Phrase | None:
    """Return what an error says as a whole, with its cause; None for what is not known here."""
    return recognised(text, _SENTENCES, _CAUSES)
