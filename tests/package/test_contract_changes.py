"""The comparison with the contract can fail: a small change of BonifiQ's, wherever it is, makes it red."""

import random
import re
from collections.abc import Mapping

import pytest
from compared_operations import CHECKS, endpoints_of
from compared_payloads import PAIRS, check_error_names, check_payload
from contract_changes import Change, changes
from contracts import CONTRACTS

from bonifiq_async.bonifiq.operations.table import OPERATIONS

CONTRACT = CONTRACTS["bonifiq"]
TRIED = 12
"""Of each kind, of more than six thousand changes."""
SURVIVES: Mapping[str, str] = {
    r".* at components/.*/nullable": (
        "what is sent leaves out what it has not, and of many answers it is not known what may be null"
    ),
    r".* at paths/.*/schema/(nullable|default)": "a parameter that is not given is left out",
    r"more at components/.*/required": "what is demanded already; an answer is read without what it lacks",
    r".* at components/.*/x-(source|nullability|incomplete|doc-page|type-unknown)": "it says how sure it is",
    r".* at paths/.*/octet-stream/schema/format": "JSON is read, of a shape that is not known",
    r".* at paths/.*/x-incomplete": "of what is unverified, that says more",
    r".* at components/schemas/OrderCancelStatus/.*": "numbers without a name are read as they come",
    r"(a number|less|a key) at components/schemas/RedeemOrigin/enum.*": "the same",
}
"""Changes that no comparison can find, each with the reason."""


def differs(document: Mapping[str, Mapping[str, object]]) -> bool:
    """Say whether the package is not what a contract says."""
    try:
        assert [(each.method, each.path) for each in OPERATIONS] == list(endpoints_of(document))
        for operation in OPERATIONS:
            for check in CHECKS:
                check(document, operation)
        for provider, kind, schema in PAIRS:
            if provider == "bonifiq":
                check_payload(document, kind, schema)
        check_error_names(document)
    except (AssertionError, LookupError, TypeError, ValueError, AttributeError):
        return True  # what is not there, or is of another kind, differs too
    return False


def all_changes() -> list[Change]:
    """Return every change of what the contract says of the operations and their payloads."""
    return [
        *changes(CONTRACT["paths"], ("paths",)),
        *changes(CONTRACT["components"]["schemas"], ("components", "schemas")),
    ]


def reason(change: Change) -> str | None:
    """Return why a change may stay unseen, None where it must be seen."""
    return next((why for shape, why in SURVIVES.items() if re.fullmatch(shape, str(change))), None)


@pytest.mark.slow
def test_a_small_change_of_the_contract_is_found() -> None:
    """Some of each kind, by chance, but the same ones each time; what is not seen has a reason."""
    assert not differs(CONTRACT)
    by_kind: dict[str, list[Change]] = {}
    for change in all_changes():
        by_kind.setdefault(change.kind, []).append(change)
    chance = random.Random(7)
    chosen = [each for found in by_kind.values() for each in chance.sample(found, min(TRIED, len(found)))]
    unseen = [each for each in chosen if not differs(each.applied(CONTRACT))]
    assert [str(each) for each in unseen if reason(each) is None] == []
    assert len(chosen) == 6 * TRIED and len(unseen) < len(chosen) / 2


@pytest.mark.slow
def test_each_reason_is_of_a_change_that_is_not_seen() -> None:
    for shape in SURVIVES:
        fitting = (each.applied(CONTRACT) for each in all_changes() if re.fullmatch(shape, str(each)))
        assert any(not differs(changed) for changed in fitting), shape
