"""PINs that were sent to customers at the point of sale."""

from attrs import define, field


@define
class Challenge:
    """The last PIN that a customer was sent, for which purchase, and whether it came back."""

    transaction: str | None
    pin: str = field(repr=False)
    is_validated: bool = False


class Challenges:
    """The PINs by customer; `sent` counts the messages of each, since each one goes to a person."""

    def __init__(self) -> None:
        self._last: dict[str, Challenge] = {}
        self._sent: dict[str, int] = {}

    def send(self, customer_id: str, challenge: Challenge) -> None:
        """Write down that a PIN was sent."""
        self._last[customer_id] = challenge
        self._sent[customer_id] = self.sent(customer_id) + 1

    def sent(self, customer_id: str) -> int:
        """Return how many PINs a customer was sent."""
        return self._sent.get(customer_id, 0)

    def last(self, customer_id: str) -> Challenge | None:
        """Return the last one of a customer."""
        return self._last.get(customer_id)
