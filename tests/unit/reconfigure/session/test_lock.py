"""Who changes a machine is told to whoever waits for it."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.session import lock


@pytest.mark.parametrize(
    ("said", "who"),
    [
        (b"busy anna@desk since noon\n", "anna@desk since noon"),
        (b"noise\nbusy anna@desk\n", "anna@desk"),
        (b"", "somebody else"),
        (b"busy \xff\n", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_who(said: bytes, who: str) -> None:
    """The last line tells the name; without one it is somebody."""
    assert lock.busy("web", said).message == f"{who} is changing web"
