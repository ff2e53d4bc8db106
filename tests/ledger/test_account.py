"""The account of a ledger: a differing setting is named, and a wrong one binds the ledger to nothing."""

from decimal import Decimal

import pytest
from conftest import change, client_for, fast

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    ConfigurationError,
    Earn,
    Effect,
    Member,
    Raba7niClient,
    Raba7niCredentials,
    SqliteLedger,
)
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.account import account_text, another
from bonifiq_async.sandbox import FaultScript, Sandbox

HERE = account_text("API token", "12ab", "https://api.example")


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTPS://API.example:443", True),
        ("https://api.example:8443", False),
        ("https://api.example/sandbox", False),
        ("https://staging.example", False),
    ],
)
def test_a_base_url_is_compared_by_what_it_means(url, same):
    """By scheme, host, port and path: where one differs, it is another provider, whatever the token is."""
    assert (account_text("API token", "12ab", url) == HERE) is same


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            ("p", account_text("API token", "34cd", "https://api.example")),
            "with another API token. Nothing was sent; correct the API token, or name another ledger if",
        ),
        (
            ("p", account_text("API token", "12ab", "https://new.example")),
            "with the base URL https://api.example, not https://new.example. Nothing was sent; correct the",
        ),
        (
            ("p", account_text("API token", "34cd", "https://new.example")),
            "https://api.example, not https://new.example. Nothing was sent; correct the API token and the",
        ),
        (("q", HERE), "it was written for p, not for q. Nothing was sent; name another ledger."),
    ],
)
def test_what_differs_is_named(asked, sentence):
    """The message also says that another ledger sends everything again."""
    assert sentence in another("L", ("p", HERE), asked)


def test_accounts_without_settings_are_compared_as_a_whole():
    """A caller without named settings may bind a ledger."""
    assert "with another account. Nothing was sent; correct the account" in another(
        "L", ("p", "a"), ("p", "b")
    )


def test_the_text_holds_no_credential():
    """It is in the ledger, and is shown."""
    bonifiq = BonifiQClient(BasicCredentials("s3cret-token", "s3cret-key")).account
    raba7ni = Raba7niClient(Raba7niCredentials("s3cret-id", "s3cret-key")).account
    assert "s3cret" not in f"{bonifiq}{raba7ni}"
    assert "base URL=https://api.bonifiq.com.br" in bonifiq[1] and "app id=" in raba7ni[1]


@pytest.mark.parametrize("stands", ["applied", "in doubt"])
async def test_what_is_applied_or_in_doubt_keeps_a_ledger_to_its_account(stands, sandbox, tmp_path):
    """With the same token, a change that never reached another host would count as applied there."""
    server, other = sandbox(faults=FaultScript(["close-after"] * (stands == "in doubt"))), sandbox()
    settings = {"retry": fast(max_attempts=1)}
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        client_for(server, ledger=ledger, **settings) as client,
    ):
        await client.outcome_of(change())
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        BonifiQClient(server.credentials, base_url=other.url, ledger=ledger) as client,
    ):
        with pytest.raises(ConfigurationError, match=f"base URL {server.url}, not {other.url}"):
            await client.outcome_of(change())
    assert other.books.requests == 0


async def test_an_account_under_which_nothing_changed_is_replaced(sandbox, tmp_path):
    """A wrong token of the first run is corrected, and the ledger goes on; then it keeps the account."""
    server = sandbox()
    wrong = BasicCredentials("wrong", "wrong")
    for credentials, effect in ((wrong, Effect.REFUSED), (server.credentials, Effect.APPLIED)):
        async with (
            SqliteLedger(tmp_path / "l") as ledger,
            BonifiQClient(credentials, base_url=server.url, ledger=ledger) as client,
        ):
            assert (await client.outcome_of(change())).effect is effect
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        BonifiQClient(wrong, base_url=server.url, ledger=ledger) as client,
    ):
        with pytest.raises(ConfigurationError, match="another API token"):
            await client.outcome_of(change())


async def test_an_account_in_use_is_not_replaced(sandbox, tmp_path):
    """A client that is bound may send in the next moment."""
    server = sandbox()
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(server, ledger=ledger) as client:
        await ledger.bind(*client.account)
        with pytest.raises(ConfigurationError, match="another account"):
            await ledger.bind("bonifiq", "another")


async def test_a_ledger_of_one_provider_refuses_the_other(sandbox, tmp_path):
    """Its rows would not be understood."""
    refusing = sandbox(faults=FaultScript(["422"]))
    async with SqliteLedger(tmp_path / "l") as ledger, client_for(refusing, ledger=ledger) as client:
        assert (await client.outcome_of(change())).effect is Effect.REFUSED
    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        Raba7niClient(Raba7niCredentials("id", "key"), ledger=ledger) as client,
    ):
        with pytest.raises(ConfigurationError, match="for bonifiq, not for raba7ni"):
            await client.outcome_of(
                Earn(card_id=10, member=Member.by_id(1), purchase_amount=Decimal(1), reference="o")
            )


def test_the_command_goes_on_when_a_wrong_token_is_corrected(console, sandbox):
    """And says which setting differs once something is applied."""
    server = sandbox()
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    command = ("apply", "changes.csv", "--yes")
    assert console(*command, sandbox=server, BONIFIQ_API_TOKEN="wrong").code == Exit.USAGE
    assert console(*command, sandbox=server).code == Exit.DONE
    ended = console(*command, sandbox=server, BONIFIQ_API_TOKEN="wrong")
    assert ended.code == Exit.USAGE and "correct the API token" in ended.err
    assert "If the same account has a new API token, `apply --same-account` goes on here." in ended.err
    with Sandbox() as other:
        ended = console(*command, sandbox=server, BONIFIQ_BASE_URL=other.url)
    assert ended.code == Exit.USAGE and f"the base URL {server.url}, not {other.url}" in ended.err
    assert "--same-account" not in ended.err


def test_a_ledger_goes_on_with_a_new_token_of_the_same_account(console, sandbox):
    """When a person says so, once; never with another provider, and no ledger is made where there is none."""
    server = sandbox()
    console.write("changes.csv", "customer_id,value,reason,reference", "ana,1,r,o1")
    command = ("apply", "changes.csv", "--yes")
    assert console(*command, "--same-account", sandbox=server).code == Exit.USAGE
    assert console(*command, sandbox=server).code == Exit.DONE
    new = {"BONIFIQ_API_TOKEN": "new"}
    assert console(*command, sandbox=server, **new).code == Exit.USAGE
    for more in (["--same-account"], []):
        assert console(*command, *more, sandbox=server, **new).code == Exit.DONE
    assert console(*command, sandbox=server).code == Exit.USAGE
    assert server.books.requests == 1
    console.write("earns.csv", "operation,card_id,member_id,amount,reference", "earn,10,1,1,o")
    other = ("apply", "earns.csv", "--provider", "raba7ni", "--yes", "--ledger", "changes.csv.ledger")
    keys = {"RABA7NI_APP_ID": "id", "RABA7NI_API_KEY": "key"}
    ended = console(*other, "--same-account", sandbox=server, **keys)
    assert ended.code == Exit.USAGE and "for bonifiq, not for raba7ni" in ended.err
