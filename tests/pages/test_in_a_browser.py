"""The pages in a real browser: they load nothing, the console is silent, and they fit."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from browser import Seen, browser
from recorded import NOON, recorded

from bonifiq_async._pages import markup
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.afterwards.digest import Digest
from bonifiq_async.cli.afterwards.report_page import ReportHead, report_page
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.runs import Run, RunOrigin, RunState
from bonifiq_async.verification.finding import Figures, Finding, Proof, Timeline
from bonifiq_async.verification.page import Head, page

PHONE, SCREEN = 380, 1200
HOSTILE = "<script>console.log(1)</script><img src='//x.invalid/a.png'>\"'&"


def proven() -> str:
    """Return a page of `prove` with every possible part."""
    finding = Finding(Figures(changes=1_234_567, wrong=1), (HOSTILE, "k" * 300))
    timeline = Timeline(HOSTILE, 0.5, (4, 0, 6), (1, 0, 6), (0.2, 1.4), {HOSTILE: 7})
    return page(Head(HOSTILE, 3, 9.0, HOSTILE), [Proof("once", HOSTILE, "BonifiQ", finding)], [timeline])


def reported() -> str:
    """Return a report with every possible part, for a provider without repeats."""
    digest = Digest(lambda change: HOSTILE)
    for state in State:
        said = {"key": f"{HOSTILE}{'k' * 200}", "customer_id": HOSTILE, "error": f"{HOSTILE} {'e' * 300}"}
        digest.put(recorded(state, value=Decimal("-123456789.01"), **said))
    for days in range(400):
        digest.put(recorded(last_sent=NOON + 86_400 * days, error="settled by hand: seen"))
    origin = RunOrigin("apply", HOSTILE, HOSTILE, f"/{'folder/' * 40}{HOSTILE}.csv", "0" * 64)
    run = Run(1, origin, NOON, NOON + 60, RunState.ENDED, {"applied": 400, "not tried": 3})
    title = phrase("Run {run}", run=HOSTILE)
    head = ReportHead(Path(HOSTILE), title, datetime.now(UTC), adapter_for("raba7ni"))
    return report_page(head, digest, [run, evolve(run, ended=None, state=RunState.NOT_ENDED)])


PAGES = {"prove": proven, "report": reported}


@pytest.mark.slow
async def test_a_page_is_quiet_and_fits(tmp_path: Path) -> None:
    async with browser(tmp_path) as tab:
        for name, made in PAGES.items():
            path = tmp_path / f"{name}.html"
            path.write_text(made(), "utf-8")
            await tab.visit(path.as_uri())
            for width in (PHONE, SCREEN):
                papers = []
                for dark in (False, True):
                    assert await tab.show(width=width, dark=dark)
                    papers.append(await tab.value("getComputedStyle(document.body).backgroundColor"))
                assert papers == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]
            await tab.paper(tmp_path / f"{name}.pdf")
            assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert tab.seen == Seen([(tmp_path / f"{name}.html").as_uri() for name in PAGES], [])


@pytest.mark.slow
async def test_a_forbidden_request_of_a_page_is_noticed(tmp_path: Path) -> None:
    """The page's own policy forbids it, and the console says so."""
    path = tmp_path / "page.html"
    loud = "<script>console.log(1)</script><img src='http://127.0.0.1:9/a.png'><p style='color: red'>"
    path.write_text(markup.page("loud", loud), "utf-8")
    async with browser(tmp_path) as tab:
        seen = await tab.visit(path.as_uri())
    assert len([said for said in seen.console if "Content Security Policy" in said]) == 3
    path.write_text(loud, "utf-8")
    async with browser(tmp_path) as tab:
        seen = await tab.visit(path.as_uri())
    assert "http://127.0.0.1:9/a.png" in seen.requests and len(seen.console) > 0
