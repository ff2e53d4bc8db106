"""What a member's sign-in answers, of which nobody has published the shape: kept whole, and secret."""

from collections.abc import Iterator, Mapping

from attrs import frozen

from bonifiq_async.converters import LEVELS, decode
from bonifiq_async.errors import PayloadError
from bonifiq_async.raba7ni.member import MemberToken
from bonifiq_async.secret import Secret


@frozen
class SignedIn:
    """The answer to a right one-time code. The name of the token in it is not documented: `names` lists all.

    Its repr and its pickle hold nothing of the answer.
    """

    answer: Secret

    def names(self) -> tuple[str, ...]:
        """Return where texts stand in the answer, such as `token` or `member.name`."""
        return tuple(self._texts())

    def token(self, name: str) -> MemberToken:
        """Return the text that stands under `name`. Raises `PayloadError` listing the names there are."""
        texts = self._texts()
        if name not in texts:
            raise PayloadError(f"there is no text {name!r}; there are: {', '.join(texts)}", path=name)
        return MemberToken(texts[name])

    def _texts(self) -> Mapping[str, str]:
        return dict(_leaves(decode(self.answer.reveal().encode()), ""))


def _leaves(value: object, path: str, levels: int = LEVELS) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and levels:
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else name, levels - 1)
    elif isinstance(value, str) and value.strip():
        yield path, value
