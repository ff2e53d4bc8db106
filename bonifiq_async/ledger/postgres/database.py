"""Which database and schema a ledger lies in: the URL that is given, without a secret in it."""

import re
from collections.abc import Hashable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from attrs import frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError

SCHEMA = "bonifiq"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SECRETS = ("password", "sslpassword")
_OWN = "schema"
"""What the URL of a ledger says beside what a URL of PostgreSQL does."""


def is_url(text: str) -> bool:
    """Say whether a text names a ledger in PostgreSQL, and not a file."""
    return text.startswith(("postgresql://", "postgres://"))


@frozen
class Database:
    """A schema of a database. `dsn` is what PostgreSQL's programs take.

    `pgbouncer` says that PgBouncer answers there, which gives each transaction another session.
    """

    dsn: str
    schema: str
    pgbouncer: bool = False

    @classmethod
    def of(cls, url: object, schema: object = SCHEMA, *, pgbouncer: bool = False) -> "Database":
        """Return what a URL names; `?schema=` in it counts before `schema`.

        Raises `ConfigurationError` for what is no such URL, for one with a password in it, and for a
        schema whose name is none in lower-case letters, digits and underscores. No error repeats the URL.
        """
        if not isinstance(url, str) or not is_url(url):
            kind = "a text of another form" if isinstance(url, str) else validation.shown(url)
            raise ConfigurationError(
                f"dsn must be a URL such as postgresql://user@host/database, not {kind}. Nothing was sent."
            )
        try:
            parts = urlsplit(url)
            said = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
            secret = parts.password is not None
            if "/" in parts.path[1:]:  # such as a scheme that was written twice: what stands there is unknown
                raise ValueError
        except ValueError:
            raise ConfigurationError(
                "dsn is no URL that can be read. Nothing was sent; write it as "
                f"postgresql://user@host:5432/database?schema={SCHEMA}."
            ) from None
        if secret or any(name in _SECRETS for name, _ in said):
            raise ConfigurationError(
                "The URL of the ledger has a password in it, which logs and process lists would show. "
                "Nothing was sent; put it into PGPASSWORD or the password file (PGPASSFILE, ~/.pgpass), and "
                "take it out of the URL."
            )
        schema = dict(said).get(_OWN, schema)
        if not isinstance(schema, str) or not _NAME.fullmatch(schema) or schema.startswith("pg_"):
            raise ConfigurationError(
                "schema must be a name of lower-case letters, digits and underscores that does not begin "
                f"with a digit or pg_, not {validation.shown(schema)}. Nothing was sent."
            )
        rest = urlencode([(name, value) for name, value in said if name != _OWN])
        return cls(urlunsplit(parts._replace(query=rest)), schema, pgbouncer)

    @property
    def identity(self) -> Hashable:
        """What tells this schema from another: host and port, database, schema."""
        parts = urlsplit(self.dsn)
        return (parts.netloc.rpartition("@")[2], parts.path, self.schema)

    def __str__(self) -> str:
        """Return what a person calls it."""
        parts = urlsplit(self.dsn)
        place = parts.netloc.rpartition("@")[2] or "this machine"
        return f"{unquote(parts.path.lstrip('/')) or 'postgres'} at {place}, schema {self.schema}"
