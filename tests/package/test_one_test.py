"""Tables as one test: every row is tried, and each row that fails is named."""

import pytest
from one_test import one_test


def test_every_row_is_tried_and_each_that_fails_is_named() -> None:
    tried = []

    @one_test
    @pytest.mark.parametrize(("name", "value"), [pytest.param("a", 1, id="first"), ("b", 2), ("c", 3)])
    @pytest.mark.parametrize("kind", ["x", "y"], ids=str.upper)
    def check(name: str, kind: str, value: int) -> None:
        tried.append((name, kind, value))
        assert value != 2
        with pytest.raises(ValueError, match="c"):
            raise (TypeError if (value, kind) == (3, "x") else ValueError)("c")

    with pytest.raises(BaseExceptionGroup, match="3 of 6 rows") as caught:
        check()
    assert tried == [
        (name, kind, value) for kind in "xy" for name, value in zip("abc", (1, 2, 3), strict=True)
    ]
    assert [note for each in caught.value.exceptions for note in each.__notes__] == [
        "Row: 'b'-2, X",
        "Row: 'c'-3, X",
        "Row: 'b'-2, Y",
    ]


def test_a_table_without_rows_is_refused() -> None:
    @one_test
    @pytest.mark.parametrize("value", [])
    def check(value: int) -> None: ...

    with pytest.raises(AssertionError, match="without rows"):
        check()
