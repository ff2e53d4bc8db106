"""The setting to correct that a run names when it stopped before any success."""

import re

import pytest
from console import Console, rows
from talking_server import TalkingServer

from bonifiq_async._model.errors import AuthenticationError, NotAppliedError, RetryAfterTooLong
from bonifiq_async._provider.spec import Environment
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.terminal.advice import setting_to_look_at

NAMES = Environment("BASE", ("TOKEN", "KEY"))
ADVICE = {
    "no connection": (
        NotAppliedError("no"),
        r"Is BASE right \(http://h\)\? .* no proxy .*--give-up-at-start",
    ),
    "a redirect": (NotAppliedError("no", status=301), r"Another server .* is BASE right \(http://h\)\?"),
    "a page": (NotAppliedError("no", status=200), r"Another server .* is BASE right \(http://h\)\?"),
    "a firewall": (NotAppliedError("no", status=403), r".*admitted, are TOKEN and KEY right, and is BASE"),
    "no address": (NotAppliedError("no", status=404), r".* its path too \(http://h\)\?"),
    "an error": (
        NotAppliedError("no", status=503),
        r".* is BASE right \(http://h\), and are TOKEN and KEY\?",
    ),
    "too much at once": (NotAppliedError("no", status=429), None),
    "a long wait": (RetryAfterTooLong("no", status=503), None),
    "credentials": (AuthenticationError("no", status=401), None),
}


@pytest.mark.parametrize(("error", "words"), ADVICE.values(), ids=ADVICE)
def test_the_setting_that_is_probably_wrong(error, words: str | None) -> None:
    advice = setting_to_look_at(error, NAMES, "http://h")
    assert advice is None if words is None else re.match(words, advice)


def test_a_ledger_with_doubts_of_the_wrong_address_is_named() -> None:
    advice = setting_to_look_at(NotAppliedError("no", status=502), NAMES, "http://h", bound=True)
    assert "--same-account" in advice


WRONG = {
    "404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found", r"its path too"),
    "another server's page": (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", r"Another server"),
    "503": (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", r"503: Service Unavailable"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_address_stops_the_command_and_the_right_one_lets_it_go_on(
    answer: bytes, words: str, console: Console, sandbox
) -> None:
    """Most rows were not sent; those that were sent changed nothing, and all are applied once."""
    console.write("changes.csv", *rows(100))
    command = ("apply", "changes.csv", "--yes", "--give-up-at-start", "1", "--max-in-flight", "8")
    right = sandbox()
    with TalkingServer(lambda _: answer) as server:
        ended = console(*command, sandbox=right, BONIFIQ_BASE_URL=server.url)
    assert ended.code == Exit.STOPPED, ended.err
    assert re.search(words, ended.err) and "is BONIFIQ_BASE_URL right" in ended.err
    assert "not tried" in ended.out
    again = (*command, "--same-account") if "--same-account" in ended.err else command
    assert ("--same-account" in ended.err) == (b"404" not in answer)
    assert console(*again, sandbox=right).code == Exit.DONE
    assert [len(right.books.effects(f"ADD-c{n % 10}-1-o{n}")) for n in range(100)] == [1] * 100
