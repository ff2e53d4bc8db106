"""The programs of docs/how-to type-check; those for task queues do so in tests/recipes."""

from pathlib import Path

import pytest
from typed_pages import HOW_TO, check_types


@pytest.mark.slow
def test_every_program_is_accepted(tmp_path: Path) -> None:
    check_types(HOW_TO, tmp_path)
