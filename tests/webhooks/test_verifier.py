"""The header that the subscription was configured with: found, compared, and never shown."""

import copy
import hmac
import pickle
import traceback

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from one_test import one_test
from tracebacks import rendered
from webhook_servers import SECRET, VERIFIER

from bonifiq_async import ConfigurationError
from bonifiq_async._model.secret import Secret
from bonifiq_async.webhooks import Verifier

NAME = "X-Shop-Secret"
ACCEPTED = {
    "a mapping": {NAME: SECRET},
    "another case": {NAME.upper(): SECRET, "Host": "shop"},
    "aiohttp's": CIMultiDictProxy(CIMultiDict({NAME: SECRET})),
    "pairs of bytes": [(b"host", b"shop"), (NAME.lower().encode(), SECRET.encode())],
    "pairs of texts": [(NAME, SECRET)],
    "blanks around": [(b"x-shop-secret", b" " + SECRET.encode() + b"\t")],
}
REFUSED = {
    "nothing": {},
    "another header": {"X-Shop": SECRET},
    "another secret": {NAME: SECRET + "0"},
    "its beginning": {NAME: SECRET[:-1]},
    "another case of the secret": {NAME: SECRET.upper()},
    "empty": {NAME: ""},
    "twice": [(NAME, SECRET), (NAME, SECRET)],
    "twice, one wrong": [(NAME, "a"), (NAME.lower(), SECRET)],
    "joined": {NAME: f"{SECRET}, {SECRET}"},
    "letters beyond ASCII": {NAME: "é\ud800"},
    "bytes beyond ASCII": [(b"x-shop-secret", b"\xff\xfe")],
    "a name beyond ASCII": {"é\ud800": SECRET},
}


@one_test
@pytest.mark.parametrize("headers", ACCEPTED.values(), ids=ACCEPTED)
def test_the_header_is_accepted(headers) -> None:
    assert VERIFIER.check(headers) is True


@one_test
@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(headers) -> None:
    assert VERIFIER.check(headers) is False


def test_it_is_compared_in_constant_time(monkeypatch) -> None:
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda *both: compared.append(both) or True)
    assert VERIFIER.check({NAME: "wrong"}) is True
    assert compared == [(b"wrong", SECRET.encode())]


UNFIT = {
    "a blank name": (" ", SECRET),
    "a name with a colon": ("X:Y", SECRET),
    "a name that is no text": (None, SECRET),
    "an empty secret": (NAME, ""),
    "a secret with a line feed": (NAME, f"{SECRET}\n"),
    "a secret beyond ASCII": (NAME, f"{SECRET}é"),
    "a secret with a blank at its end": (NAME, f"{SECRET} "),
    "a secret that is no text": (NAME, SECRET.encode()),
    "a secret that was pickled": (NAME, pickle.loads(pickle.dumps(Secret(SECRET)))),
    "no secret": (NAME, None),
}


@one_test
@pytest.mark.parametrize(("name", "secret"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_be_meant_is_refused_without_the_secret(name, secret) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Verifier(name, secret)
    error = caught.value
    shown = [repr(error), str(error), rendered_inside(error), *traceback.format_exception(error)]
    assert not [text for text in shown if SECRET in text]


def rendered_inside(error: BaseException) -> str:
    """Return the traceback with locals, without the frame of the test, which has the secret."""
    return rendered(error.with_traceback(error.__traceback__.tb_next if error.__traceback__ else None))


def test_it_shows_no_secret() -> None:
    assert repr(VERIFIER) == "Verifier('x-shop-secret', Secret('***'))"
    assert SECRET.encode() not in pickle.dumps(VERIFIER)
    assert copy.deepcopy(VERIFIER).check({NAME: SECRET})
