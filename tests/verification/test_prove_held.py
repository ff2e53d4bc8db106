"""`bonifiq prove`: the checks of claims on waits, clocks and containers, record by record."""

from decimal import Decimal

import pytest
from attrs import evolve

from bonifiq_async import Effect
from bonifiq_async.ledger.sqlite.owner import Sight
from bonifiq_async.verification import SCALES
from bonifiq_async.verification.bench import Closed, Seen
from bonifiq_async.verification.experiments import clock_steps, containers, early_waits
from bonifiq_async.verification.experiments.containers import CONTAINERS, LATE
from bonifiq_async.verification.finding import Lab
from bonifiq_async.verification.other_process import FAILED, Told, read

HELD = Told("UNKNOWN", "HELD", 0.1, "for 19 s at the most: come back then")
AGAIN = Told("ALREADY_APPLIED", "ANSWERED", 0.1)


def seen(key: str, moment: float, until: float = 0.0) -> Seen:
    """A request of a record."""
    return Seen(moment, key, key, b"", "429-seconds" if until else "", until, None)


def closed(*arrived: Seen, keys: tuple[str, ...] = ("k",)) -> Closed:
    """The record of a provider in whose books these keys took effect."""
    return Closed(arrived, [(key, Decimal(1), key) for key in keys], {}, {})


CONTAINED = containers.Record(
    {"k": HELD}, {"k": HELD}, {"k": AGAIN}, 5.0, True, closed(seen("k", 1.0), seen("k", 6.0))
)
BAD_CONTAINERS = {
    "sent by both at once": evolve(CONTAINED, closed=closed(seen("k", 1.0), seen("k", 4.0))),
    "applied twice": evolve(CONTAINED, closed=closed(*CONTAINED.closed.seen, keys=("k", "k"))),
    "never applied": evolve(CONTAINED, closed=closed(*CONTAINED.closed.seen, keys=())),
    "left unknown": evolve(CONTAINED, later={"k": HELD}),
    "reported while it runs": evolve(CONTAINED, living={"k": AGAIN}),
    "reported when just killed": evolve(CONTAINED, killed_now={"k": AGAIN}),
    "reported without an end": evolve(CONTAINED, living={"k": evolve(HELD, words="it is held")}),
    "waits beyond its patience": evolve(CONTAINED, killed_now={"k": evolve(HELD, late=LATE + 0.1)}),
    "nothing was held": evolve(CONTAINED, killed_now={"k": Told(FAILED, "LedgerError", 0.1)}),
}


def test_a_good_record_of_containers_fulfils_the_claim():
    assert containers.goes_on(CONTAINED).problems == ()
    busy = {"k": HELD, "l": Told(FAILED, "LedgerError", 0.1)}
    assert containers.goes_on(evolve(CONTAINED, killed_now=busy)).problems == ()


@pytest.mark.parametrize("record", BAD_CONTAINERS.values(), ids=BAD_CONTAINERS)
def test_a_bad_record_of_containers_does_not(record):
    assert containers.goes_on(record).problems != ()


STEPPED = clock_steps.Record(
    (clock_steps.Stepped({"k": HELD}, 5.0, {"k": AGAIN}),), closed(seen("k", 1.0), seen("k", 6.0))
)
GROUP = STEPPED.groups[0]
BAD_CLOCKS = {
    "sent by another at once": evolve(STEPPED, closed=closed(seen("k", 1.0), seen("k", 4.0))),
    "applied twice": evolve(STEPPED, closed=closed(*STEPPED.closed.seen, keys=("k", "k"))),
    "left unknown": evolve(STEPPED, groups=(evolve(GROUP, after={"k": HELD}),)),
    "reported while it was sent": evolve(
        STEPPED, groups=(evolve(GROUP, meanwhile={"k": AGAIN}), evolve(GROUP, meanwhile={"l": HELD}))
    ),
    "nothing was held": evolve(STEPPED, groups=(evolve(GROUP, meanwhile={}),)),
}


def test_a_good_record_of_clocks_fulfils_the_claim():
    assert clock_steps.one_sender(STEPPED).problems == ()


@pytest.mark.parametrize("record", BAD_CLOCKS.values(), ids=BAD_CLOCKS)
def test_a_bad_record_of_clocks_does_not(record):
    assert clock_steps.one_sender(record).problems != ()


ROUND = early_waits.Round(
    early_waits.BODY, "own", "first", ("then",), {"then": Effect.APPLIED}, 1.5, was_so=True
)
KEPT = early_waits.Record((ROUND,), closed(seen("first", 1.0, until=2.0), seen("then", 2.1)))
BAD_HOLDS = {
    "too early": evolve(KEPT, closed=closed(KEPT.closed.seen[0], seen("then", 1.9))),
    "lost": evolve(KEPT, rounds=(evolve(ROUND, effects={"then": Effect.NOT_APPLIED}),)),
    "not reported": evolve(KEPT, rounds=(evolve(ROUND, effects={}),)),
    "the body was there": evolve(KEPT, rounds=(evolve(ROUND, was_so=False),)),
    "begun too late": evolve(KEPT, rounds=(evolve(ROUND, let=2.0),)),
    "nothing was asked": evolve(KEPT, closed=closed(seen("then", 1.9))),
    "another kind of round": evolve(KEPT, rounds=(evolve(ROUND, what=early_waits.CONNECTING),)),
}


def test_a_good_record_of_holds_fulfils_the_claim():
    assert early_waits.kept(KEPT, early_waits.BODY).problems == ()


@pytest.mark.parametrize("record", BAD_HOLDS.values(), ids=BAD_HOLDS)
def test_a_bad_record_of_holds_does_not(record):
    assert early_waits.kept(record, early_waits.BODY).problems != ()


def test_what_a_child_prints_is_read():
    assert read(b"k UNKNOWN HELD 0.250000\n") == {"k": Told("UNKNOWN", "HELD", 0.25)}


@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False], ids=["as it is", "counted as ended"])
async def test_where_no_namespace_is_allowed_one_is_simulated(seen, tmp_path, monkeypatch):
    """The claim says so, and holds; it fails where a process that is not visible counts as ended."""
    monkeypatch.setattr(containers, "WAYS", (("false",), ("no-such-command",)))
    if not seen:
        monkeypatch.setattr(Sight, "runs", lambda *_: False)
    conducted = await CONTAINERS.conduct(Lab(tmp_path, SCALES["tiny"], 1, lambda _: None))
    [proof] = conducted.proofs
    assert (proof.holds, "a made-up one" in proof.finding.note) == (seen, True)
