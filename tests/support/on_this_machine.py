"""What a test needs of the machine: without it, a test is skipped, and in the whole check it fails."""

import os

import pytest


def skip_without(found: object, reason: str) -> None:
    """Skip the running test where what it needs was not `found`.

    In the whole check (`WHOLE_CHECK` in the environment, as `.ci/run` sets it) that is a failure: what is not
    tried there is tried nowhere.
    """
    if found:
        return
    if os.environ.get("WHOLE_CHECK"):
        pytest.fail(f"{reason}, and the whole check leaves nothing out", pytrace=False)
    pytest.skip(reason)
