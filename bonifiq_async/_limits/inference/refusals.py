"""Refusals that belong together: one wait, and what became of the requests beside the first of them."""

from attrs import define


@define
class Refusals:
    """What was refused at about the same time: first `received` of one that was `sent`, with this `status`.

    `holds` says that nothing is sent now, `asked` that the provider asks for it. `places` is how many may be
    in flight; `good` and `refused` count the answers to what left between `since` and `until`.
    """

    received: float
    sent: float
    status: int | None
    holds: bool
    asked: bool
    since: float
    until: float = float("inf")
    places: float = 1.0
    many: int = 1
    good: int = 0
    refused: int = 0

    def counts(self, left: float) -> bool:
        """Say whether what left then counts."""
        return self.since < left <= self.until
