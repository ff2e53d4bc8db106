"""A hostile provider, and texts with invisible characters or terminal commands."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bonifiq_async import CashbackChange

# Invisible: a bidirectional override, an isolate, a zero width space, separators, a soft hyphen, a tag.
HIDING = "\u202e\u2066\u200b\u2028\u2029\xad\U000e0041"
# Terminal commands: an OSC that names the window, a colour, a C1 control, a line feed.
OBEYED = "\x1b]0;owned\x07\x1b[31m\x9b2J\r\nDONE: all applied\x7f\x00"
KEY = "k\u2028\u2029\ue000k"
"""The same in a key, which is refused with other invisible characters."""
HOSTILE = f"[bold]x[/bold]{HIDING}{OBEYED}"
NAME = f"f{HOSTILE}".replace("\x00", "").replace("/", "")
"""What a file may be called."""


def raw(text: str) -> list[str]:
    """Return the characters that no screen may have."""
    return [char for char in text if not char.isprintable() and char != "\n"]


ENVELOPE = {"HasError": True, "ErrorMessage": HOSTILE, "Code": HOSTILE, "CodeName": HOSTILE, "Severity": 2}
RABA7NI_NO = {
    "success": False,
    "error": {"code": HOSTILE, "message": HOSTILE},
    "meta": {"request_id": HOSTILE},
}
WARNING = ENVELOPE | {
    "HasError": False,
    "HasWarning": True,
    "Severity": 1,
    "Result": {"CustomerExists": True},
}
REFUSALS = {
    "refused": (400, json.dumps(ENVELOPE).encode()),
    "refused with 200": (200, json.dumps(ENVELOPE).encode()),
    "credentials": (401, json.dumps(ENVELOPE).encode()),
    "broken": (500, json.dumps(ENVELOPE).encode()),
    "a page": (200, f"<html>{HOSTILE}".encode()),
    "no address": (404, f"<html>{HOSTILE}".encode()),
    "a page of a refusal": (409, f"<html>{HOSTILE}".encode()),
    "a wrong member": (200, json.dumps({"HasError": False, "Result": {HOSTILE: 1, "Name": 7}}).encode()),
    "a warning": (200, json.dumps(WARNING).encode()),
    "raba7ni refused": (422, json.dumps(RABA7NI_NO).encode()),
    "raba7ni refused with 200": (200, json.dumps(RABA7NI_NO).encode()),
    "raba7ni unknown card": (200, json.dumps({"success": True, "data": {HOSTILE: {"id": "x"}}}).encode()),
}
Answer = tuple[int, bytes]


@contextmanager
def provider(answer: Callable[[str], Answer]) -> Iterator[str]:
    """Serve what `answer` returns for each path; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body would wait 40 ms for the acknowledgement of its head

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_PUT = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(url: str) -> dict[str, str]:
    """Return the settings of both providers' clients."""
    return {
        "BONIFIQ_BASE_URL": url,
        "BONIFIQ_API_TOKEN": "a",
        "BONIFIQ_API_KEY": "b",
        "RABA7NI_BASE_URL": url,
        "RABA7NI_APP_ID": "a",
        "RABA7NI_API_KEY": "b",
    }


def change(name: str = f"c{HIDING}") -> CashbackChange:
    """Return a change with such characters in every text."""
    return CashbackChange(name, Decimal(1), f"r{HIDING}", KEY)
