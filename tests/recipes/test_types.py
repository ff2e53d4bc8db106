"""The recipes type-check, where the extra `recipes` is installed: mypy has to find what they import."""

from pathlib import Path

import pytest
from recipe_runs import PAGE, needs
from typed_pages import check_types

WITHOUT_TYPES = """
[mypy-celery.*]
ignore_missing_imports = true
[mypy-with_celery]
disallow_untyped_decorators = false
"""
"""Celery carries no types: what it gives is `Any`, and its decorators are untyped."""


@pytest.mark.slow
def test_every_recipe_is_accepted(tmp_path: Path) -> None:
    for package in ("celery", "taskiq", "taskiq_aio_pika", "taskiq_redis", "temporalio", "dbos"):
        needs(package)
    check_types([PAGE], tmp_path, WITHOUT_TYPES)
