"""What a client has in doubt: which doubt is stronger, and which doubts a grant ends."""

import pytest

from bonifiq_async._delivery.in_doubt import Doubts, Why
from bonifiq_async.ledger.protocol import Granted

PLACE, DIGEST = ("change", "k"), b"digest"
FRESH, CLEARED = Granted(1, False), Granted(2, False, cleared=True)

OUTLIVES = {
    "sent under this ledger, which grants it as new": (Why.SENT, "here", FRESH, True),
    "sent under this ledger, which has it as not applied since": (Why.SENT, "here", CLEARED, False),
    "sent under another ledger": (Why.SENT, "there", FRESH, True),
    "sent under another ledger, and not applied in this one": (Why.SENT, "there", CLEARED, True),
    "held by another call under this ledger": (Why.HELD, "here", FRESH, False),
    "held by another call under another ledger": (Why.HELD, "there", FRESH, True),
    "its claim failed": (Why.UNREAD, "there", FRESH, False),
}


@pytest.mark.parametrize(("why", "book", "granted", "outlives"), OUTLIVES.values(), ids=OUTLIVES.keys())
def test_a_doubt_outlives_a_grant(why: Why, book: str, granted: Granted, outlives: bool) -> None:
    doubts = Doubts(9)
    doubts.note(PLACE, why, DIGEST, book)
    assert doubts.get(PLACE).outlives(granted, "here") is outlives


@pytest.mark.parametrize("first", Why)
@pytest.mark.parametrize("second", Why)
def test_the_stronger_doubt_stays_with_its_digest(first: Why, second: Why) -> None:
    doubts = Doubts(9)
    doubts.note(PLACE, first, b"first", "a")
    doubts.note(PLACE, second, b"second", "b")
    found = doubts.get(PLACE)
    assert (found.why, found.digest) == max((first, b"first"), (second, b"second"), key=lambda each: each[0])
    assert found.ledgers == {book for why, book in ((first, "a"), (second, "b")) if why is not Why.UNREAD}


def test_the_oldest_are_forgotten_first() -> None:
    """A change put in doubt again is the newest."""
    doubts = Doubts(2)
    for key in ("a", "b", "a", "c"):
        doubts.note(("change", key), Why.SENT, DIGEST, "here")
    assert list(doubts) == [("change", "a"), ("change", "c")]
    doubts.pop(("change", "a"), None)
    assert (list(doubts), len(doubts), doubts.get(("change", "b"))) == ([("change", "c")], 1, None)
