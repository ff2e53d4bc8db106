"""What check, apply and status show, as text files: in both languages, at 80 and 120 columns."""

import re
from pathlib import Path

import pytest
from console import Console

from bonifiq_async.cli import origin
from bonifiq_async.sandbox import FaultScript, Sandbox

SCREENS = Path(__file__).parent.parent / "data" / "screens"
CAMPAIGN = (
    "E-mail do cliente;Valor;Motivo;Pedido;Loja",
    "ana@exemplo.com.br;R$ 1.234,50;Campanha de verão;1001;Centro",
    "bia@exemplo.com.br;15,90;Campanha de verão;1002;Centro",
    "caio@exemplo.com.br;-3,00;Devolução;0996;Centro",
    "davi@exemplo.com.br;7,00;Campanha de verão;1003;Centro",
    "eva@exemplo.com.br;25 reais;Campanha de verão;1004;Centro",
)
APPLY = ("apply", "campanha.csv", "--map", "E-mail do cliente=customer_id", "--yes", "--skip-invalid")


def made_steady(text: str, folder: Path) -> str:
    """Return the screen without what differs from run to run: paths and times."""
    text = text.replace(f"{folder}/", "")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", "2026-11-30 14:05:09 -0300", text)
    text = re.sub(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d [+-]\d{4}", "30/11/2026 14:05:09 -0300", text)
    text = re.sub(r"\d{4}-\d\d-\d\d,", "2026-11-30,", text)  # the days of status
    return re.sub(r"\d\d/\d\d/\d{4},", "30/11/2026,", text)


def shown(console: Console, language: str) -> str:
    """Check a campaign, apply it, and look at the ledger.

    Another program has used the key of one change; one more is refused, and one stays unknown.
    """
    console.folder.joinpath("campanha.csv").write_text("\n".join(CAMPAIGN) + "\n", "utf-8")
    console.folder.joinpath("other.csv").write_text("\n".join([CAMPAIGN[0], CAMPAIGN[4]]) + "\n", "utf-8")
    speak = ("--language", language)
    faults = FaultScript(["slow", "slow", "422", "html-before"])
    with Sandbox(duplicates="error-400", faults=faults) as sandbox:
        commands = (
            ("check", *APPLY[1:4], *speak),
            (*APPLY, "--max-in-flight", "1", *speak),
            ("status", "campanha.csv.ledger", *speak),
        )
        assert console("apply", "other.csv", *APPLY[2:], "--no-ledger", sandbox=sandbox).code == 0
        texts = []
        for command in commands:
            ended = console(*command, sandbox=sandbox)
            texts.append(f"$ bonifiq {command[0]} ... exit {ended.code}\n{ended.err}--\n{ended.out}")
    return made_steady("\n".join(texts), console.folder)


def read_by_programs(console: Console, language: str) -> list[str]:
    """Return what a program reads of a run that half fails: JSON, outcomes, export, history."""
    folder = console.folder
    folder.joinpath("campanha.csv").write_text("\n".join(CAMPAIGN) + "\n", "utf-8")
    speak, ledger = ("--language", language), f"{language}.ledger"
    with Sandbox(duplicates="error-400", faults=FaultScript(["slow", "422", "html-before"])) as sandbox:
        said = [
            console("check", *APPLY[1:4], "--json", *speak).out,
            console(
                *APPLY,
                "--max-in-flight",
                "1",
                "--json",
                "--out",
                f"{language}.jsonl",
                "--ledger",
                ledger,
                *speak,
                sandbox=sandbox,
            ).out,
        ]
    said.append(folder.joinpath(f"{language}.jsonl").read_text("utf-8"))
    said.append(console("export", ledger, "--effect", "unknown", *speak).out)
    said.append(console("history", ledger, "--json", *speak).out)
    times = r"\d{4}-\d\d-\d\dT[\d:.+-]+"
    return [re.sub(r'"elapsed":[\d.]+', "", re.sub(times, "", text)) for text in said]


def test_what_programs_read_has_no_language(console: Console) -> None:
    english, portuguese = (read_by_programs(console, language) for language in ("en", "pt"))
    assert all(english) and '"effect":"unknown"' in english[2]
    assert english == portuguese


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_screens_of_a_campaign(
    console: Console, monkeypatch: pytest.MonkeyPatch, language: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(origin.getpass, "getuser", lambda: "ana")
    monkeypatch.setattr(origin.platform, "node", lambda: "loja")
    expected = SCREENS / f"campaign-{width}.{language}.txt"
    assert shown(console, language) == expected.read_text("utf-8")
