"""The account of a ledger, as a text that tells which setting makes two accounts differ.

The text has a line for each setting, `name=value`. Its values are no secrets: a digest, a base URL.
"""

from urllib.parse import urlsplit

BASE_URL = "base URL"
DEFAULT_PORTS = {"http": 80, "https": 443}


def account_text(credential: str, digest: str, base_url: str) -> str:
    """Return what tells an account from another: what the `credential` is called, its digest, and where."""
    parts = urlsplit(base_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{credential}={digest}\n{BASE_URL}={parts.scheme}://{host}{port}{parts.path}"


def settings_in(account: str) -> dict[str, str]:
    """Return the settings of an account's text, by name; of a text of another form, that as `account`."""
    lines = (line.partition("=") for line in account.splitlines())
    return {name: value for name, _, value in lines} if "=" in account else {"account": account}


def another(ledger: str, held: tuple[str, str], asked: tuple[str, str]) -> str:
    """Return the refusal of `ledger`, which holds `held` (provider and text), to a client of `asked`."""
    begin = f"{ledger} is of another account: it was written"
    if held[0] != asked[0]:
        return f"{begin} for {held[0]}, not for {asked[0]}. Nothing was sent; name another ledger."
    before, now = settings_in(held[1]), settings_in(asked[1])
    differing = [name for name in now if before.get(name) != now[name]]
    told = " and ".join(_told(name, before.get(name), now[name]) for name in differing)
    renewed = BASE_URL not in differing and BASE_URL in now
    return (
        f"{begin} with {told}. Nothing was sent; correct the {' and the '.join(differing)}, or name another "
        "ledger if this is meant: everything goes out again there, also what is applied already."
        + f" If the same account has a new {differing[0]}, `apply --same-account` goes on here."
        * renewed
    )


def _told(name: str, before: str | None, now: str) -> str:
    return f"the {name} {before}, not {now}" if name == BASE_URL and before else f"another {name}"
