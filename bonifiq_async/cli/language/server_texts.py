"""Sentences about ledgers in a database and about brokers, as those of `library_texts`."""

from bonifiq_async.cli.language.phrase import phrase

SENTENCES = (
    phrase(
        "The ledger {ledger} cannot be used: {why}. Nothing was sent.",
        ledger="",
        why="",
    ),
    phrase(
        "The ledger {ledger} cannot be written: {why}. Correct that at the server, then run again.",
        ledger="",
        why="",
    ),
    phrase(
        "The ledger {ledger} has not taken the change in the time of the call, which sent nothing: "
        "{why}. See to the server, then run again.",
        ledger="",
        why="",
    ),
    phrase(
        "The ledger {ledger} has no tables yet. Nothing was sent; have a role that may create "
        "tables run `bonifiq ledger migrate URL`, which keeps what is there.",
        ledger="",
    ),
    phrase(
        "The ledger {ledger} has version {version}, and this program needs {known}. Nothing was "
        "sent; have a role that may create tables run `bonifiq ledger migrate URL`, which keeps "
        "what is there.",
        ledger="",
        version="",
        known="",
    ),
    phrase(
        "The ledger {ledger} has version {version}, and this program knows no more than {known}. "
        "Nothing was sent; install the bonifiq-async that the other programs have.",
        ledger="",
        version="",
        known="",
    ),
    phrase(
        "The ledger {ledger} takes no more from this worker: another one has taken over its shard. "
        "What was in flight is accounted for; nothing else was sent.",
        ledger="",
    ),
    phrase(
        "The URL of the ledger has a password in it, which logs and process lists would show. "
        "Nothing was sent; put it into PGPASSWORD or the password file (PGPASSFILE, ~/.pgpass), and"
        " take it out of the URL.",
    ),
    phrase(
        "dsn is no URL that can be read. Nothing was sent; write it as "
        "postgresql://user@host:5432/database?schema=bonifiq.",
    ),
    phrase(
        "dsn must be a URL such as postgresql://user@host/database, not a text of another form. "
        "Nothing was sent.",
    ),
    phrase(
        "schema must be a name of lower-case letters, digits and underscores that does not begin "
        "with a digit or pg_, not {given}. Nothing was sent.",
        given="",
    ),
    phrase(
        "{setting} in the URL of a ledger is yes or no. Nothing was sent.",
        setting="",
    ),
    phrase(
        "A ledger in PostgreSQL needs asyncpg. Nothing was sent; install it: pip install "
        "'bonifiq-async[postgres]'.",
    ),
    phrase(
        "The file {file} is applied in {shards} shards, and its content was another one. Nothing "
        "was sent; let all workers have the same file, or give another one a name of its own.",
        file="",
        shards="",
    ),
    phrase(
        "The file {file} is applied in {shards} shards, not in {asked}. Nothing was sent; give "
        "every worker the number with which it began.",
        file="",
        shards="",
        asked="",
    ),
    phrase(
        "The broker has no {kind} {name}. Nothing was read and nothing given back; look at the name"
        " and the URL. A consumer makes it when it starts.",
        kind="",
        name="",
    ),
    phrase(
        "The broker cannot be reached: {why}. Nothing was read and nothing given back; look at the "
        "URL and at BONIFIQ_BROKER_PASSWORD.",
        why="",
    ),
    phrase(
        "The URL has a password, which other processes of this machine can see. Nothing was read; "
        "put it into BONIFIQ_BROKER_PASSWORD.",
    ),
    phrase(
        "The URL of a broker begins with one of {known}. Nothing was read.",
        known="",
    ),
)
"""What an error says as a whole."""
