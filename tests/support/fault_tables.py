"""How the tables of faults are written: a letter for the verdict of each attempt."""

from bonifiq_async import Verdict

LETTERS = {
    "N": Verdict.NOT_SENT,
    "A": Verdict.ACCEPTED,
    "D": Verdict.DUPLICATE,
    "R": Verdict.REFUSED,
    "T": Verdict.THROTTLED,
    "B": Verdict.BROKEN,
    "L": Verdict.LOST,
    "U": Verdict.UNREADABLE,
}
