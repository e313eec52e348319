"""What both engines have in common."""

from __future__ import annotations

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.reconfigure.engines.contract import known


def test_known() -> None:
    """An engine is known by its name."""
    assert known("salt") == "salt"
    with pytest.raises(UsageError, match="no engine ansible") as caught:
        known("ansible")
    assert caught.value.hint == "one of direct, salt"
