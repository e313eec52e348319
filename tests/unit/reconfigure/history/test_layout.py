"""Folders that every machine has stay; others are ours."""

from __future__ import annotations

import pytest

from toolbox.lib.reconfigure.history.layout import is_base


@pytest.mark.parametrize(
    "path", ["/etc", "/etc/ssh", "/etc/systemd/system", "/var/home/ana", "/usr/lib/x/y", "/srv"]
)
def test_base(path: str) -> None:
    """Those of a system, and homes, are everywhere."""
    assert is_base(path)


@pytest.mark.parametrize(
    "path", ["/etc/ssh/sshd_config.d", "/srv/web", "/home/ana/x", "/usr/local/x", "/var/lib/web"]
)
def test_not_base(path: str) -> None:
    """What somebody makes below them is not."""
    assert not is_base(path)
