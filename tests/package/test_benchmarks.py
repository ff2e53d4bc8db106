"""The benchmarks run, and report what they measured; no test judges the figures."""

import importlib.util
import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from postgres import needs_postgres

FOLDER = Path(__file__).parent.parent.parent / "benchmarks"


def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def loaded(monkeypatch):
    """Loads a module of the benchmarks."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


SMALL = {
    "overhead": [
        "--in-flight",
        "2",
        "--loops",
        "asyncio",
        "--runs",
        "1",
        "--seconds",
        "0",
        "--only",
        "SQLite",
    ],
    "batch": ["--sizes", "50"],
    "start": ["--runs", "1"],
    "delay": ["--changes", "50", "--in-flight", "2"],
    "flow": ["--seconds", "4", "--only", "100/s, burst 0.1 s", "--fixed"],
    "faults": ["--runs", "1", "--changes", "40", "--shares", "0.3", "--outage", "0"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_says_what_it_measured(name, tmp_path):
    """As JSON, with a chart that is well-formed and has a bar for each row."""
    done = run(name, *SMALL[name], "--json", "--svg", str(tmp_path / "chart.svg"))
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    rows = data.get("rows") or data["shares"]
    drawn = ElementTree.parse(tmp_path / "chart.svg").iter("{http://www.w3.org/2000/svg}rect")
    assert len([bar for bar in drawn if bar.get("class") in ("bar", "ours")]) == len(rows) > 0


STAT = """cpu  1 2 3 4 5 6 7 1000 9 10
cpu0 1 2 3 4 5 6 7 300 9 10
cpu1 1 2 3 4 5 6 7 700 9 10
cpu10 1 2 3 4 5 6 7 9999 9 10
intr 5
"""


@pytest.mark.parametrize(
    ("cores", "stat", "seconds"),
    [((0, 1), STAT, 5.0), ((1, None), STAT, 7.0), ((5, 6), STAT, None), ((0, 1), "cpu0 1\n", None)],
    ids=["two cores", "one core", "other cores", "none said"],
)
def test_the_time_stolen_by_the_host_is_reported_or_unknown(
    cores, stat, seconds, loaded, tmp_path, monkeypatch
):
    """Of the two cores of client and provider alone."""
    method, file = loaded("method"), tmp_path / "stat"
    file.write_text(stat)
    monkeypatch.setattr(method, "client_core", lambda: cores[0])
    monkeypatch.setattr(method, "server_core", lambda: cores[1])
    monkeypatch.setattr(method.os, "sysconf", lambda name: 100)
    assert method.stolen(str(file)) == seconds
    assert method.stolen(str(tmp_path / "missing")) is None


@pytest.mark.parametrize(
    ("measured", "tries"),
    [([2.0, 2.0, 2.0], 3), ([2.0, 1.0], 2), ([1.0], 1)],
    ids=["each time", "once", "never"],
)
def test_the_gate_fails_when_a_limit_is_passed_each_time(measured, tries, loaded, monkeypatch, capsys):
    """And names the change that costs more; `.ci/run` runs it as it is."""
    gate, found = loaded("regression"), iter(measured)
    single = "this client, single calls"
    monkeypatch.setattr(gate, "ratios", lambda turns: dict.fromkeys(gate.LIMITS, 1.0) | {single: next(found)})
    monkeypatch.setattr(sys, "argv", ["regression.py"])
    start = "A change has become dearer, 3 times out of 3.\nthis client, single calls: 2.00 of bare"
    with pytest.raises(SystemExit, match=start) if measured[-1] > 1 else nullcontext():
        gate.main()
    assert capsys.readouterr().out.count("the cheapest runs") == tries


def test_a_noisy_figure_is_marked(loaded):
    """One whose runs differ by more than the method allows, and no other."""
    figure = loaded("method").Figure
    assert figure.of([100, 90, 104]).mark == ""
    assert figure.of([100, 90, 106]).mark == " ~"
    assert figure.of([100, 90, 106]).median == 100


def test_only_the_section_of_that_name_is_renewed(loaded):
    """The text around it, and sections of other names, stay."""
    page = (
        "a\n<!-- figures: x -->\nold\n<!-- end -->\nb\n<!-- figures: x, in short -->\nkept\n<!-- end -->\nc\n"
    )
    renewed = loaded("renew").put(page, "x", r"new \1")
    assert renewed == page.replace("old", "\nnew \\1\n")


@pytest.mark.slow
def test_a_file_in_shards_is_applied_once_in_little_memory(tmp_path):
    """A smaller form of the whole size: one worker is killed, and its shard is taken over."""
    needs_postgres()
    done = run("shards", "--rows", "600", "--small", "100", "--shards", "2", "--kills", "1", "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    small, large = found["files"]
    assert (large["rows"], large["lost"], large["doubled"], large["wrong"]) == (600, 0, 0, 0)
    assert min(small["peak"], large["peak"]) > 10 and found["more"] < 40
