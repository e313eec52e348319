"""Paths at which nothing can be put are refused with the reason."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.planning.places import refusal


@pytest.mark.parametrize("path", ["/etc/x", "/etc", "/usr/local/bin/x", "/var/lib/x", "/process"])
def test_allowed(path: str) -> None:
    """What can be written is refused nowhere."""
    assert refusal(path, ostree=False) == ""


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/proc/sys/x", "kernel"),
        ("/dev", "kernel"),
        ("/var/lib/infra-toolbox/record.json", "own record"),
        ("/etc/infra-toolbox/config.sha256", "own record"),
    ],
)
def test_refused(path: str, why: str) -> None:
    """The kernel's paths and our own are refused everywhere."""
    assert why in refusal(path, ostree=False)
    assert why in refusal(path, ostree=True)


def test_image() -> None:
    """Where ``/usr`` comes with an image, only that image changes it."""
    assert refusal("/usr/lib/x", ostree=False) == ""
    assert "image" in refusal("/usr/lib/x", ostree=True)
    assert "image" in refusal("/new", ostree=True)
    assert refusal("/usr/local/x", ostree=True) == ""
