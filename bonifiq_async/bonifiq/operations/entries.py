"""How an entry of the table says where it is documented, and why its repeat is safe or not."""

from bonifiq_async._model.operation import Certainty, Documented

READS = "it changes nothing"
SAME_AGAIN = "it says what is to be; the same again changes nothing"
UNDONE_ONCE = "it takes something away; a second time there is nothing left to take"
BY_KEY = "the provider counts its key once"
UNDONE_BY = (
    "bonifiq.pos.cancel_redeem",
    "bonifiq.pos.cancel_redeem_by_key",
    "bonifiq.checkout.remove_cashback",
    "bonifiq.checkout.refresh",
)
"""What takes a redeem back: a ledger has it under the key of the redeem, which then makes none again."""
COUPON = (("reward_id", int), ("external_code", str))
"""What a redeem is used and cancelled with."""


def read(
    called: str, source: str, payload: type[object] | None = None, *, largest: int | None = None
) -> Documented:
    """Return where a read is documented; `largest` is the largest size of a page."""
    return Documented(called, Certainty.PAGE, source, READS, payload=payload, largest_page=largest)


def write(
    called: str,
    source: str,
    why: str,
    payload: type[object] | None = None,
    *,
    key: str | None = None,
    unanswered: str = "",
) -> Documented:
    """Return where a write is documented, and why its repeat is of its class; `key` is its JSON name.

    `unanswered` is that of `Documented`.
    """
    return Documented(called, Certainty.PAGE, source, why, payload=payload, key=key, unanswered=unanswered)
