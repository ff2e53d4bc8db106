"""docs/how-to/many-workers.md: its commands, over a schema of their own, and its files."""

import configparser
import contextlib
from pathlib import Path

import pytest
import yaml
from page_blocks import PAGES, Reader, blocks_of
from postgres import SERVER, a_schema

from bonifiq_async.cli.exit_codes import Exit

PAGE = "docs/how-to/many-workers.md"
SHOWN = "postgresql://postgres@127.0.0.1:5432/test?schema=shop"
FILES = {block.title: block.code for block in blocks_of(PAGE) if block.title}


@pytest.mark.slow
def test_the_commands_do_what_the_page_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From one process to four workers, and the same by hand."""
    with contextlib.ExitStack() as open_until:
        database = open_until.enter_context(a_schema(made=False))
        text = PAGES[PAGE].replace(SHOWN, f"{SERVER}?schema={database.schema}")
        monkeypatch.setitem(PAGES, PAGE, text)
        Reader(monkeypatch, tmp_path, open_until).follow(PAGE)


def test_the_job_retries_what_can_go_on_and_nothing_else() -> None:
    job = yaml.safe_load(FILES["job.yaml"])["spec"]
    [rule] = job["podFailurePolicy"]["rules"]
    again = {Exit.STOPPED, Exit.INTERRUPTED}
    ends = {code for code in Exit if code not in (Exit.DONE, Exit.DIFFERS)}
    assert (rule["action"], set(rule["onExitCodes"]["values"])) == ("FailIndex", ends - again)
    [container] = job["template"]["spec"]["containers"]
    assert f"$(JOB_COMPLETION_INDEX)/{job['completions']}" in container["command"]
    assert job["completionMode"] == "Indexed" and job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_unit_restarts_what_can_go_on_and_nothing_else() -> None:
    unit = configparser.RawConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(FILES["cashback@.service"])
    service = unit["Service"]
    assert "--shard %i/4" in service["ExecStart"] and service["KillSignal"] == "SIGINT"
    assert set(map(int, service["SuccessExitStatus"].split())) == {3, 4, 6}
    assert set(map(int, service["RestartPreventExitStatus"].split())) == {Exit.BUG, Exit.USAGE}
